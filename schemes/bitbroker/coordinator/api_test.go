package coordinator

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const (
	someUser   = `{"name":"n","email":"%s","organization":"o"}`
	someEntity = `{"name":"n","description":"d"}`
	somePolicy = `{"name":"n","description":"d","policy":{"access_control":{"enabled":true,"quota":{"max_number":10},"rate":5},"data_segment":{"segment_query":{}},"legal_context":[]}}`
)

// filled is a site with a user, a policy, an access, an entity type and a connector.
func filled(t testing.TB, changes ...func(*Config)) *site {
	s := newSite(t, changes...)
	for _, step := range []struct{ path, body string }{
		{"/user", fmt.Sprintf(someUser, "a@b.co")},
		{"/user", fmt.Sprintf(someUser, "c@b.co")},
		{"/policy/pol", somePolicy},
		{"/user/1/access/pol", ""},
		{"/entity/ent", someEntity},
		{"/entity/ent/connector/con", someEntity},
	} {
		if got := s.status("POST", step.path, step.body); got != 201 {
			t.Fatalf("%s: %d", step.path, got)
		}
	}
	return s
}

// good tells whether a token can be used, and why it cannot.
func (s *site) good(token string) error {
	_, err := s.store.BrokerHolder(s.t.Context(), realm, secret.DigestOf(token))
	return err
}

func (s *site) token(method, path string) string {
	s.t.Helper()
	w, err := s.ask(asked{method: method, path: path})
	must(s.t, err)
	return w.Body.String()
}

func TestEveryEndpointAnswers503WithoutItsStore(t *testing.T) {
	s := filled(t)
	s.broken.Store(true)
	for _, route := range routes {
		path := "/" + strings.NewReplacer(uid, "1", pid, "pol", eid, "ent", cid, "con", email, "a@b.co").Replace(strings.Join(route.pattern, "/"))
		body := ""
		switch {
		case route.method == "GET" && route.pattern[0] == "search":
			path += "?q=o"
		case route.pattern[0] == "policy":
			body = somePolicy
		case route.pattern[0] == "entity":
			body = someEntity
		case route.pattern[0] == "user":
			body = fmt.Sprintf(someUser, "d@b.co")
		}
		w, err := s.ask(asked{method: route.method, path: path, body: body})
		refusal, _ := errors.AsType[*schemes.Refusal](err)
		if w.Code != http.StatusServiceUnavailable || refusal == nil || refusal.Reason != schemes.StoreFailed || !errors.Is(err, schemestest.ErrBroken) {
			t.Errorf("%s %s: %d, %v", route.method, path, w.Code, err)
		}
		if strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%s %s tells why: %s", route.method, path, w.Body)
		}
	}
}

func TestRoutes(t *testing.T) {
	a := New(Config{}, nil)
	for _, test := range []struct{ method, path, action string }{
		{"GET", "user/email/access", "findUser"},
		{"GET", "user/email", "getUser"},
		{"GET", "user/7/access", "listAccesses"},
		{"HEAD", "User/7/ACCESS/Pol", "getAccess"},
		{"PUT", "entity/e/connector/c/token", "rotateConnector"},
		{"POST", "entity/e/connector/c/LIVE", "promoteConnector"},
		{"GET", "policy/p/access-control", "getAccessControl"},
		{"GET", "error/TEST", "testError"},
		{"GET", "", "announce"},
		{"HEAD", "", "announce"},
		{"OPTIONS", "user", ""},
		{"TRACE", "user", ""},
		{"get", "user", ""},
		{"PUT", "user/7/coordinator", ""},
		{"POST", "user/7", ""},
		{"POST", "entity", ""},
		{"GET", "u\u017Fer", ""}, // a long s is no s
		{"GET", "entity/e/\u212Aonnector", ""},
		{"GET", "policy/p/access-control/x", ""},
		{"POST", "error/test", ""},
	} {
		var segments []string
		if test.path != "" {
			segments = strings.Split(test.path, "/")
		}
		if serve, action := a.Answers(test.method, segments); action != test.action || (serve == nil) != (action == "") {
			t.Errorf("%s %q: %q", test.method, test.path, action)
		}
	}
	if serve, _ := a.Answers("GET", []string{"user", ""}); serve != nil {
		t.Error("an empty id is one")
	}
	if serve, action := a.Common(ContributorService, "GET", []string{"connector"}); serve != nil || action != "" {
		t.Error("the contributor API is served")
	}
}

func TestOneWhoPromotesOneselfAgainKeepsItsToken(t *testing.T) {
	s := filled(t)
	first := s.token("POST", "/user/1/coordinator")
	must(t, s.good(first))
	if got := s.status("POST", "/user/1/coordinator", ""); got != 409 {
		t.Errorf("%d", got)
	}
	must(t, s.good(first))
}

func TestTokensEndWithWhatTheyAreFor(t *testing.T) {
	for name, test := range map[string]struct {
		method, path string // of the token
		ends         []asked
		want         error
	}{
		"demotion":             {"POST", "/user/2/coordinator", []asked{{method: "DELETE", path: "/user/2/coordinator"}}, nil},
		"deletion of its user": {"POST", "/user/2/coordinator", []asked{{method: "DELETE", path: "/user/2"}}, nil},
		"reissue":              {"PUT", "/user/1/access/pol", []asked{{method: "PUT", path: "/user/1/access/pol"}}, nil},
		"deletion of the access": {"PUT", "/user/1/access/pol", []asked{
			{method: "DELETE", path: "/user/1/access/pol"}, {method: "POST", path: "/user/1/access/pol"},
		}, nil},
		"deletion of the policy": {"PUT", "/user/1/access/pol", []asked{
			{method: "DELETE", path: "/policy/pol"}, {method: "POST", path: "/policy/pol", body: somePolicy}, {method: "POST", path: "/user/1/access/pol"},
		}, nil},
		"rotation": {"PUT", "/entity/ent/connector/con/token", []asked{{method: "PUT", path: "/entity/ent/connector/con/token"}}, nil},
		"deletion of the connector": {
			"PUT", "/entity/ent/connector/con/token",
			[]asked{{method: "DELETE", path: "/entity/ent/connector/con"}},
			tokenstore.ErrConnectorGone,
		},
		"deletion of the entity type": {
			"PUT", "/entity/ent/connector/con/token",
			[]asked{{method: "DELETE", path: "/entity/ent"}},
			tokenstore.ErrConnectorGone,
		},
		"a connector made anew": {"PUT", "/entity/ent/connector/con/token", []asked{
			{method: "DELETE", path: "/entity/ent/connector/con"}, {method: "POST", path: "/entity/ent/connector/con", body: someEntity},
		}, nil},
		"an entity type made anew": {"PUT", "/entity/ent/connector/con/token", []asked{
			{method: "DELETE", path: "/entity/ent"},
			{method: "POST", path: "/entity/ent", body: someEntity},
			{method: "POST", path: "/entity/ent/connector/con", body: someEntity},
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := filled(t)
			s.token("POST", "/user/1/coordinator")
			token := s.token(test.method, test.path)
			must(t, s.good(token))
			for _, end := range test.ends {
				_, err := s.ask(end)
				must(t, err)
			}
			err := s.good(token)
			if _, ended := errors.AsType[*tokenstore.EndedError](err); !ended && (test.want == nil || !errors.Is(err, test.want)) {
				t.Errorf("it is %v", err)
			}
		})
	}
}

func TestReissuedTokenLivesOnForItsOverlap(t *testing.T) {
	s := filled(t, func(c *Config) { c.ReissueOverlap, c.TokenLifetime = time.Hour, 48*time.Hour })
	for _, path := range []string{"/user/1/access/pol", "/entity/ent/connector/con/token"} {
		before := s.token("PUT", path)
		after := s.token("PUT", path)
		s.clock.Advance(59 * time.Minute)
		must(t, s.good(before))
		s.clock.Advance(time.Minute)
		if s.good(before) == nil {
			t.Errorf("%s: the one before is good for longer", path)
		}
		must(t, s.good(after))
		s.clock.Advance(47 * time.Hour)
		if s.good(after) == nil {
			t.Errorf("%s: the new one has no end", path)
		}
	}
}

func TestCoordinatorMayDeleteItselfWhereThatIsAllowed(t *testing.T) {
	s := filled(t, func(c *Config) { c.AllowSelfDelete = true })
	s.token("POST", "/user/1/coordinator")
	if w, _ := s.ask(asked{method: "DELETE", path: "/user/1", caller: 1}); w.Code != 409 {
		t.Errorf("the last one: %d", w.Code)
	}
	s.token("POST", "/user/2/coordinator")
	if w, _ := s.ask(asked{method: "DELETE", path: "/user/1/coordinator", caller: 1}); w.Code != 405 {
		t.Errorf("demotion: %d", w.Code)
	}
	if w, _ := s.ask(asked{method: "DELETE", path: "/user/1", caller: 1}); w.Code != 204 {
		t.Errorf("deletion: %d", w.Code)
	}
}

// BitBroker gave out several tokens then, of which it forgot all but one.
func TestParallelCallsLeaveOneGoodToken(t *testing.T) {
	for name, test := range map[string]struct {
		method, path string
		good, taken  int // statuses
		all          bool
	}{
		"promotions": {"POST", "/user/2/coordinator", 200, 409, false},
		"accesses":   {"POST", "/user/2/access/pol", 201, 409, false},
		"reissues":   {"PUT", "/user/1/access/pol", 200, 503, true},
		"rotations":  {"PUT", "/entity/ent/connector/con/token", 200, 503, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := filled(t)
			var (
				tokens  sync.Map
				answers atomic.Int64
				group   sync.WaitGroup
			)
			for range 8 {
				group.Go(func() {
					w, _ := s.ask(asked{method: test.method, path: test.path})
					switch w.Code {
					case test.good:
						tokens.Store(w.Body.String(), true)
						answers.Add(1)
					case test.taken:
					default:
						t.Errorf("%d", w.Code)
					}
				})
			}
			group.Wait()
			good := 0
			tokens.Range(func(token, _ any) bool {
				if s.good(token.(string)) == nil {
					good++
				}
				return true
			})
			if good != 1 || !test.all && answers.Load() != 1 {
				t.Errorf("%d answers, %d good tokens", answers.Load(), good)
			}
		})
	}
}

func TestListsAreWhole(t *testing.T) {
	s := newSite(t)
	const many = page + 1
	for i := range many {
		id := fmt.Sprintf("x%03d", i)
		document := []byte(`{"name":"n","organization":"` + id + `","addendum":{},"description":"d","tags":["` + id + `"],"policy":{}}`)
		_, err := s.store.CreateBrokerUser(t.Context(), realm, id+"@b.co", document, "test")
		must(t, err)
		_, err = s.store.CreateBrokerEntity(t.Context(), realm, id, document, "test")
		must(t, err)
		_, err = s.store.CreateBrokerPolicy(t.Context(), realm, id, document, tokenstore.BrokerLimits{}, "test")
		must(t, err)
		_, stored := s.newToken()
		_, err = s.store.CreateBrokerConnector(t.Context(), realm, "x000", "c"+id, s.contribution("x000", id), document, stored, "test")
		must(t, err)
	}
	for path, each := range map[string]string{
		"/user": `"id":`, "/entity": `"id":`, "/policy": `"id":`, "/entity/x000/connector": `"id":`,
		"/search/user/organization?q=x": `"x`, "/search/entity/tags?q=X": `"x`, "/search/policy/tags?q=x": `"x`,
	} {
		w, err := s.ask(asked{method: "GET", path: path})
		must(t, err)
		if n := strings.Count(w.Body.String(), each); n != many {
			t.Errorf("%s has %d", path, n)
		}
	}
}

func TestLimitsOfPolicies(t *testing.T) {
	whole := func(n int64) *int64 { return &n }
	for control, want := range map[string]tokenstore.BrokerLimits{
		`{"enabled":false}`:                                                {},
		`{"enabled":true}`:                                                 {Enabled: true},
		`{"enabled":true,"rate":0}`:                                        {Enabled: true, Rate: whole(0)},
		`{"enabled":true,"rate":1e3}`:                                      {Enabled: true, Rate: whole(1000)},
		`{"enabled":true,"rate":10.0}`:                                     {Enabled: true, Rate: whole(10)},
		`{"enabled":true,"rate":1e300}`:                                    {Enabled: true, Rate: whole(1<<63 - 1)},
		`{"enabled":true,"rate":9223372036854775807}`:                      {Enabled: true, Rate: whole(1<<63 - 1)},
		`{"enabled":true,"quota":{}}`:                                      {Enabled: true},
		`{"enabled":true,"quota":{"interval_type":"day"}}`:                 {Enabled: true},
		`{"enabled":true,"quota":{"max_number":5}}`:                        {Enabled: true, Quota: &tokenstore.BrokerQuota{MaxNumber: 5, Interval: "month"}},
		`{"enabled":true,"quota":{"max_number":0,"interval_type":"day"}}`:  {Enabled: true, Quota: &tokenstore.BrokerQuota{Interval: "day"}},
		`{"enabled":false,"quota":{"max_number":7,"interval_type":"day"}}`: {Quota: &tokenstore.BrokerQuota{MaxNumber: 7, Interval: "day"}},
	} {
		s := newSite(t)
		body := strings.Replace(somePolicy, `{"enabled":true,"quota":{"max_number":10},"rate":5}`, control, 1)
		if got := s.status("POST", "/policy/pol", body); got != 201 {
			t.Errorf("%s: %d", control, got)
			continue
		}
		policy, _, err := s.store.BrokerPolicy(t.Context(), realm, "pol")
		must(t, err)
		if encoded(policy.Limits) != encoded(want) {
			t.Errorf("%s: %s", control, encoded(policy.Limits))
		}
	}
}

func TestChangesAreAuditedAsTheCallers(t *testing.T) {
	s := newSite(t)
	_, err := s.ask(asked{method: "POST", path: "/user", body: fmt.Sprintf(someUser, "a@b.co"), caller: 7, actor: "coordinator ada@example.com"})
	must(t, err)
	entries, _, err := s.store.Audit(t.Context(), nil, 10)
	must(t, err)
	if len(entries) != 1 || entries[0].Actor != "coordinator ada@example.com" || entries[0].Action != "createUser" {
		t.Errorf("%+v", entries)
	}
}

func TestServicesAnnounceThemselves(t *testing.T) {
	s := newSite(t)
	for service, name := range map[Service]string{
		ContributorService: "bit-broker contributor service", ConsumerService: "bit-broker consumer service",
	} {
		serve, action := s.Common(service, "GET", nil)
		if serve == nil || action != "announce" {
			t.Fatal(action)
		}
		w, r := newRecorded("GET")
		must(t, serve(w, r))
		if !strings.Contains(w.Body.String(), `"name":"`+name+`","base":"`+base+`"`) {
			t.Errorf("%s", w.Body)
		}
	}
}
