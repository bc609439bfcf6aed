package dx

import (
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// BenchmarkCall is all that the scheme does for a call that goes on, but for the server
// behind: of a token that it has seen, and of one that it has not.
func BenchmarkCall(b *testing.B) {
	for name, remembered := range map[string]bool{"repeated": true, "distinct": false} {
		b.Run(name, func(b *testing.B) {
			s := newSite(b)
			token := delegateToken().signed()
			path, err := canonpath.FromRequest(schemestest.Request("GET", basicPath, ""), s.Paths())
			must(b, err)
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", basicPath, nil)
				r.Header["Token"] = []string{token}
				call := &schemes.Call{Request: r, Path: path}
				s.Public(call)
				if call.Credential, err = s.Credential(call); err != nil {
					b.Fatal(err)
				}
				if call.Identity, err = s.Identify(b.Context(), call); err != nil {
					b.Fatal(err)
				}
				if call.Decision = s.Decide(call); s.Endpoint(call) != nil || !call.Decision.Allow {
					b.Fatal(call.Decision.Reason)
				}
				s.Forward(call, r)
				if !remembered {
					s.keys.settings++ // what is remembered is not found any more
				}
			}
		})
	}
}
