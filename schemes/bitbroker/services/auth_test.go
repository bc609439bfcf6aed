package services

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const jsonOf, textOf = authJSON, htmlText

func TestTokensAreMintedForTheThreeScopes(t *testing.T) {
	s := newService(t)
	answer := func(n int) string { return fmt.Sprintf(`{"token":%q,"jti":%q}`, tokenOf(n), id(n)) }
	s.wants(200, jsonOf, answer(1), "POST", "auth/token", `{"scope":"consumer","aud":"pol-one"}`)
	s.wants(200, jsonOf, answer(2), "POST", "auth/token", `{"scope":"contributor","aud":"con-one"}`)
	s.wants(200, jsonOf, answer(3), "POST", "auth/token", `{"scope":"coordinator","aud":""}`)
	s.wants(200, jsonOf, answer(4), "POST", "auth/token", `{"aud":null,"scope":"coordinator"}`)
	s.wants(200, jsonOf, answer(5), "POST", "auth/token/", `{"scope":"coordinator","more":[1]}`)

	for body, why := range map[string]string{
		`{"scope":"superuser","aud":""}`:                               "another scope",
		`{"scope":"Consumer","aud":"pol-one"}`:                         "another scope's spelling",
		`{"aud":"pol-one"}`:                                            "no scope",
		`{"scope":null,"aud":"pol-one"}`:                               "a null scope",
		`{"scope":["consumer"],"aud":"pol-one"}`:                       "a list of scopes",
		`{"scope":"consumer"}`:                                         "a consumer's without a policy",
		`{"scope":"consumer","aud":""}`:                                "a consumer's of no policy",
		`{"scope":"contributor","aud":null}`:                           "a contributor's without a connector",
		`{"scope":"contributor","aud":["con-one"]}`:                    "a list of connectors",
		`{"scope":"coordinator","aud":"x"}`:                            "a coordinator's with an audience",
		`{"scope":"consumer","aud":"Pol/One"}`:                         "an audience that is no slug",
		`{"scope":"consumer","scope":"coordinator","aud":""}`:          "two scopes",
		`{"scope":"consumer","aud":"` + strings.Repeat("a", 65) + `"}`: "an audience that is too long",
		`{"scope":"consumer","aud":"pol-one"`:                          "half an object",
		`[]`:                                                           "a list",
		``:                                                             "nothing",
		`{"scope":"consumer","aud":"pol-one"} {}`:                      "two objects",
		"{\"scope\":\"consumer\",\"aud\":\"\xff\"}":                    "no UTF-8",
		`{"scope":"consumer","aud":"pol-one","exp":0}`:                 "an end in the past",
		`{"scope":"consumer","aud":"pol-one","exp":1763812800}`:        "an end in the past",
		`{"scope":"consumer","aud":"pol-one","exp":null}`:              "an end that is null",
		`{"scope":"consumer","aud":"pol-one","exp":"soon"}`:            "an end that is no number",
		`{"scope":"consumer","aud":"pol-one","exp":1e300}`:             "an end beyond all dates",
		`{"scope":"consumer","aud":"pol-one","exp":"NaN"}`:             "an end that is none",
		`{"scope":"consumer","aud":"pol-one","exp":true}`:              "an end that is true",
		`{"scope":"consumer","aud":"pol-one","jti":"short"}`:           "a key id that is none",
		`{"scope":"consumer","aud":"pol-one","jti":""}`:                "an empty key id",
		`{"scope":"consumer","aud":"pol-one","jti":7}`:                 "a key id that is a number",
		`{"scope":"consumer","aud":"pol-one","jti":"` + strings.ToUpper("1111111a-1111-4111-8111-111111111111") + `"}`: "a key id in capitals",
		`{"scope":"consumer","aud":"pol-one","jti":"` + id(1) + `"}`:                                                   "a key id that another has",
	} {
		w, _, refusal := s.send(request("POST", "auth/token", body))
		if w.Code != 400 || w.Body.String() != "Invalid values" || w.Header().Get("Content-Type") != textOf || refusal == nil {
			t.Errorf("%s: %s: %d %s", why, body, w.Code, w.Body)
		}
	}
	r := request("POST", "auth/token", `{"scope":"coordinator","aud":""}`)
	r.Header.Set("Content-Type", "text/plain")
	if w, _, _ := s.send(r); w.Code != 400 {
		t.Errorf("a text that looks like JSON: %d %s", w.Code, w.Body)
	}
	if w, _, _ := s.send(request("POST", "auth/token", `{"scope":"`+strings.Repeat("a", maxBody)+`"}`)); w.Code != 413 {
		t.Errorf("a long body: %d", w.Code)
	}
}

func TestMintedTokenIsGoodForNothingUntilItIsBound(t *testing.T) {
	s := newService(t)
	_, _, _ = s.send(request("POST", "auth/token", `{"scope":"coordinator","aud":""}`))
	digest := secret.DigestOf(tokenOf(1))
	if _, err := s.store.BrokerHolder(t.Context(), realm, digest); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Fatalf("before it is bound: %v", err)
	}
	must(t, s.store.BindCoordinator(t.Context(), realm, digest, 7, "test"))
	h, err := s.store.BrokerHolder(t.Context(), realm, digest)
	if err != nil || h.Token.Accessor != id(1) || h.User.ID != 7 || h.Token.Kind != tokenstore.CoordinatorToken {
		t.Errorf("bound: %+v, %v", h, err)
	}
}

func TestTokenEndsWhenItWasAskedTo(t *testing.T) {
	s := newService(t)
	end := noon.Add(time.Hour)
	for n, exp := range []string{fmt.Sprint(end.Unix()), fmt.Sprintf("%q", fmt.Sprint(end.Unix())), fmt.Sprintf("%d.4", end.Unix())} {
		s.wants(200, jsonOf, fmt.Sprintf(`{"token":%q,"jti":%q}`, tokenOf(n+1), id(n+1)), "POST", "auth/token", `{"scope":"coordinator","exp":`+exp+`}`)
		digest := secret.DigestOf(tokenOf(n + 1))
		must(t, s.store.BindCoordinator(t.Context(), realm, digest, 7, "test"))
		h, err := s.store.BrokerHolder(t.Context(), realm, digest)
		if err != nil || !h.Token.ExpiresAt.Equal(end) {
			t.Errorf("%s: ends %v, %v", exp, h.Token.ExpiresAt, err)
		}
	}
}

func TestKeyIDMayBeTheCallersOwn(t *testing.T) {
	s := newService(t)
	const own = "22222222-2222-4222-9222-222222222222"
	s.wants(200, jsonOf, fmt.Sprintf(`{"token":%q,"jti":%q}`, tokenOf(1), own), "POST", "auth/token", `{"scope":"coordinator","jti":"`+own+`"}`)
	s.wants(400, textOf, "Invalid values", "POST", "auth/token", `{"scope":"coordinator","jti":"`+own+`"}`)
}

func TestKeyIDThatWasRescindedIsNotGivenAgain(t *testing.T) {
	s := newService(t)
	const own = "22222222-2222-4222-9222-222222222222"
	s.wants(200, jsonOf, `[{"status":"fulfilled"}]`, "DELETE", "auth/token", `["`+own+`"]`)
	s.wants(400, textOf, "Invalid values", "POST", "auth/token", `{"scope":"coordinator","jti":"`+own+`"}`)
}

func TestTokensAreRescindedByTheirKeyIDs(t *testing.T) {
	s := newService(t)
	const earlier = "00000000-0000-0000-0000-000000000000" // the bootstrap one of its charts
	for range 3 {
		_, _, _ = s.send(request("POST", "auth/token", `{"scope":"consumer","aud":"pol-one"}`))
	}
	for n := range 2 {
		must(t, s.store.BindAccess(t.Context(), realm, secret.DigestOf(tokenOf(n+1)), uint64(n)+1, "pol-one", "test"))
	}
	s.wants(200, jsonOf, `[]`, "DELETE", "auth/token", `[]`)
	s.wants(200, jsonOf, `[]`, "DELETE", "auth/token", `["x",7,null,["`+id(2)+`"],"`+id(2)+`0"]`)
	s.wants(200, jsonOf, `[{"status":"fulfilled"},{"status":"fulfilled"},{"status":"fulfilled"}]`, "DELETE", "auth/token",
		`["`+id(1)+`","`+strings.ToUpper(earlier)+`",null,"`+id(3)+`"]`)
	// Again changes nothing.
	s.wants(200, jsonOf, `[{"status":"fulfilled"}]`, "DELETE", "auth/token", `["`+id(1)+`"]`)

	_, err := s.store.BrokerHolder(t.Context(), realm, secret.DigestOf(tokenOf(1)))
	if ended, ok := errors.AsType[*tokenstore.EndedError](err); !ok || ended.Reason != tokenstore.Revoked {
		t.Errorf("the rescinded token: %v", err)
	}
	if _, err := s.store.BrokerHolder(t.Context(), realm, secret.DigestOf(tokenOf(2))); err != nil {
		t.Errorf("the other token: %v", err)
	}
	if err := s.store.BindAccess(t.Context(), realm, secret.DigestOf(tokenOf(3)), 9, "pol-one", "test"); err == nil {
		t.Error("a token that was rescinded before anybody had it is bound")
	}
	standing, err := s.store.ForeignStanding(t.Context(), realm, earlier, tokenstore.CoordinatorToken, "", noon)
	if err != nil || standing.Rescinded.IsZero() {
		t.Errorf("a BitBroker's own token: %+v, %v", standing, err)
	}
	for _, body := range []string{``, `{}`, `null`, `{"jtis":["` + id(2) + `"]}`, `"` + id(2) + `"`, `["` + id(2) + `"`} {
		s.wants(400, textOf, "Invalid values", "DELETE", "auth/token", body)
	}
	r := request("DELETE", "auth/token", `["`+id(2)+`"]`)
	r.Header.Del("Content-Type")
	if w, _, _ := s.send(r); w.Code != 400 {
		t.Errorf("without a content type: %d", w.Code)
	}
	if _, err := s.store.BrokerHolder(t.Context(), realm, secret.DigestOf(tokenOf(2))); err != nil {
		t.Errorf("the other token, after bad requests: %v", err)
	}
}

func TestManyTokensAreRescindedInOneCall(t *testing.T) {
	s := newService(t)
	var keys []string
	for n := range 2*maxKeys + 1 {
		keys = append(keys, id(1000+n))
	}
	w, _, _ := s.send(request("DELETE", "auth/token", `["`+strings.Join(keys, `","`)+`"]`))
	if w.Code != 200 || strings.Count(w.Body.String(), "fulfilled") != len(keys) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, key := range []string{keys[0], keys[maxKeys], keys[2*maxKeys]} {
		s.wants(403, textOf, "Denied", "GET", "auth/token/check/"+key, "")
	}
}

func TestCheckSaysWhatWasRescinded(t *testing.T) {
	s := newService(t)
	for range 2 {
		_, _, _ = s.send(request("POST", "auth/token", `{"scope":"consumer","aud":"pol-one"}`))
	}
	const unknown, denied = "33333333-3333-4333-a333-333333333333", "44444444-4444-4444-b444-444444444444"
	s.wants(200, jsonOf, `[{"status":"fulfilled"},{"status":"fulfilled"}]`, "DELETE", "auth/token", `["`+id(2)+`","`+denied+`"]`)
	for key, want := range map[string]string{
		id(1): "OK", id(2): "Denied", unknown: "OK", denied: "Denied", strings.ToUpper(denied): "Denied",
		"x": "Invalid value", id(1) + "0": "Invalid value", "": "Invalid value",
	} {
		status, contentType := map[string]int{"OK": 200, "Denied": 403, "Invalid value": 400}[want], textOf
		if want == "OK" {
			contentType = "text/plain; charset=utf-8"
		}
		if key != "" {
			s.wants(status, contentType, want, "GET", "auth/token/check/"+key, "")
		}
		r := request("POST", "auth/token/check", `{}`)
		r.Header.Set("X-Auth-JTI", key)
		if w, _, _ := s.send(r); w.Code != status || w.Body.String() != want {
			t.Errorf("by header, %s: %d %s, want %s", key, w.Code, w.Body, want)
		}
	}
}

func TestKeySetIsEmpty(t *testing.T) {
	newService(t).wants(200, jsonOf, `{"keys":[]}`, "GET", "auth/.well-known/jwks.json", "")
}

func TestAStoreThatFailsIsNeverASuccess(t *testing.T) {
	for name, breaks := range map[string]func(*service){
		"broken": func(s *service) { s.broken.Store(true) }, "shut": func(s *service) { s.shut.Store(true) },
	} {
		s := newService(t)
		breaks(s)
		for _, tc := range []struct {
			method, path, body string
			breaksOff          bool
		}{
			{"POST", "auth/token", `{"scope":"coordinator"}`, false},
			{"POST", "auth/token", `{"scope":"coordinator","jti":"` + id(9) + `"}`, false},
			{"GET", "auth/token/check/" + id(1), "", false},
			{"GET", "rate/consumer:pol-one/config", "", false},
			// A BitBroker looks at no status of these, and would go on.
			{"DELETE", "auth/token", `["` + id(1) + `"]`, true},
			{"PUT", "rate/consumer:pol-one/config", `{"enabled":true}`, true},
			{"DELETE", "rate/consumer:pol-one/config", "", true},
		} {
			w, _, refusal := s.send(request(tc.method, tc.path, tc.body))
			if refusal == nil || refusal.Status != http.StatusServiceUnavailable || BreaksOff(refusal) != tc.breaksOff || !errors.Is(refusal, schemestest.ErrBroken) {
				t.Errorf("%s: %s %s: %v", name, tc.method, tc.path, refusal)
				continue
			}
			if tc.breaksOff && w.Body.Len() > 0 || !tc.breaksOff && w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s: %s %s: %d %s", name, tc.method, tc.path, w.Code, w.Body)
			}
		}
		s.broken.Store(false) // so that it closes
	}
}

// Whatever is taken for an order asks for one of the three kinds, and for no key id or end that
// the store could not keep.
func FuzzReadOrder(f *testing.F) {
	f.Add(`{"scope":"consumer","aud":"pol-one","exp":1795000000,"jti":"` + id(1) + `"}`)
	f.Add(`{"scope":"coordinator","aud":null,"exp":" 1.5e9 "}`)
	f.Fuzz(func(t *testing.T, text string) {
		order, ok := readOrder([]byte(text))
		if !ok {
			return
		}
		switch order.Kind {
		case tokenstore.CoordinatorToken, tokenstore.ContributorToken, tokenstore.ConsumerToken:
		default:
			t.Fatalf("%q: %v", text, order.Kind)
		}
		if order.Accessor != "" && tokenstore.ValidBrokerKey(order.Accessor) != nil {
			t.Fatalf("%q: key id %q", text, order.Accessor)
		}
		if end := order.NotAfter; !end.IsZero() && (end.Year() > 9999 || end.Unix() < 1) {
			t.Fatalf("%q: ends %v", text, end)
		}
	})
}
