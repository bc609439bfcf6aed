package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

const (
	requiredBody = `{"message":"Credentials required","cause":"No username or password provided to retrieve token"}`
	limitedBody  = `{"message":"Request rate exceeded","cause":"Rate of requests from your IP exceeded","details":["Request to /users/access_token"]}`
)

// withCredentials is a sign-in; headers follow as they are sent.
func withCredentials(headers ...string) *http.Request {
	return askAlice("GET", "/users/access_token", "", headers...)
}

func TestSignInHeaders(t *testing.T) {
	h := newHousehold(t)
	const wild = "Übung 100% a+b/ 夜"
	_, err := h.pda.SetPassword(t.Context(), alice, wild, "a test")
	h.must(err)
	for _, tc := range []struct {
		name    string
		headers []string
		status  int
		body    string
	}{
		{"encoded as a query", []string{"Username", "alice", "Password", url.QueryEscape(wild)}, 200, ""},
		{"encoded as a path", []string{"Username", "%61lice", "Password", strings.ReplaceAll(url.QueryEscape(wild), "+", "%20")}, 200, ""},
		{"as it is, which is no encoding", []string{"Username", "alice", "Password", wild}, 200, ""},
		{"names of headers in another case", []string{"USERNAME", "alice", "password", url.QueryEscape(wild)}, 200, ""},
		{"wrong", []string{"Username", "alice", "Password", "wrong"}, 401, notAuthenticatedBody},
		{"unknown user", []string{"Username", "mallory", "Password", url.QueryEscape(wild)}, 401, notAuthenticatedBody},
		{"name in another case", []string{"Username", "Alice", "Password", url.QueryEscape(wild)}, 401, notAuthenticatedBody},
		{"no headers", nil, 401, requiredBody},
		{"no password", []string{"Username", "alice"}, 401, requiredBody},
		{"no username", []string{"Password", "x"}, 401, requiredBody},
		{"empty both", []string{"Username", "", "Password", ""}, 401, notAuthenticatedBody},
		{"invalid escape", []string{"Username", "alice", "Password", "%zz"}, 401, notAuthenticatedBody},
		{"escape cut", []string{"Username", "%", "Password", "%4"}, 401, notAuthenticatedBody},
		{"zero byte", []string{"Username", "alice%00", "Password", url.QueryEscape(wild)}, 401, notAuthenticatedBody},
		{"not UTF-8", []string{"Username", "%ff%fe", "Password", "%ff"}, 401, notAuthenticatedBody},
		{"username twice", []string{"Username", "alice", "Username", "alice", "Password", "x"}, 400, ""},
		{"password twice", []string{"Username", "alice", "Password", "x", "Password", url.QueryEscape(wild)}, 400, ""},
		{"a megabyte of password", []string{"Username", "alice", "Password", strings.Repeat("p", 1<<20)}, 401, notAuthenticatedBody},
		{"a megabyte of escapes", []string{"Username", strings.Repeat("%41", 350_000), "Password", "x"}, 401, notAuthenticatedBody},
		{"underscored alias", []string{"User_name", "alice", "Pass_word", "x"}, 401, requiredBody},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.t = t
			h.advance(2 * time.Hour) // so that no attempt is one too many
			r := withCredentials()
			for i := 0; i+1 < len(tc.headers); i += 2 {
				r.Header.Add(tc.headers[i], tc.headers[i+1])
			}
			a := h.send(r).want(tc.status, tc.body)
			if (a.fresh() != "") != (tc.status == 200) || a.forwarded != nil {
				t.Error("a token for nothing, none for something, or passed on")
			}
			if tc.status == 200 && a.Body.String() != `{"accessToken":"`+a.fresh()+`","userId":"`+aliceID+`"}` {
				t.Errorf("body %s", a.Body)
			}
		})
	}
}

func TestUnknownUserAndWrongPasswordAreAnsweredAlike(t *testing.T) {
	h := newHousehold(t)
	h.advance(time.Minute)
	wrong := h.send(withCredentials("Username", "alice", "Password", "wrong"))
	unknown := h.send(withCredentials("Username", "mallory", "Password", "wrong"))
	if wrong.Code != unknown.Code || wrong.Body.String() != unknown.Body.String() || fmt.Sprint(wrong.Header()) != fmt.Sprint(unknown.Header()) {
		t.Errorf("%d %v %s\n%d %v %s", wrong.Code, wrong.Header(), wrong.Body, unknown.Code, unknown.Header(), unknown.Body)
	}
	_, err := h.store.EnableAccount(t.Context(), people, alice, false, "a test")
	h.must(err)
	if disabled := h.send(withCredentials("Username", "alice", "Password", alicePassword)); disabled.Body.String() != unknown.Body.String() || disabled.Code != 401 {
		t.Errorf("a disabled account: %d %s", disabled.Code, disabled.Body)
	}
}

func TestSignInsBeyondTheLimits(t *testing.T) {
	for _, status := range []int{429, 400} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			h := newHousehold(t, func(c *pda.Config) { c.LimitStatus = status })
			token := h.signIn() // so that home is known
			attempt := func(from, username, password string) *answered {
				return h.sendFrom(from, withCredentials("Username", username, "Password", password))
			}
			for i := range 5 {
				if got := attempt("198.51.100.9", []string{"alice", "x", "y", "ALICE", "z"}[i], "wrong"); got.Code != 401 {
					t.Fatalf("attempt %d: %d", i, got.Code)
				}
			}
			a := attempt("198.51.100.9", "alice", alicePassword).want(status, limitedBody)
			if a.Header().Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", a.Header()["Retry-After"])
			}
			h.advance(time.Second)
			attempt("198.51.100.9", "alice", "wrong").want(401, notAuthenticatedBody)
			if a := attempt("198.51.100.9", "alice", "wrong").want(status, limitedBody); a.Header().Get("Retry-After") != "2" {
				t.Errorf("Retry-After %q after another failure", a.Header()["Retry-After"])
			}
			// The owner, at home or elsewhere, signs in; and his tokens go on.
			attempt(home, "alice", alicePassword).want(200, "")
			attempt("203.0.113.80", "alice", alicePassword).want(200, "")
			h.wantStatus(200, map[string]string{"of before": token})
			h.advance(2 * time.Second)
			attempt("198.51.100.9", "alice", alicePassword).want(200, "")
		})
	}
}

func TestAttackersOfManyNetworksDoNotLockTheOwnerOut(t *testing.T) {
	h := newHousehold(t)
	h.signIn()
	for i := range 40 {
		h.sendFrom(fmt.Sprintf("198.51.100.%d", i), withCredentials("Username", "alice", "Password", "wrong"))
	}
	h.signIn()
	a := h.sendFrom("203.0.113.80", withCredentials("Username", "alice", "Password", "wrong"))
	a.want(401, notAuthenticatedBody)
	a = h.sendFrom("203.0.113.80", withCredentials("Username", "alice", "Password", "wrong")).want(429, limitedBody)
	if a.Header().Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q for a second guess under pressure", a.Header()["Retry-After"])
	}
}

func TestChangingThePasswordIsLimitedAsSigningInIs(t *testing.T) {
	h := newHousehold(t)
	token := h.signIn()
	body := `{"newPassword":"four crimson pelicans","password":"wrong"}`
	for range 5 {
		h.send(askAliceWith("POST", "/control/v2/auth/password", token, body)).want(403, `{"message":"Invalid password","cause":"Old password invalid"}`)
	}
	if a := h.send(askAliceWith("POST", "/control/v2/auth/password", token, body)).want(429, ""); a.fresh() == "" || a.Header().Get("Retry-After") == "" {
		t.Errorf("token %q, Retry-After %q", a.fresh(), a.Header()["Retry-After"])
	}
}

func TestManySignInsAtOnceAreBusyAndNotHarmful(t *testing.T) {
	h := newHousehold(t)
	var (
		mu    sync.Mutex
		got   = map[int]int{}
		calls sync.WaitGroup
	)
	for i := range 150 {
		calls.Go(func() {
			r := withCredentials("Username", "alice", "Password", alicePassword)
			a := h.sendFrom(fmt.Sprintf("198.51.%d.%d", i/100, i%100), r)
			mu.Lock()
			defer mu.Unlock()
			got[a.Code]++
			if a.Code == 429 && (a.Body.String() != limitedBody || a.Header().Get("Retry-After") != "1") {
				t.Errorf("busy: %s, Retry-After %q", a.Body, a.Header()["Retry-After"])
			}
		})
	}
	calls.Wait()
	if got[200] == 0 || got[429] == 0 || got[200]+got[429] != 150 {
		t.Errorf("statuses: %v", got)
	}
	h.signIn() // those who were turned away are not counted against anybody
}

func TestImportedHashIsHashedAnewAtTheSignIn(t *testing.T) {
	h := newHousehold(t)
	const carol, plain = "carol.pda.example.com", "nine patient harbours"
	hash, err := bcrypt.GenerateFromPassword([]byte(plain), 4)
	h.must(err)
	_, err = h.pda.CreateAccount(t.Context(), pda.AccountOrder{
		Host: carol, PasswordHash: string(hash), Key: keyPEM(householdKeys()[2]), Crypter: []byte(aliceCrypter),
	}, "a test")
	h.must(err)
	stored := func() string {
		account, _, _, err := h.store.AccountByHost(t.Context(), people, carol)
		h.must(err)
		return account.Password.Reveal()
	}
	h.send(askAlice("GET", "http://"+carol+"/users/access_token", "", "Username", "carol", "Password", "wrong")).want(401, notAuthenticatedBody)
	if stored() != string(hash) {
		t.Fatal("a wrong password was hashed")
	}
	token := h.signInAt(carol, plain)
	if !strings.HasPrefix(stored(), "$argon2id$") {
		t.Errorf("still %.7s", stored())
	}
	h.send(askAlice("GET", "http://"+carol+"/users/access_token/validate", token)).want(200, "")
	h.signInAt(carol, plain)
}

func TestPasswordChange(t *testing.T) {
	const path, next = "/control/v2/auth/password", "four crimson pelicans"
	h := newHousehold(t)
	token := h.signIn()
	invalid, missing := `{"message":"Invalid password","cause":"Old password invalid"}`, `{"message":"Invalid password","cause":"Old password missing"}`
	for _, tc := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"wrong old", `{"newPassword":"` + next + `","password":"wrong"}`, 403, invalid},
		// Judging a password takes long: nobody may ask for it without the old one.
		{"wrong old, weak new", `{"newPassword":"password","password":"wrong"}`, 403, invalid},
		// JSON would put U+FFFD in its place, and the owner sign in with that.
		{"new with half a pair of escapes", `{"newPassword":"` + next + `\ud800","password":"` + alicePassword + `"}`, 400, ""},
		{"new with the second half alone", `{"newPassword":"` + next + `\udc00 x","password":"` + alicePassword + `"}`, 400, ""},
		{"new with U+FFFD", `{"newPassword":"` + next + `�","password":"` + alicePassword + `"}`, 400, ""},
		{"old with half a pair of escapes", `{"newPassword":"` + next + `","password":"\ud800"}`, 400, ""},
		{"missing old", `{"newPassword":"` + next + `"}`, 403, missing},
		{"old null", `{"newPassword":"` + next + `","password":null}`, 403, missing},
		{"old a number", `{"newPassword":"` + next + `","password":5}`, 400, ""},
		{"no new", `{"password":"` + alicePassword + `"}`, 400, ""},
		{"new a list", `{"newPassword":["` + next + `"],"password":"` + alicePassword + `"}`, 400, ""},
		{"new null", `{"newPassword":null,"password":"` + alicePassword + `"}`, 400, ""},
		{"nothing", ``, 400, ""},
		{"list", `[]`, 400, ""},
		{"twice", `{"newPassword":"` + next + `","newPassword":"x","password":"` + alicePassword + `"}`, 400, ""},
		{"cut", `{"newPassword":"` + next + `"`, 400, ""},
		{"too long", `{"newPassword":"` + strings.Repeat("x", 17<<10) + `"}`, 400, ""},
		{"too long a password", `{"newPassword":"` + strings.Repeat("xyz ", 300) + `","password":"` + alicePassword + `"}`, 400, ""},
		{"form", `newPassword=` + url.QueryEscape(next) + `&password=x`, 400, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.t = t
			h.advance(time.Hour)
			token = h.send(askAlice("GET", "/users/access_token/validate", token)).fresh()
			a := h.send(askAliceWith("POST", path, token, tc.body)).want(tc.status, tc.want)
			if a.forwarded != nil || a.fresh() == "" {
				t.Error("passed on, or without a fresh token")
			}
		})
	}
	h.t = t
	a := h.send(askAliceWith("POST", path, token, `{"newPassword":"password","password":"`+alicePassword+`"}`))
	if a.Code != 400 || !strings.HasPrefix(a.Body.String(), `{"error":"Bad Request","message":{"obj.newPassword":[{"msg":["Minimum password requirement strength not met"],"args":[`) {
		t.Errorf("weak: %d %s", a.Code, a.Body)
	}
	h.send(withCredentials("Username", "alice", "Password", alicePassword)).want(200, "") // nothing of that changed it

	a = h.send(askAliceWith("POST", path, token, `{"newPassword":"`+next+`","password":"`+alicePassword+`"}`)).want(200, `{"message":"Password changed"}`)
	claims := said(t, a.fresh())
	if claims["jti"] == said(t, token)["jti"] || claims["accessScope"] != "owner" || claims["resource"] != alice ||
		!seconds(t, a.fresh(), "exp").Equal(h.clock().Add(30*24*time.Hour)) {
		t.Errorf("the new token says %v", claims)
	}
	h.wantStatus(200, map[string]string{"the new token": a.fresh()})
	h.wantStatus(401, map[string]string{"the old token": token})
	h.send(withCredentials("Username", "alice", "Password", alicePassword)).want(401, notAuthenticatedBody)
	h.send(withCredentials("Username", "alice", "Password", next)).want(200, "")
}

func TestSingleSignOnGoesOnlyWhereTheApplicationIsRegistered(t *testing.T) {
	h := newHousehold(t)
	owner := h.signIn()
	h.register("reader")
	target := func(redirect string) *answered {
		return h.send(askAlice("GET", "/control/v2/auth/hatlogin?name=reader&redirect="+url.QueryEscape(redirect), owner))
	}
	a := target("https://reader.example.com/cb?x=1").want(200, "")
	head, token, found := strings.Cut(a.Body.String(), "&token=")
	token = strings.TrimSuffix(token, `"}`)
	if !found || head != `{"message":"https://reader.example.com/cb?x=1` || said(t, token)["accessScope"] != "validate" {
		t.Fatalf("got %s", a.Body)
	}
	h.wantStatus(200, map[string]string{"the service's": token})
	h.send(askAlice("GET", "/api/v2/data/notes/daily", token)).want(403, accessDeniedBody)
	for _, redirect := range []string{
		"https://reader.example.com/cb", "https://reader.example.com/cb?x=1&y=2", "https://reader.example.com/cb?x=1#f", "https://READER.example.com/cb?x=1",
		"https://reader.example.com.evil.example/cb?x=1", "//reader.example.com/cb?x=1", "javascript:alert(1)", "",
	} {
		target(redirect).want(400, "")
	}
	_, err := h.store.EnableApplication(t.Context(), people, "reader", false, "a test")
	h.must(err)
	if a := target("https://reader.example.com/cb?x=1"); a.Code == 200 {
		t.Error("an application that is disabled is still sent a token")
	}
}
