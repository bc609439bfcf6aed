package services

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestLimitsOfAPolicyAreKept(t *testing.T) {
	s := newService(t)
	const missing = `{"status":404,"message":"Not Found"}` + "\n"
	s.wants(404, bareText, missing, "GET", "rate/consumer:pol-one/config", "")
	for sent, shown := range map[string]string{
		`{"enabled":true,"quota":{"max_number":10,"interval_type":"month"},"rate":1}`: ``,
		`{"enabled":true,"quota":{"max_number":0,"interval_type":"day"},"rate":0}`:    ``,
		`{"enabled":false,"rate":3}`: `{"enabled":false,"quota":{},"rate":3}`,
		`{"enabled":true,"quota":{"max_number":1e1,"interval_type":"day"},"rate":5.0,"log":{"x":1}}`: `{"enabled":true,"quota":{"max_number":10,"interval_type":"day"},"rate":5}`,
		`{"enabled":true,"rate":3}`: `{"enabled":true,"quota":{},"rate":3}`,
	} {
		if shown == "" {
			shown = sent
		}
		s.wants(200, "application/json", shown+"\n", "PUT", "rate/consumer:pol-one/config", sent)
		s.wants(200, "application/json", shown+"\n", "GET", "rate/consumer:pol-one/config", "")
	}
	must(t, s.store.ForgetPolicy(t.Context(), realm, "pol-one", "test"))
	s.wants(404, bareText, missing, "GET", "rate/consumer:pol-one/config", "")
	s.wants(200, "application/json", "\"OK\"\n", "DELETE", "rate/consumer:pol-one/config", "")
	// Again, as the original.
	s.wants(200, "application/json", "\"OK\"\n", "DELETE", "rate/consumer:pol-one/config", "")
	must(t, s.store.RenewPolicy(t.Context(), realm, "pol-one", "test"))
	s.wants(404, bareText, missing, "GET", "rate/consumer:pol-one/config", "")
	// What limits nothing is taken, and is as if it were not there.
	s.wants(200, "application/json", `{"enabled":false,"quota":{}}`+"\n", "PUT", "rate/consumer:pol-one/config", `{"enabled":false}`)
	s.wants(404, bareText, missing, "GET", "rate/consumer:pol-one/config", "")
}

// A BitBroker asks for it before it commits the deletion of a policy, and may roll that back.
func TestDeletionThatIsRolledBackLosesNoLimits(t *testing.T) {
	s := newService(t)
	const sent = `{"enabled":true,"quota":{"max_number":10,"interval_type":"day"},"rate":1}`
	s.wants(200, "application/json", sent+"\n", "PUT", "rate/consumer:pol-one/config", sent)
	s.wants(200, "application/json", "\"OK\"\n", "DELETE", "rate/consumer:pol-one/config", "")
	s.wants(404, bareText, `{"status":404,"message":"Not Found"}`+"\n", "GET", "rate/consumer:pol-one/config", "")
	policy, _, err := s.store.BrokerPolicy(t.Context(), realm, "pol-one")
	must(t, err)
	if l := policy.Limits; !l.Enabled || l.Quota == nil || l.Quota.MaxNumber != 10 || l.Rate == nil || *l.Rate != 1 {
		t.Errorf("the limits are %+v", l)
	}
	s.wants(200, "application/json", sent+"\n", "PUT", "rate/consumer:pol-one/config", sent)
	s.wants(200, "application/json", sent+"\n", "GET", "rate/consumer:pol-one/config", "")
}

func TestLimitsOfAConnectorAreKeptNowhere(t *testing.T) {
	s := newService(t)
	const sent = `{"enabled":true,"quota":{"max_number":86400,"interval_type":"day"},"rate":10}`
	s.wants(200, "application/json", sent+"\n", "PUT", "rate/contributor:con-one/config", sent)
	s.wants(404, bareText, `{"status":404,"message":"Not Found"}`+"\n", "GET", "rate/contributor:con-one/config", "")
	s.wants(200, "application/json", "\"OK\"\n", "DELETE", "rate/contributor:con-one/config", "")
	if _, _, err := s.store.BrokerPolicy(t.Context(), realm, "con-one"); err == nil {
		t.Error("a connector became a policy")
	}
}

// A BitBroker looks at no status: it would go on, and the policy be there without limits.
func TestLimitsThatAreRefusedAreNoSuccess(t *testing.T) {
	s := newService(t)
	refused := func(slug, sent string) {
		t.Helper()
		w, _, refusal := s.send(request("PUT", "rate/consumer:"+slug+"/config", sent))
		if refusal == nil || !BreaksOff(refusal) || refusal.Status/100 != 4 || refusal.Cause.Error() == "" || w.Body.Len() > 0 {
			t.Errorf("%s, %.100s: %d %s (%v)", slug, sent, w.Code, w.Body, refusal)
		}
	}
	const good = `{"enabled":true,"quota":{"max_number":10,"interval_type":"month"},"rate":1}`
	s.wants(200, "application/json", good+"\n", "PUT", "rate/consumer:pol-one/config", good)
	for _, sent := range []string{
		``, `[]`, `{}`, `null`, `{"enabled":"true"}`, `{"enabled":null}`, `{"enabled":true,"enabled":false}`, `{"enabled":true`,
		`{"enabled":true,"rate":-1}`, `{"enabled":true,"rate":1.5}`, `{"enabled":true,"rate":"5"}`, `{"enabled":true,"rate":1e400}`,
		`{"enabled":true,"quota":[]}`, `{"enabled":true,"quota":7}`, `{"enabled":true,"quota":{"max_number":-1}}`,
		`{"enabled":true,"quota":{"max_number":1,"interval_type":"year"}}`, `{"enabled":true,"quota":{"max_number":1,"interval_type":7}}`,
	} {
		refused("pol-one", sent)
	}
	refused("Pol!One", good)
	refused("pol-one", `{"enabled":true,"more":"`+strings.Repeat("a", maxBody)+`"}`)
	s.wants(200, "application/json", good+"\n", "GET", "rate/consumer:pol-one/config", "")
}

func TestReadLimits(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	for text, want := range map[string]tokenstore.BrokerLimits{
		`{"enabled":true}`:                               {Enabled: true},
		`{"enabled":true,"quota":null,"rate":null}`:      {Enabled: true},
		`{"enabled":true,"quota":{}}`:                    {Enabled: true},
		`{"enabled":true,"quota":{"max_number":5}}`:      {Enabled: true, Quota: &tokenstore.BrokerQuota{MaxNumber: 5, Interval: "month"}},
		`{"enabled":true,"rate":1e300}`:                  {Enabled: true, Rate: n(math.MaxInt64)},
		`{"enabled":true,"rate":0}`:                      {Enabled: true, Rate: n(0)},
		`{"enabled":false,"rate":2,"quota":{"x":[1,2]}}`: {Rate: n(2)},
	} {
		got, ok := readLimits([]byte(text))
		if !ok || asJSON(got) != asJSON(want) {
			t.Errorf("%s: %s (%t), want %s", text, asJSON(got), ok, asJSON(want))
		}
	}
}

func TestLimitsAreWholeNumbersOfZeroOrMore(t *testing.T) {
	for _, text := range []string{
		`{"enabled":true,"rate":-1}`, `{"enabled":true,"rate":0.5}`, `{"enabled":true,"rate":"1"}`, `{"enabled":true,"rate":[1]}`,
		`{"enabled":true,"quota":{"max_number":-1,"interval_type":"day"}}`, `{"enabled":true,"quota":{"max_number":1.5}}`,
	} {
		if limits, ok := readLimits([]byte(text)); ok {
			t.Errorf("%s: %s", text, asJSON(limits))
		}
	}
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	return fmt.Sprint(string(text), err)
}

// Whatever is taken for limits can be shown, and is then taken for the same.
func FuzzReadLimits(f *testing.F) {
	f.Add(`{"enabled":true,"quota":{"max_number":10,"interval_type":"month"},"rate":1}`)
	f.Add(`{"enabled":false,"quota":{"max_number":1e300},"rate":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		limits, ok := readLimits([]byte(text))
		if !ok {
			return
		}
		if limits.Rate != nil && *limits.Rate < 0 || limits.Quota != nil && limits.Quota.MaxNumber < 0 {
			t.Fatalf("%q: %s", text, asJSON(limits))
		}
		shown, err := json.Marshal(viewLimits(limits))
		if err != nil {
			t.Fatal(err)
		}
		again, ok := readLimits(shown)
		if !ok || again.Enabled != limits.Enabled || (again.Quota == nil) != (limits.Quota == nil) || (again.Rate == nil) != (limits.Rate == nil) {
			t.Fatalf("%q is shown as %s, and that is %s", text, shown, asJSON(again))
		}
	})
}
