package coordinator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestBodiesThatAreTooLongAreRefused(t *testing.T) {
	s := newSite(t)
	user := func(addendum int) string {
		return `{"name":"n","email":"a@b.co","organization":"o","addendum":{"a":"` + strings.Repeat("x", addendum) + `"}}`
	}
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"more than is kept of one thing":     {user(maxDocument), 413},
		"more than a body may have":          {user(maxBody), 413},
		"100 MB":                             {user(100 << 20), 413},
		"spaces":                             {`{}` + strings.Repeat(" ", maxBody), 413},
		"as much as is kept of one thing":    {user(maxDocument - 100), 201},
		"so deep that it is read no further": {`{"addendum":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, 400},
		"deeper than Go reads":               {strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), 400},
	} {
		if got := s.status("POST", "/user", test.body); got != test.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// A body of nothing but faults has no answer that is many times its size.
func TestFaultsAreBounded(t *testing.T) {
	s := newSite(t)
	body := `{"name":"n","description":"d","policy":{"access_control":{"enabled":true},"data_segment":{"segment_query":{}},"legal_context":[` +
		strings.TrimSuffix(strings.Repeat("0,", 400_000), ",") + `]}}`
	w, _ := s.ask(asked{method: "POST", path: "/policy/abc", body: body})
	if w.Code != 400 || w.Body.Len() > 200_000 {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
}

// Parts that refer to parts twice over would be looked at more often than there is time for.
func TestSchemasThatReferToThemselvesAreBounded(t *testing.T) {
	const levels = 30
	var definitions []string
	for i := range levels {
		next := fmt.Sprintf(`{"$ref":"#/definitions/a%d"}`, i+1)
		definitions = append(definitions, fmt.Sprintf(`"a%d":{"allOf":[%s,%s]}`, i, next, next))
	}
	definitions = append(definitions, fmt.Sprintf(`"a%d":{}`, levels))
	value, err := parse([]byte(`{"$ref":"#/definitions/a0","definitions":{` + strings.Join(definitions, ",") + `}}`))
	must(t, err)
	if isJSONSchema(value) {
		t.Error("it was looked through")
	}
}

// Each part is within bounds, and so is how many refer to it: looking through all takes minutes.
func TestWorkForASchemaThatRefersToALongPartIsBounded(t *testing.T) {
	list := func(item string) string { return "[" + strings.TrimSuffix(strings.Repeat(item+",", 20_000), ",") + "]" }
	var keywords strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&keywords, `"k%d":1,`, i)
	}
	for name, part := range map[string]string{
		"keywords":           "{" + strings.TrimSuffix(keywords.String(), ",") + "}",
		"types":              `{"type":` + list("1") + "}",
		"nots":               `{"not":` + list("1") + "}",
		"alternatives":       `{"anyOf":` + list("{}") + "}",
		"a long reference":   `{"$ref":"#/definitions/` + strings.Repeat("b", 64_000) + `"}`,
		"a deep reference":   `{"$ref":"#` + strings.Repeat("/c", 90) + `"}`,
		"types of an object": `{"properties":{"p":{}},"type":` + list(`"a"`) + "}",
	} {
		schema := func(references int) any {
			refer := strings.TrimSuffix(strings.Repeat(`{"$ref":"#/definitions/a"},`, references), ",")
			deep := strings.Repeat(`{"c":`, 90) + "{}" + strings.Repeat("}", 90)
			value, err := parse([]byte(`{"allOf":[` + refer + `],"definitions":{"a":` + part + `,"` + strings.Repeat("b", 64_000) + `":{}},` + deep[1:]))
			must(t, err)
			return value
		}
		if !isJSONSchema(schema(2)) {
			t.Errorf("%s: not twice", name)
		}
		if isJSONSchema(schema(2_000)) {
			t.Errorf("%s: looked at two thousand times", name)
		}
	}
}

// A caller whose token ended while its body arrived changes nothing.
func TestCallerMustStillBeGoodOnceTheBodyIsRead(t *testing.T) {
	s := newSite(t)
	gone := &schemes.Refusal{Status: http.StatusForbidden, Reason: schemes.EndedCredential}
	_, err := s.ask(asked{
		method: "POST", path: "/user", body: `{"name":"n","email":"a@b.co","organization":"o"}`, still: func() error { return gone },
	})
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if _, err := s.store.BrokerUserByEmail(t.Context(), realm, "a@b.co"); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("the user was made: %v", err)
	}
}

func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"name":"n","email":"a@b.co","organization":"o","addendum":{"2":1,"1":[null]}}`,
		`{"name":"n","description":"d","schema":{"$ref":"#/definitions/a","definitions":{"a":{}}},"timeseries":{"pop":{"period":"P1Y","value":"v","unit":"u"}}}`,
		`{"name":"n","description":"d","policy":{"access_control":{"enabled":true,"rate":1e3,"quota":{"max_number":5}},"data_segment":{"segment_query":{"$and":[{"a":{"$near":{"$geometry":{},"$max":1}}}]}},"legal_context":[{"type":"note","text":"t","link":null}]}}`,
		`[]`, `true`, `{"a":`, "\ufeff{}", `{"a":1,"a":2}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := parseBody(body)
		if err != nil {
			if _, is := errors.AsType[malformed](err); !is {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if len(body) > 0 && !json.Valid(bytes.TrimPrefix(body, []byte("\ufeff"))) {
			t.Fatalf("%q was read", body)
		}
		text := encode(value)
		again, err := parse(text)
		if err != nil || !bytes.Equal(encode(again), text) {
			t.Fatalf("%q became %q, and that %q", body, text, encode(again))
		}
		for kind, faults := range faultsOf {
			if !slices.EqualFunc(faults(value), faults(value), sameFault) {
				t.Errorf("%q as %s has other faults a second time", body, kind)
			}
		}
		if said := policyProperties(value); len(policyFaults(nil, said)) == 0 {
			limits := limitsOf(member(said.get("policy"), "access_control"))
			if limits.Rate != nil && *limits.Rate < 0 || limits.Quota != nil && (limits.Quota.MaxNumber < 0 || limits.Quota.Interval != "day" && limits.Quota.Interval != "month") {
				t.Errorf("%q limits to %+v", body, limits)
			}
		}
		if said := userProperties(value); len(newUserFaults(said)) == 0 {
			kept, err := userDocumentOf(said)
			var document userDocument
			if err == nil && (json.Unmarshal(kept, &document) != nil || document.Name == "") {
				t.Errorf("%q is kept as %q", body, kept)
			}
		}
	})
}

// What was noted in front of a BitBroker says nothing of itself.
func TestRealmThatWasInFrontIsShownByNames(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	bound := func(kind tokenstore.TokenKind, audience string, bind func(secret.Digest) error) {
		t.Helper()
		_, stored := s.newToken()
		must(t, s.store.MintBrokerToken(ctx, realm, tokenstore.NewMint{NewBrokerToken: stored, Kind: kind, Audience: audience}, "test"))
		must(t, bind(stored.Digest))
	}
	bound(tokenstore.ConsumerToken, "pol-one", func(d secret.Digest) error { return s.store.BindAccess(ctx, realm, d, 7, "pol-one", "test") })
	bound(tokenstore.ContributorToken, "con-one", func(d secret.Digest) error {
		return s.store.BindConnector(ctx, realm, d, "ent-one", "con-one", strings.Repeat("a", 40), "test")
	})
	for path, want := range map[string]string{
		"/user": `"id":7`, "/user/7": `"id":7`, "/entity": `"id":"ent-one"`, "/entity/ent-one": `"id":"ent-one"`,
		"/policy": `"id":"pol-one"`, "/policy/pol-one": `"id":"pol-one"`,
		"/entity/ent-one/connector": `"id":"con-one"`, "/entity/ent-one/connector/con-one": `"id":"con-one"`,
		"/search/user/organization?q=a": "[", "/search/entity/tags?q=a": "[", "/search/policy/tags?q=a": "[",
	} {
		if w, _ := s.ask(asked{method: "GET", path: path}); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if code := s.status("POST", "/entity/ent-one/connector/con-two", `{"name":"n","description":"d"}`); code != 201 {
		t.Errorf("a connector beside it: %d", code)
	}
}
