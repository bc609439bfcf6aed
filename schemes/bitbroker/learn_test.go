package bitbroker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// says makes the server behind answer always the same.
func says(status int, body string) func(*http.Request) (int, string) {
	return func(*http.Request) (int, string) { return status, body }
}

func connectorBody(id, token string) string { return fmt.Sprintf(`{"id":%q,"token":%q}`, id, token) }

func TestTokensOfAnswersAreBoundBeforeAnybodyHasThem(t *testing.T) {
	for name, tc := range map[string]struct {
		method, path string
		kind         tokenstore.TokenKind
		audience     string
		status       int
		contribution string
		good, path2  string // where the token is good then
		subject      string
	}{
		"promotion":                {"POST", "/user/7/coordinator", tokenstore.CoordinatorToken, "", 200, "", coordinatorPath, "", "7"},
		"promotion, case":          {"POST", "/USER/7/Coordinator/", tokenstore.CoordinatorToken, "", 200, "", coordinatorPath, "", "7"},
		"promotion, zeros":         {"POST", "/user/00000007/coordinator", tokenstore.CoordinatorToken, "", 200, "", coordinatorPath, "", "7"},
		"access":                   {"POST", "/user/7/access/pol-two", tokenstore.ConsumerToken, "pol-two", 201, "", consumerPath, "", "7"},
		"access, case":             {"POST", "/User/7/ACCESS/Pol-TWO/", tokenstore.ConsumerToken, "pol-two", 201, "", consumerPath, "", "7"},
		"access, encoded":          {"POST", "/%75ser/%37/access/pol%2Dtwo", tokenstore.ConsumerToken, "pol-two", 201, "", consumerPath, "", "7"},
		"access of many digits":    {"POST", "/user/12345678/access/pol-two", tokenstore.ConsumerToken, "pol-two", 201, "", consumerPath, "", "12345678"},
		"reissue":                  {"PUT", "/user/1/access/pol-one", tokenstore.ConsumerToken, "pol-one", 200, "", consumerPath, "", "1"},
		"connector":                {"POST", "/entity/ent-one/connector/con-two", tokenstore.ContributorToken, "con-two", 201, contributionB, "/contributor/v1/connector/" + contributionB + "/x", contributorPath, "ent-one/con-two"},
		"connector, case":          {"POST", "/Entity/Ent-TWO/Connector/CON-two/", tokenstore.ContributorToken, "con-two", 201, contributionB, "/contributor/v1/connector/" + contributionB + "/x", contributorPath, "ent-two/con-two"},
		"connector anew of a slug": {"POST", "/entity/ent-one/connector/con-one", tokenstore.ContributorToken, "con-one", 201, contributionA, contributorPath, "/contributor/v1/connector/" + contributionB + "/x", "ent-one/con-one"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, inFront)
			w := s.newWorld()
			token := s.mint(tc.kind, tc.audience)
			s.ask("GET", tc.good, token).want(t, 401, false)
			body := token
			if tc.contribution != "" {
				body = connectorBody(tc.contribution, token)
			}
			s.behind = says(tc.status, body)
			a := s.ask(tc.method, "/coordinator/v1"+tc.path, w.coordinator)
			a.want(t, tc.status, true)
			if a.Body.String() != body || a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%v %s", a.Header(), a.Body)
			}
			if !s.Unbroken(a.call) || a.call.Action == "" {
				t.Errorf("broken off with its client, or without a name: %q", a.call.Action)
			}
			s.behind = nil
			a = s.ask("GET", tc.good, token)
			a.want(t, 200, true)
			if a.call.Identity.Subject != tc.subject {
				t.Errorf("of %s", a.call.Identity.Subject)
			}
			if tc.path2 != "" {
				s.ask("GET", tc.path2, token).want(t, 404, false)
			}
			if name == "reissue" {
				s.ask("GET", consumerPath, w.consumer).want(t, 403, false)
			}
			if name == "connector anew of a slug" {
				s.ask("GET", contributorPath, w.contributor).want(t, 403, false)
			}
		})
	}
}

func TestAnswersWithTokensThatNobodyKnowsAreNotPassedOn(t *testing.T) {
	stranger, _ := fresh()
	for name, tc := range map[string]struct {
		method, path string
		body         func(s *site) string
	}{
		"a token of its own":        {"POST", "/user/7/coordinator", func(*site) string { return stranger }},
		"a JSON web token":          {"POST", "/user/7/coordinator", func(*site) string { return "eyJhbGciOiJSUzI1NiJ9.e30.c2ln" }},
		"nothing":                   {"POST", "/user/7/coordinator", func(*site) string { return "" }},
		"in quotes":                 {"POST", "/user/7/coordinator", func(s *site) string { return `"` + s.mint(tokenstore.CoordinatorToken, "") + `"` }},
		"in capitals":               {"POST", "/user/7/coordinator", func(s *site) string { return upper(s.mint(tokenstore.CoordinatorToken, "")) }},
		"minted for an access":      {"POST", "/user/7/coordinator", func(s *site) string { return s.mint(tokenstore.ConsumerToken, "pol-two") }},
		"minted for a coordinator":  {"PUT", "/user/7/access/pol-two", func(s *site) string { return s.mint(tokenstore.CoordinatorToken, "") }},
		"minted for another policy": {"POST", "/user/7/access/pol-two", func(s *site) string { return s.mint(tokenstore.ConsumerToken, "pol-one") }},
		"minted for another connector": {"POST", "/entity/ent-one/connector/con-two", func(s *site) string {
			return connectorBody(contributionB, s.mint(tokenstore.ContributorToken, "con-one"))
		}},
		"a connector's without its id": {"POST", "/entity/ent-one/connector/con-two", func(s *site) string { return s.mint(tokenstore.ContributorToken, "con-two") }},
		"of a wrong id": {"POST", "/entity/ent-one/connector/con-two", func(s *site) string {
			return connectorBody("con-two", s.mint(tokenstore.ContributorToken, "con-two"))
		}},
		"an id in capitals": {"POST", "/entity/ent-one/connector/con-two", func(s *site) string {
			return connectorBody(upper(contributionB), s.mint(tokenstore.ContributorToken, "con-two"))
		}},
		"broken JSON": {"POST", "/entity/ent-one/connector/con-two", func(s *site) string {
			return connectorBody(contributionB, s.mint(tokenstore.ContributorToken, "con-two"))[1:]
		}},
		"bound to another already": {"POST", "/user/7/coordinator", func(s *site) string {
			token := s.mint(tokenstore.CoordinatorToken, "")
			must(s.t, s.store().BindCoordinator(context.Background(), realm, secret.DigestOf(token), 8, "test"))
			return token
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, inFront)
			w := s.newWorld()
			body := tc.body(s)
			s.behind = says(200, body)
			a := s.ask(tc.method, "/coordinator/v1"+tc.path, w.coordinator)
			a.want(t, 502, true)
			if a.Body.String() != envelopeOf(502) {
				t.Errorf("%s", a.Body)
			}
			if body != "" && strings.Contains(a.refusal.Error(), body) || !strings.Contains(a.refusal.Error(), "AUTH_SERVICE") {
				t.Errorf("the log says %s", a.refusal.Error())
			}
			s.behind = nil
			if name != "bound to another already" {
				s.ask("GET", coordinatorPath, body).want(t, 401, false)
			}
		})
	}
}

func TestErrorsOfTheServerArePassedOnAndTeachNothing(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	for _, status := range []int{302, 400, 401, 403, 404, 409, 500, 503} {
		token := s.mint(tokenstore.CoordinatorToken, "")
		s.behind = says(status, token)
		s.ask("POST", "/coordinator/v1/user/7/coordinator", w.coordinator).want(t, status, true)
		s.ask("GET", coordinatorPath, token).want(t, 401, false)
	}
}

func TestTokensThatEndedMeanwhileAreNotPassedOn(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	token := s.mint(tokenstore.CoordinatorToken, "")
	s.behind = func(*http.Request) (int, string) {
		must(t, s.store().ForgetCoordinator(context.Background(), realm, 7, "test"))
		return 200, token
	}
	a := s.ask("POST", "/coordinator/v1/user/7/coordinator", w.coordinator)
	a.want(t, 409, true)
	s.behind = nil
	if code := s.ask("GET", coordinatorPath, token).Code; code != 401 && code != 403 {
		t.Errorf("%d", code)
	}
}

func TestStoreThatFailsHoldsTheAnswerBack(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	token := s.mint(tokenstore.ConsumerToken, "pol-one")
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", "/user/1/access/pol-one", token, 200},
		{"DELETE", "/user/1/access/pol-one", "", 204},
		{"DELETE", "/policy/pol-one", "", 404},
		{"POST", "/policy/pol-one", "", 201},
		{"POST", "/entity/ent-one", "", 201},
	} {
		s.behind = func(*http.Request) (int, string) {
			s.broken.Store(true)
			return tc.status, tc.body
		}
		a := s.ask(tc.method, "/coordinator/v1"+tc.path, w.coordinator)
		s.broken.Store(false)
		a.want(t, 503, true)
	}
	// And the same once more, when the store is there again.
	s.behind = says(404, "")
	s.ask("DELETE", "/coordinator/v1/policy/pol-one", w.coordinator).want(t, 404, true)
	s.behind = nil
	s.ask("GET", consumerPath, w.consumer).want(t, 403, false)
}

func TestWhatABitBrokerDeletedIsForgotten(t *testing.T) {
	for name, tc := range map[string]struct {
		path  string
		call  string
		token func(world) string
		ends  int
	}{
		"access":    {"/user/1/access/pol-one", consumerPath, ofConsumer, 403},
		"policy":    {"/POLICY/Pol-One/", consumerPath, ofConsumer, 403},
		"connector": {"/entity/ent-one/connector/CON-one", contributorPath, ofContributor, 404},
		"entity":    {"/Entity/ENT-one", contributorPath, ofContributor, 404},
		"consumer":  {"/user/01", consumerPath, ofConsumer, 403},
		"demoted":   {"/user/0001/Coordinator/", coordinatorPath, ofCoordinator, 403},
		"user":      {"/user/1", coordinatorPath, ofCoordinator, 403},
	} {
		for _, status := range []int{204, 404, 409, 500} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				s := newSite(t, inFront)
				w := s.newWorld()
				admin := s.mint(tokenstore.CoordinatorToken, "")
				must(t, s.store().BindCoordinator(t.Context(), realm, secret.DigestOf(admin), 2, "test"))
				token := tc.token(w)
				s.ask("GET", tc.call, token).want(t, 200, true)
				s.behind = says(status, "")
				a := s.ask("DELETE", "/coordinator/v1"+tc.path, admin)
				a.want(t, status, true)
				if !s.Unbroken(a.call) || a.call.Action == "" {
					t.Error("broken off with its client, or without a name")
				}
				s.behind = nil
				want := 200
				if status/100 == 2 || status == 404 || status == 409 && name == "demoted" {
					want = tc.ends
				}
				s.ask("GET", tc.call, token).want(t, want, want == 200)
			})
		}
	}
}

// The answer to its deletion was lost; that it can be made again is learnt.
func TestWhatIsMadeAnewRevivesNothingThoughNobodyHeardOfItsDeletion(t *testing.T) {
	for _, tc := range []struct {
		path, call string
		own        func(world) string
		ends       int // what an own token gets then
		earlier    [2]string
	}{
		{"/Policy/POL-one/", consumerPath, ofConsumer, 403, [2]string{kindConsumer, "pol-one"}},
		{"/policy/pol-old", "", nil, 0, [2]string{kindConsumer, "pol-old"}}, // of which the gate knows nothing
		{"/entity/Ent-One", contributorPath, ofContributor, 404, [2]string{kindContributor, "con-one"}},
	} {
		for _, status := range []int{201, 200, 400, 409, 500} {
			t.Run(fmt.Sprint(tc.path, " ", status), func(t *testing.T) {
				s := newSite(t, withEarlier(t))
				w := s.newWorld()
				s.clock.Advance(time.Hour)
				before := map[string]string{} // paths by tokens
				if tc.own != nil {
					before[tc.own(w)] = tc.call
				}
				earlier := earlierToken(t, tc.earlier[0], tc.earlier[1], object{"iat": s.clock.Now().Add(-30 * time.Minute).Unix()})
				before[earlier] = map[string]string{kindConsumer: consumerPath, kindContributor: contributorPath}[tc.earlier[0]]
				for token, path := range before {
					s.ask("GET", path, token).want(t, 200, true)
				}
				s.behind = says(status, "")
				a := s.ask("POST", "/coordinator/v1"+tc.path, w.coordinator)
				a.want(t, status, true)
				if !s.Unbroken(a.call) || a.call.Action == "" || s.Learn(a.call) != nil {
					t.Error("broken off with its client, without a name, or read")
				}
				s.behind = nil
				for token, path := range before {
					switch {
					case status != 201:
						s.ask("GET", path, token).want(t, 200, true)
					case token == earlier:
						s.ask("GET", path, token).want(t, 403, false)
					default:
						s.ask("GET", path, token).want(t, tc.ends, false)
					}
				}
			})
		}
	}
}

// Express acts on the headers of a DELETE. A body that breaks off behind them would break the
// answer off too.
func TestBodyThatBreaksOffHidesNoDeletion(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	for call, keeps := range map[string]bool{
		"DELETE /user/2":                           false,
		"DELETE /policy/pol-one":                   false,
		"DELETE /entity/ent-one/connector/con-one": false,
		"POST /user/2/coordinator":                 false,
		"PUT /user/1/access/pol-one":               false,
		"POST /entity/ent-one/connector/con-two":   true,
		"POST /entity/ent-two":                     true,
		"POST /policy/pol-two":                     true,
		"PUT /policy/pol-one":                      true,
	} {
		method, path, _ := strings.Cut(call, " ")
		for _, length := range []string{"10", ""} {
			r := schemestest.Request(method, "/coordinator/v1"+path, `{"a":`, tokenField, w.coordinator, "Content-Length", length)
			if length == "" {
				r.ContentLength = -1
				r.Header.Del("Content-Length")
			}
			a := s.serve(r)
			if a.forwarded == nil {
				t.Fatalf("%s: %d %v", call, a.Code, a.refusal)
			}
			body, err := io.ReadAll(a.forwarded.Body)
			must(t, err)
			if got := len(body) > 0; got != keeps || !keeps && (a.forwarded.ContentLength != 0 || a.forwarded.Header.Get("Content-Length") != "") {
				t.Errorf("%s: %q of %d bytes went on", call, body, a.forwarded.ContentLength)
			}
		}
	}
}

// With a base path that is too short, no path would be one that the gateway guards or learns.
func TestNothingPassesByTheGuardsBelowABaseThatIsTooShort(t *testing.T) {
	s := newSite(t, inFront, func(c *Config) { c.Coordinator = "/coordinator" })
	w := s.newWorld()
	for _, path := range []string{"/v1/user/1", "/v1/policy/pol-one", "/x"} {
		s.ask("DELETE", "/coordinator"+path, w.coordinator).want(t, 404, false)
	}
	s.ask("GET", "/coordinator", w.coordinator).want(t, 200, true)
	s.ask("GET", "/coordinator/Search/user/organization", w.coordinator).want(t, 200, true)
}

func TestOtherCallsAreNeitherReadNorHeldTogether(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	for _, tc := range []struct{ method, path string }{
		{"GET", "/user/1"},
		{"PUT", "/user/1"},
		{"POST", "/user"},
		{"POST", "/policy"},
		{"POST", "/policy/pol_two"},
		{"POST", "/policy/pol-two/x"},
		{"PUT", "/policy/pol-one"},
		{"POST", "/entity"},
		{"POST", "/entity/ent%20two"},
		{"PUT", "/entity/ent-two"},
		{"PUT", "/entity/ent-one/connector/con-one"},
		{"GET", "/user/1/access/pol-one"},
		{"POST", "/entity/ent-one/connector/con-one/live"},
		{"DELETE", "/entity/ent-one/connector/con-one/live"},
		{"DELETE", "/user/1/access"},
		{"POST", "/user/1/access/pol_one"},
		{"DELETE", "/policy/pol%20one"},
		{"PUT", "/user/1/coordinator"},
		{"HEAD", "/user/1/coordinator"},
	} {
		a := s.ask(tc.method, "/coordinator/v1"+tc.path, w.coordinator)
		a.want(t, 200, true)
		if s.Unbroken(a.call) || s.Learn(a.call) != nil {
			t.Errorf("%s %s", tc.method, tc.path)
		}
	}
	standalone := newSite(t)
	for token, path := range map[string]string{standalone.newWorld().consumer: consumerPath} {
		if a := standalone.ask("GET", path, token); standalone.Unbroken(a.call) || standalone.Learn(a.call) != nil {
			t.Error("without a BitBroker nothing is to be learnt")
		}
	}
}

// A BitBroker's database takes more for the id of a user than its routes check, and JavaScript
// makes a k of the Kelvin sign.
func TestPathsThatABitBrokerReadsOtherwiseDoNotReachIt(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	for _, path := range []string{
		"/user/%201/access/pol-one", "/user/1%20/access/pol-one", "/user/+1/access/pol-one", "/user/-1", "/user/1.0", "/user/0x1/access/pol-one",
		"/user/1_0/access/pol-one", "/user/abc", "/user/0", "/user/00000000", "/user/000000001", "/user/123456789", "/user/" + strings.Repeat("1", 40),
		"/user/%D9%A1", "/user/1e0", "/user/1/access/pol%E2%84%AA", "/policy/%E2%84%AAelvin", "/policy/p%C3%B6l", "/entity/%E2%84%AA/connector/con-one",
		"/entity/ent-one/connector/%E2%84%AA", "/entity/%C4%B0", "/user/email/coordinator/x",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			s.ask(method, "/coordinator/v1"+path, w.coordinator).want(t, 404, false)
		}
	}
	s.ask("GET", "/coordinator/v1/user/email/%E2%84%AA@example.com", w.coordinator).want(t, 200, true)
	s.ask("POST", "/coordinator/v1/user/email/coordinator", w.coordinator).want(t, 404, false)
	s.ask("DELETE", "/coordinator/v1/user/email/coordinator", w.coordinator).want(t, 404, false)
}

func TestConnectorsTokensAreRotatedInPlaceInBothModes(t *testing.T) {
	for mode, change := range modes {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, change)
			w := s.newWorld()
			a := s.ask("PUT", "/coordinator/v1/Entity/ent-one/connector/CON-one/token/", w.coordinator)
			a.want(t, 200, false)
			if !isToken(a.Body.String()) || a.Header().Get("Content-Type") != "text/html; charset=utf-8" || a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%v %s", a.Header(), a.Body)
			}
			s.ask("GET", contributorPath, w.contributor).want(t, 403, false)
			s.ask("GET", contributorPath, a.Body.String()).want(t, 200, true)
			s.ask("PUT", "/coordinator/v1/entity/ent-one/connector/con-none/token", w.coordinator).want(t, 404, false)
			s.ask("PUT", "/coordinator/v1/entity/ent-one/connector/con-one/token", w.contributor).want(t, 401, false)
			s.ask("PUT", "/coordinator/v1/entity/ent-one/connector/con-one/token", "").want(t, 401, false)
		})
	}
}

func TestChangesInEarlyDataAreRefused(t *testing.T) {
	s := newSite(t, inFront)
	w := s.newWorld()
	early := func(call *schemes.Call) { call.EarlyData = true }
	for method, path := range map[string]string{"POST": "/user/7/coordinator", "PUT": "/user/1/access/pol-one", "DELETE": "/policy/pol-one"} {
		s.serve(schemestest.Request(method, "/coordinator/v1"+path, "", "X-Bbk-Auth-Token", w.coordinator), early).want(t, 425, false)
	}
	s.serve(schemestest.Request("GET", "/coordinator/v1/policy", "", "X-Bbk-Auth-Token", w.coordinator), early).want(t, 200, true)
}
