package databricks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// example is a request of a route that could succeed.
func (r *route) example() (method, target, body string) {
	target = strings.NewReplacer("{name}", "acme", "{share}", "sales", "{policy}", "prod", "{activation_url...}", "x").Replace(r.pattern)
	return r.method, target, `{"name":"x","authentication_type":"TOKEN","existing_token_expire_in_seconds":0,"comment":"c","changes":[]}`
}

func TestNothingIsAnsweredWithoutALiveAdminToken(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	bearer := s.activate(s.ok(http.MethodGet, recipientsPath+"/acme", "")["activation_url"])["bearerToken"].(string)
	revoked := s.admin("gone", tokenstore.AdminFull)
	_, err := s.store.RevokeAdmin(t.Context(), "partners", "gone", "test")
	must(t, err)
	tokens := map[string]string{
		"none": "", "garbage": "abc", "unknown": secret.New(secret.AdminToken).Reveal(), "a recipient's": bearer, "revoked": revoked,
		"cut": s.full[:len(s.full)-1],
	}
	for i := range routes {
		if routes[i].public != nil {
			continue
		}
		for name, token := range tokens {
			method, target, body := routes[i].example()
			a := s.serve(request(method, target, token, body))
			message := a.is(http.StatusUnauthorized, codeUnknownCaller)
			challenge := a.Header().Get("WWW-Authenticate")
			if (token != "") != strings.Contains(challenge, "invalid_token") || !strings.HasPrefix(challenge, "Bearer ") {
				t.Errorf("%s: challenge %q", name, challenge)
			}
			if strings.Contains(message, "acme") || a.call.Identity != nil {
				t.Errorf("%s, %s: a stranger is told %q", routes[i].action, name, message)
			}
		}
	}
	s.advance(366 * 24 * time.Hour)
	s.do(http.MethodGet, recipientsPath, "").is(http.StatusUnauthorized, codeUnknownCaller)
}

func TestReadOnlyTokenReadsAndNothingElse(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	for i := range routes {
		method, target, body := routes[i].example()
		a := s.serve(request(method, target, s.reader, body))
		switch {
		case routes[i].public != nil:
		case method == http.MethodGet && a.Code == http.StatusForbidden:
			t.Errorf("%s is refused", routes[i].action)
		case method != http.MethodGet:
			a.is(http.StatusForbidden, codeDenied)
		}
	}
	if got := s.ok(http.MethodGet, recipientsPath, "")["recipients"].([]any); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestChangesAreNotMadeInEarlyData(t *testing.T) {
	s := newServer(t)
	early := func(c *schemes.Call) { c.EarlyData = true }
	link := s.create("acme")["activation_url"]
	for i := range routes {
		if method, target, body := routes[i].example(); method != http.MethodGet {
			s.serve(request(method, target, s.full, body), early).is(http.StatusTooEarly, codeState)
		}
	}
	s.serve(request(http.MethodGet, activationBase+"/"+codeOf(link), "", ""), early).is(http.StatusTooEarly, codeState)
	if a := s.serve(request(http.MethodGet, recipientsPath, s.full, ""), early); a.Code != http.StatusOK {
		t.Errorf("reading: %d", a.Code)
	}
}

func TestWhatIsNoEndpointIsNotFound(t *testing.T) {
	s := newServer(t)
	for _, target := range []string{
		"/", "/.well-known/databricks-config", "/api/2.1/unity-catalog", recipientsPath + "/", recipientsPath + "/a/b", catalogBase + "/shares",
		catalogBase + "/shares/sales", catalogBase + "/providers", "/delta-sharing/shares", "/openapi.yaml", activationBase, "/API/2.1/unity-catalog/recipients",
	} {
		for _, token := range []string{"", s.full} {
			s.serve(request(http.MethodGet, target, token, "")).is(http.StatusNotFound, codeNoEndpoint)
		}
	}
	a := s.do(http.MethodPut, recipientsPath+"/acme", "{}")
	a.is(http.StatusMethodNotAllowed, codeNoEndpoint)
	if allow := a.Header().Get("Allow"); allow != "GET, PATCH, DELETE" {
		t.Errorf("Allow: %s", allow)
	}
	s.do(http.MethodHead, recipientsPath, "").is(http.StatusMethodNotAllowed, codeNoEndpoint)
}

func TestEveryAnswerIsKeptOutOfCachesAndFrames(t *testing.T) {
	s := newServer(t)
	for _, a := range []*answer{
		s.do(http.MethodGet, recipientsPath, ""), s.do(http.MethodGet, "/x", ""), s.serve(request(http.MethodGet, recipientsPath, "", "")),
		s.do(http.MethodGet, "/a//b", ""), s.serve(request(http.MethodGet, DescriptionPath, "", "")),
	} {
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Content-Type": "application/json; charset=utf-8",
		} {
			if got := a.Header().Get(header); got != want {
				t.Errorf("%d: %s: %q", a.Code, header, got)
			}
		}
	}
}

func TestRequestsThatAreNotRight(t *testing.T) {
	s := newServer(t)
	two := request(http.MethodGet, recipientsPath, s.full, "")
	two.Header.Add("Authorization", "Bearer "+s.full)
	s.serve(two).is(http.StatusBadRequest, codeInvalid)
	for name, tc := range map[string]struct {
		body   string
		status int
	}{
		"no JSON":       {"name=acme", http.StatusBadRequest},
		"empty":         {"", http.StatusBadRequest},
		"a list":        {"[]", http.StatusBadRequest},
		"a name twice":  {`{"name":"a","name":"b","authentication_type":"TOKEN"}`, http.StatusBadRequest},
		"not UTF-8":     {"{\"name\":\"a\xff\"}", http.StatusBadRequest},
		"more behind":   {`{"name":"a","authentication_type":"TOKEN"}{}`, http.StatusBadRequest},
		"too long":      {`{"x":"` + strings.Repeat("x", maxBody) + `"}`, http.StatusRequestEntityTooLarge},
		"nested deeply": {`{"name":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) { s.refused(http.MethodPost, recipientsPath, tc.body, tc.status, codeInvalid) })
	}
	if got := s.ok(http.MethodGet, recipientsPath, "")["recipients"].([]any); len(got) != 0 {
		t.Errorf("something was made: %v", got)
	}
}

// hooked is a body with something that happens while it is read.
type hooked struct {
	io.Reader
	hook func()
}

func (h *hooked) Read(p []byte) (int, error) {
	if h.hook != nil {
		h.hook()
		h.hook = nil
	}
	return h.Reader.Read(p)
}

func TestScriptThatRunsAwayIsSlowedDown(t *testing.T) {
	s := newServer(t)
	for range adminLimits.Burst {
		s.ok(http.MethodGet, recipientsPath, "")
	}
	a := s.do(http.MethodPost, recipientsPath, `{"name":"acme","authentication_type":"TOKEN"}`)
	a.is(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED")
	if a.Header().Get("Retry-After") != "1" || a.refusal.Reason != schemes.Limited || a.call.Identity.Name != "ops" {
		t.Errorf("%v, %+v", a.Header(), a.refusal)
	}
	// Nobody else is: not another admin, and not who has a link or presents no token.
	if a := s.serve(request(http.MethodGet, recipientsPath, s.reader, "")); a.Code != http.StatusOK {
		t.Errorf("another admin: %d", a.Code)
	}
	s.serve(request(http.MethodGet, activationBase+"/gha_none", "", "")).is(http.StatusNotFound, codeMissing)
	s.serve(request(http.MethodGet, recipientsPath, "", "")).is(http.StatusUnauthorized, codeUnknownCaller)
	s.advance(time.Second)
	for range adminLimits.Rate {
		s.ok(http.MethodGet, recipientsPath, "")
	}
	s.do(http.MethodGet, recipientsPath, "").is(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED")
}

func TestCallsAtATimeAreLimited(t *testing.T) {
	s := newServer(t)
	_, target, body := routes[1].example()
	var call func(before int)
	call = func(before int) {
		r := httptest.NewRequest(http.MethodPost, target, &hooked{strings.NewReader(body), func() { call(before + 1) }})
		r.Header.Set("Authorization", "Bearer "+s.full)
		a := s.serve(r)
		if refused := a.Code == http.StatusTooManyRequests; refused != (before == adminLimits.Concurrent) {
			t.Errorf("with %d others: %d %s", before, a.Code, a.Body)
		}
	}
	call(0)
	call(0) // what is over is not counted
}

func TestTokenRevokedWhileTheBodyArrivesChangesNothing(t *testing.T) {
	s := newServer(t)
	_, target, body := routes[1].example()
	r := httptest.NewRequest(http.MethodPost, target, &hooked{strings.NewReader(body), func() {
		_, err := s.store.RevokeAdmin(t.Context(), "partners", "ops", "test")
		must(t, err)
	}})
	r.Header.Set("Authorization", "Bearer "+s.full)
	s.serve(r).is(http.StatusUnauthorized, codeUnknownCaller)
	if _, err := s.store.Recipient(t.Context(), "partners", "x"); err == nil {
		t.Error("the change was made")
	}
}

func TestStoreThatCannotTellIsNeverTakenForAnAnswer(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	s.broken.Store(true)
	a := s.do(http.MethodGet, recipientsPath+"/acme", "")
	a.is(http.StatusServiceUnavailable, codeUnavailable)
	if a.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.broken.Store(false)

	for _, tc := range []struct {
		err    error
		status int
		code   string
		says   string
	}{
		{tokenstore.ErrOutcomeUnknown, http.StatusInternalServerError, codeInternal, "Look before you try again"},
		{tokenstore.ErrClosed, http.StatusServiceUnavailable, codeUnavailable, "Try again"},
		{tokenstore.ErrConflict, http.StatusServiceUnavailable, codeUnavailable, "Try again"},
		{tokenstore.ErrRecord, http.StatusInternalServerError, codeInternal, "log"},
	} {
		s.driver.fail.Store(&tc.err)
		a := s.do(http.MethodPatch, recipientsPath+"/acme", `{"comment":"x"}`)
		if message := a.is(tc.status, tc.code); !strings.Contains(message, tc.says) {
			t.Errorf("%v: %q", tc.err, message)
		}
		if a.refusal.Cause == nil {
			t.Errorf("%v: the log is not told", tc.err)
		}
	}
	s.driver.fail.Store(nil)
}

func TestSecretInTheWrongPlaceIsNotEchoed(t *testing.T) {
	s := newServer(t)
	token := secret.New(secret.DeltaToken).Reveal()
	for _, target := range []string{recipientsPath + "/" + token, permissionsOf(token + "%20x"), sharingBase + "/recipients/acme/federation-policies/" + token} {
		if a := s.do(http.MethodGet, target, ""); strings.Contains(a.Body.String(), token) {
			t.Errorf("%s", a.Body)
		}
	}
}

func TestAuditNamesTheAdmin(t *testing.T) {
	s := newServer(t)
	s.create("acme")
	s.ok(http.MethodPatch, permissionsOf("sales"), `{"changes":[{"principal":"acme","add":["SELECT"]}]}`)
	entries, _, err := s.store.Audit(t.Context(), nil, 100)
	must(t, err)
	var got []string
	for _, e := range entries {
		if e.Actor == "admin ops" {
			got = append(got, e.Action+" "+e.Detail)
		}
	}
	slices.Sort(got) // the test's clock stands still
	if strings.Join(got, ";") != "createRecipient ;updateSharePermissions granted sales" {
		t.Errorf("got %q", got)
	}
}

func TestEveryRouteIsServedInOneWay(t *testing.T) {
	seen := make(map[string]bool)
	for i, r := range routes {
		if (r.admin == nil) == (r.public == nil) || r.action == "" || seen[r.method+" "+r.pattern] {
			t.Errorf("route %s %s", r.method, r.pattern)
		}
		seen[r.method+" "+r.pattern] = true
		method, target, _ := r.example()
		if found, _, _ := find(method, strings.Split(target[1:], "/")); found != &routes[i] {
			t.Errorf("%s %s finds another route", method, target)
		}
	}
}
