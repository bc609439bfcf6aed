package dx

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// revoke calls as AAA does.
func (s *site) revoke(token, body string) *answer {
	s.t.Helper()
	return s.serve(schemestest.Request("POST", revocationPath, body, "token", token, "Content-Type", "application/json"))
}

// issuedAt is a change of a token's times.
func issuedAt(at time.Time) []any { return []any{"iat", at.Unix(), "exp", at.Unix() + lifetime} }

func TestRevocationEndsAllTokensOfAUser(t *testing.T) {
	mine := identityToken().signed()
	actsForBob := delegateToken().signed()
	actsForMe := delegateToken("sub", bob, "did", alice).signed()
	bobs := identityToken("sub", bob).signed()
	for name, tc := range map[string]struct {
		user string
		over []string
		good []string
	}{
		"subject":           {alice, []string{mine, actsForBob, actsForMe}, []string{bobs}},
		"delegator":         {bob, []string{bobs, actsForBob, actsForMe}, []string{mine}},
		"in capitals":       {strings.ToUpper(alice), []string{mine, actsForBob, actsForMe}, []string{bobs}},
		"nobody of the two": {"00000000-0000-0000-0000-000000000000", nil, []string{mine, actsForBob, actsForMe, bobs}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for _, token := range []string{mine, actsForBob, actsForMe, bobs} { // now they are remembered
				s.get(token).wants(t, http.StatusOK, "")
			}
			a := s.revoke(serverToken().signed(), `{"sub":"`+tc.user+`"}`)
			if a.Code != http.StatusOK || a.Body.String() != `{"type":"urn:dx:dmp:success","title":"Success","detail":"Success"}` {
				t.Fatalf("%d %s", a.Code, a.Body)
			}
			if a.Header().Get("Content-Type") != "application/json" || a.call.Action == "" {
				t.Errorf("%v, action %q", a.Header(), a.call.Action)
			}
			check := func(s *site) {
				t.Helper()
				for _, token := range tc.over {
					s.get(token).wants(t, http.StatusUnauthorized, "revoked")
				}
				for _, token := range tc.good {
					s.get(token).wants(t, http.StatusOK, "")
				}
			}
			check(s)
			check(s.with())
			check(s.reopened())
		})
	}
}

func TestCutOffIsTheLaterOfBothClocks(t *testing.T) {
	for name, tc := range map[string]struct {
		ahead time.Duration // of AAA's clock
		at    time.Time     // the last second that is over
	}{
		"the same":          {0, noon},
		"AAA's is ahead":    {25 * time.Second, noon.Add(25 * time.Second)},
		"the gateway's is":  {-25 * time.Second, noon},
		"long before":       {-11 * time.Hour, noon},
		"within the second": {0, noon}, // see below
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if name == "within the second" {
				s.clock.Set(noon.Add(999 * time.Millisecond))
			}
			s.revoke(serverToken(issuedAt(noon.Add(tc.ahead))...).signed(), `{"sub":"`+alice+`"}`).wants(t, http.StatusOK, "")
			s.clock.Set(noon.Add(time.Minute))
			for seconds, code := range map[int]string{-3600: "revoked", -1: "revoked", 0: "revoked", 1: "", 2: ""} {
				token := identityToken(issuedAt(tc.at.Add(time.Duration(seconds) * time.Second))...).signed()
				if a := s.get(token); a.code() != code {
					t.Errorf("a token of %d s later: %q, want %q", seconds, a.code(), code)
				}
			}
		})
	}
}

func TestOperatorRevokesAUserOrOneDelegation(t *testing.T) {
	s := newSite(t)
	mine, actsForBob := identityToken().signed(), delegateToken().signed()
	actsForMe := delegateToken("sub", bob, "did", alice).signed()
	for _, token := range []string{mine, actsForBob, actsForMe} {
		s.get(token).wants(t, http.StatusOK, "")
	}
	cut, err := s.RevokeUser(t.Context(), strings.ToUpper(alice), strings.ToUpper(bob), "test")
	if err != nil || cut.User != alice || !cut.Delegators[bob].Equal(noon.Add(30*time.Second)) || !cut.Until.IsZero() || cut.UpdatedBy != "test" {
		t.Fatalf("%+v, %v", cut, err)
	}
	s.get(mine).wants(t, http.StatusOK, "")
	s.get(actsForBob).wants(t, http.StatusUnauthorized, "revoked")
	s.get(actsForMe).wants(t, http.StatusOK, "") // the other way round
	s.clock.Set(noon.Add(time.Minute))
	// The issuer's clock may run ahead: what has a time that it can have given already is over.
	s.get(delegateToken(issuedAt(noon.Add(30*time.Second))...).signed()).wants(t, http.StatusUnauthorized, "revoked")
	s.get(delegateToken(issuedAt(noon.Add(31*time.Second))...).signed()).wants(t, http.StatusOK, "")

	if cut, err = s.RevokeUser(t.Context(), alice, "", "test"); err != nil || !cut.Until.Equal(noon.Add(90*time.Second)) {
		t.Fatalf("%+v, %v", cut, err)
	}
	s.get(mine).wants(t, http.StatusUnauthorized, "revoked")
	s.get(actsForMe).wants(t, http.StatusUnauthorized, "revoked")
	list, next, err := s.RevokedUsers(t.Context(), "", 10)
	if err != nil || next != "" || len(list) != 1 || list[0].User != alice {
		t.Errorf("%+v, %q, %v", list, next, err)
	}
	for _, ids := range [][2]string{{"al ice", ""}, {"", ""}, {alice, "b\nob"}, {"älice", ""}} {
		if _, err := s.RevokeUser(t.Context(), ids[0], ids[1], "test"); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%q: %v", ids, err)
		}
	}
}

func TestOperatorEndsTokensOfAAAItself(t *testing.T) {
	s := newSite(t)
	body := `{"sub":"` + alice + `"}`
	stolen := serverToken().signed()
	s.revoke(stolen, body).wants(t, http.StatusOK, "")
	if _, err := s.RevokeUser(t.Context(), "COS.example.com", "", "test"); err != nil {
		t.Fatal(err)
	}
	s.revoke(stolen, body).wants(t, http.StatusUnauthorized, "revoked")
	s.clock.Set(noon.Add(time.Minute))
	s.revoke(serverToken(issuedAt(noon.Add(time.Minute))...).signed(), body).wants(t, http.StatusOK, "")
}

func TestOnlyAAARevokes(t *testing.T) {
	s := newSite(t)
	body := `{"sub":"` + alice + `"}`
	for name, tc := range map[string]struct {
		token  string
		status int
		code   string
	}{
		"nobody":                {"", 401, "malformed"},
		"consumer":              {identityToken().signed(), 401, "not_aaa_server"},
		"provider":              {identityToken("role", "provider").signed(), 401, "not_aaa_server"},
		"delegate":              {delegateToken().signed(), 401, "not_aaa_server"},
		"of another server":     {serverToken("aud", server).signed(), 401, "wrong_audience"},
		"of a user, for us":     {apdToken().signed(), 401, "no_iid"},
		"a stranger":            {signES256(strangerKey(), header.text(), serverToken().text()), 401, "wrong_signature"},
		"AAA, with another key": {signES256(strangerKey(), header.text(), serverToken().text()), 401, "wrong_signature"},
		"expired":               {serverToken("exp", noon.Unix()-30).signed(), 401, "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			s.revoke(tc.token, body).wants(t, tc.status, tc.code)
		})
	}
	s.serve(schemestest.Request("POST", revocationPath, body)).wants(t, http.StatusUnauthorized, "no_token")
	s.serve(schemestest.Request("POST", revocationPath, body, "token", serverToken().signed(), "Authorization", "Bearer "+identityToken().signed())).
		wants(t, http.StatusBadRequest, "two_tokens")
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"} {
		a := s.serve(schemestest.Request(method, revocationPath, body, "token", serverToken().signed()))
		a.wants(t, http.StatusMethodNotAllowed, "")
		if a.Header().Get("Allow") != "" {
			t.Error("the original names no methods")
		}
	}
	s.serve(schemestest.Request("POST", revocationPath, body, "token", serverToken().signed()), func(call *schemes.Call) { call.EarlyData = true }).
		wants(t, http.StatusTooEarly, "")
	s.get(identityToken().signed()).wants(t, http.StatusOK, "")
	if list, _, err := s.RevokedUsers(t.Context(), "", 1); err != nil || len(list) != 0 {
		t.Errorf("somebody was revoked: %v, %v", list, err)
	}
	s.serve(schemestest.Request("POST", revocationPath, body, "Authorization", "Bearer "+serverToken().signed())).wants(t, http.StatusOK, "")
	s.get(identityToken().signed()).wants(t, http.StatusUnauthorized, "revoked")
}

func TestRevocationsThatCannotBeUnderstood(t *testing.T) {
	s := newSite(t)
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `"` + alice + `"`, `{"sub":null}`, `{"sub":5}`, `{"sub":""}`, `{"sub":"al ice"}`, `{"Sub":"` + alice + `"}`,
		`{"sub":["` + alice + `"]}`, `{"sub":"` + alice + `"}x`, `{"sub":"` + alice + `","sub":"` + bob + `"}`,
		`{"sub":"` + alice + `","\u0073ub":"` + bob + `"}`, `{"sub":"` + alice + ` "}`, `{"sub":"` + alice + `"`,
		`{"sub":"` + alice + `","pad":"` + strings.Repeat("x", maxRevocation) + `"}`,
	} {
		a := s.revoke(serverToken().signed(), body)
		a.wants(t, http.StatusBadRequest, "invalid_payload")
		if !strings.HasPrefix(a.Body.String(), `{"type":"urn:dx:dmp:invalidPayloadFormat","title":"Bad Request","detail":"`) {
			t.Errorf("body %s", a.Body)
		}
	}
	s.get(identityToken().signed()).wants(t, http.StatusOK, "")
	s.revoke(serverToken().signed(), ` {"rsUrl": "x", "sub" : "`+alice+`"} `).wants(t, http.StatusOK, "")
	s.get(identityToken().signed()).wants(t, http.StatusUnauthorized, "revoked")
}

func TestStoreThatCannotTellRefuses(t *testing.T) {
	s := newSite(t)
	token := identityToken().signed()
	s.broken.Store(true)
	s.get(token).wants(t, http.StatusServiceUnavailable, "")
	s.broken.Store(false)
	s.get(token).wants(t, http.StatusOK, "")
	s.broken.Store(true)
	// The token is remembered; bob's cut-off is not.
	s.get(delegateToken().signed()).wants(t, http.StatusServiceUnavailable, "")
}

func TestRevocationThatIsNotStoredIsNotAnswered(t *testing.T) {
	s := newSite(t)
	b := *s.backend
	closed := openSite(t, t.TempDir(), s.clock)
	b.Store = closed.backend.Store
	must(t, b.Store.Close())
	s.open = func(context.Context) (*schemes.Backend, error) { return &b, nil }
	s.revoke(serverToken().signed(), `{"sub":"`+alice+`"}`).wants(t, http.StatusServiceUnavailable, "")
}

func TestStoreThatCannotBeOpenedRefuses(t *testing.T) {
	s := newSite(t)
	s.open = func(context.Context) (*schemes.Backend, error) { return nil, schemestest.ErrBroken }
	a := s.get(identityToken().signed())
	a.wants(t, http.StatusServiceUnavailable, "")
	if a.Body.String() != `{"type":"urn:dx:dmp:serviceUnavailable","title":"Service Unavailable","detail":"Service Unavailable"}` {
		t.Errorf("body %s", a.Body)
	}
	if _, err := s.RevokeUser(t.Context(), alice, "", "test"); !errors.Is(err, schemestest.ErrBroken) {
		t.Error(err)
	}
	if _, _, err := s.RevokedUsers(t.Context(), "", 1); !errors.Is(err, schemestest.ErrBroken) {
		t.Error(err)
	}
	s.serve(schemestest.Request("GET", "/apis", "")).wants(t, http.StatusOK, "")
}

// Repeated calls cost no read of the store.
func TestCutOffsAreRemembered(t *testing.T) {
	s := newSite(t)
	token := delegateToken().signed()
	s.get(token).wants(t, http.StatusOK, "")
	before := s.reads.Load()
	for range 10 {
		s.get(token).wants(t, http.StatusOK, "")
	}
	if reads := s.reads.Load() - before; reads != 0 {
		t.Errorf("%d reads", reads)
	}
}

func TestRealmsHaveCutOffsOfTheirOwn(t *testing.T) {
	s := newSite(t)
	s.revoke(serverToken().signed(), `{"sub":"`+alice+`"}`).wants(t, http.StatusOK, "")
	s.with(func(c *Config) { c.Realm = "another" })
	s.get(identityToken().signed()).wants(t, http.StatusOK, "")
	s.with()
	s.get(identityToken().signed()).wants(t, http.StatusUnauthorized, "revoked")
}

func FuzzRevocationBody(f *testing.F) {
	for _, seed := range []string{`{"sub":"` + alice + `"}`, `{}`, `{"sub":5}`, `{"sub":"x","sub":"y"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		user, ok := userIn(body)
		if ok && (!isName(user) || !strings.Contains(strings.ToLower(string(body)), user) && !strings.Contains(string(body), `\`)) {
			t.Errorf("%q names %q", body, user)
		}
	})
}
