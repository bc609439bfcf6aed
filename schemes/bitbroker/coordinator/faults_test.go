package coordinator

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
)

// faultsOf is what is wrong with a value, as what it is of.
var faultsOf = map[string]func(any) []envelope.Fault{
	"user":       func(v any) []envelope.Fault { return newUserFaults(userProperties(v)) },
	"userupdate": func(v any) []envelope.Fault { return userFaults(userProperties(v)) },
	"connector":  func(v any) []envelope.Fault { return connectorShape.judge(nil, "", connectorProperties(v)) },
	"entity":     func(v any) []envelope.Fault { return entityFaults(nil, entityProperties(v)) },
	"policy":     func(v any) []envelope.Fault { return policyFaults(nil, policyProperties(v)) },
	"slug":       func(v any) []envelope.Fault { return slugShape.judge(nil, "slug", v) },
	"search":     func(v any) []envelope.Fault { return searchShape.judge(nil, "search", v) },
}

// The file has what jsonschema 1.4.1 of npm and mongo-query-to-postgres-jsonb 0.2 say of each
// body, by the schemas and rules of BitBroker.
func TestFaultsAreThoseOfBitBroker(t *testing.T) {
	file, err := os.Open("testdata/faults.jsonl")
	must(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var want struct {
			Of, Body string
			Faults   []envelope.Fault
		}
		must(t, json.Unmarshal(lines.Bytes(), &want))
		value, err := parse([]byte(want.Body))
		must(t, err)
		got := faultsOf[want.Of](value)
		if !slices.EqualFunc(got, want.Faults, sameFault) {
			t.Errorf("line %d: %s of %.300s:\n got %s\nwant %s", n+1, want.Of, want.Body, encoded(got), encoded(want.Faults))
		}
	}
	must(t, lines.Err())
	if n < 300 {
		t.Errorf("only %d bodies", n)
	}
}

func encoded(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func sameFault(a, b envelope.Fault) bool { return encoded(a) == encoded(b) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
