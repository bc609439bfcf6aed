package e2e

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// plainPersonalDemo is the demo server of personal data with nothing before it.
const plainPersonalDemo = `
{
	admin {$ADMIN}
	default_bind 127.0.0.1
	persist_config off
}
http://{$GATE} {
	import {$ROOT}/examples/pda/Caddyfile
}
`

func TestDemoServerOfPersonalDataAnswersAsTheOriginal(t *testing.T) {
	g := harness.Start(t, plainPersonalDemo, nil)
	const known = "X-Gatehouse-Subject: 127.0.0.1"
	for _, tc := range []struct {
		name, method, target string
		headers              []string
		status               int
		body                 string
	}{
		{"nobody", "GET", diary, nil, 401, notAuthenticated},
		{"nobody writes", "POST", diary, nil, 401, notAuthenticated},
		{"records", "GET", diary, []string{known}, 200, `"endpoint": "notes/diary"`},
		{"the second mount", "GET", "/api/v2/data/calendar/events", []string{known}, 200, `"Dentist"`},
		{"the third mount", "GET", "/api/v2.0/data/calendar/events", []string{known}, 200, `"Dentist"`},
		{"a part and a condition are passed over", "GET", diary, []string{known, "Range: bytes=0-3", `If-None-Match: *`}, 200, `"recordId"`},
		{"an endpoint without records", "GET", "/api/v2.6/data/notes/recipes/sweet", []string{known}, 200, "[]\n"},
		{"a namespace in capitals", "GET", "/api/v2.6/data/NOTES/diary", []string{known}, 404, `"Handler Not Found"`},
		{"a new record", "POST", diary, []string{known}, 201, `,"data":{"a":1}}`},
		{"anything else", "DELETE", diary, []string{known}, 404, `"Handler Not Found"`},
		{"the profile", "GET", "/api/v2.6/phata/profile", nil, 200, `"public":true`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const body = `{"a":1}`
			headers := tc.headers
			request := harness.Request(tc.method, tc.target, g.Gate, headers...)
			if tc.method == "POST" {
				request = harness.Request(tc.method, tc.target, g.Gate, append(headers, "Content-Length: 7")...) + body
			}
			got := harness.Send(t, g.Gate, request)
			if got.Status != tc.status || !strings.Contains(got.Body, tc.body) || got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %d %s %s; want %d with %s", got.Status, got.Header.Get("Content-Type"), got.Body, tc.status, tc.body)
			}
		})
	}
}
