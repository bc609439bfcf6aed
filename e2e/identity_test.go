package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// spellings are how a header's name can be written so that some server behind reads
// it as that name.
func spellings(name string) map[string]string {
	return map[string]string{
		"as it is":                       name,
		"in lower case":                  strings.ToLower(name),
		"in upper case":                  strings.ToUpper(name),
		"CVE-2025-64484 underscores":     strings.ReplaceAll(name, "-", "_"),
		"GHSA-49wc-4hcv-v58q dots":       strings.ReplaceAll(name, "-", "."),
		"CVE-2026-54763 mixed":           strings.Replace(name, "-", "_", 1),
		"lower case with an underscore":  strings.ToLower(strings.Replace(name, "-", "_", 1)),
		"CVE-2026-52845 dots and dashes": strings.Replace(name, "-", ".", 1),
	}
}

// A client can neither inject, duplicate, alias nor strip an identity header, in
// headers, trailers or through Connection, whatever its name, on calls that stream
// and on those that are read.
func TestIdentityHeadersAreTheGatesAlone(t *testing.T) {
	own := [4]string{"X-Caller", "X-Caller-Kind", "X-Caller-Roles", "X-Caller-Token"}
	for _, site := range []struct {
		name, caddyfile string
		headers         [4]string
	}{
		{"default names", deltaSite, [4]string{"X-Gatehouse-Subject", "X-Gatehouse-Kind", "X-Gatehouse-Roles", "X-Gatehouse-Token-Id"}},
		{"own names", strings.Replace(deltaSite, "endpoint", "identity_headers "+strings.Join(own[:], " ")+"\n endpoint", 1), own},
	} {
		t.Run(site.name, func(t *testing.T) {
			g := startSite(t, site.caddyfile, harness.JSON(`{"items":[]}`))
			g.bearer = bearer(g.activate(t, g.createRecipient(t, "acme", "sales")))
			for _, name := range append(site.headers[:], "Authorization") {
				for spelling, alias := range spellings(name) {
					if strings.EqualFold(alias, "Authorization") {
						continue // a second credential: TestOneCredential
					}
					for way, headers := range map[string][]string{
						"injected":             {alias + ": evil"},
						"twice":                {alias + ": evil", alias + ": evil2"},
						"empty":                {alias + ":"},
						"named by Connection":  {"Connection: close, " + alias},
						"injected and named":   {alias + ": evil", "Connection: " + alias},
						"named between commas": {alias + ": evil", "Connection: , ," + alias + "\t,close"},
						"named by TE":          {alias + ": evil", "Connection: TE", "TE: trailers"},
						"named by Proxy-Connection and Keep-Alive": {
							alias + ": evil", "Proxy-Connection: " + alias, "Keep-Alive: " + alias,
						},
						"announced as a trailer that never comes": {"Trailer: " + alias},
					} {
						for _, target := range []string{metadata, listing} {
							t.Run(fmt.Sprintf("%s %s %s %s", name, spelling, way, target), func(t *testing.T) {
								g.checkIdentity(t, site.headers, g.send(t, "GET", target, append([]string{g.bearer}, headers...)...))
							})
						}
					}
					for _, announced := range []string{"", "Trailer: " + alias, "Trailer: X, " + strings.ToLower(alias), "Connection: Trailer\r\nTrailer: " + alias} {
						t.Run(fmt.Sprintf("%s %s in a trailer, %s", name, spelling, announced), func(t *testing.T) {
							headers := []string{g.bearer, "Transfer-Encoding: chunked"}
							if announced != "" {
								headers = append(headers, announced)
							}
							raw := harness.Request("POST", query, g.Gate, headers...) + "2\r\n{}\r\n0\r\n" + alias + ": evil\r\n\r\n"
							g.checkIdentity(t, site.headers, harness.Send(t, g.Gate, raw))
						})
					}
				}
			}
		})
	}
}

// checkIdentity fails unless the request was refused as malformed, or the upstream
// was told of acme, by the gate, once.
func (g *gateway) checkIdentity(t *testing.T, headers [4]string, got harness.Answer) {
	t.Helper()
	defer g.upstream.Forget()
	if got.Status == http.StatusBadRequest {
		g.wantNothingUpstream(t)
		return
	}
	if got.Status != http.StatusOK {
		t.Fatalf("got %d %s", got.Status, got.Body)
	}
	seen := g.upstream.Last(t)
	if strings.Contains(seen.Raw, "evil") {
		t.Errorf("the client's claim reached the upstream:\n%s", seen.Raw)
	}
	folded := make(map[string]int)
	for line := range strings.Lines(seen.Raw) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			folded[strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))]++
		}
	}
	for name, want := range map[string]string{headers[0]: "acme", headers[1]: "recipient", "Authorization": "Bearer " + demoToken} {
		if values := seen.Header.Values(name); len(values) != 1 || values[0] != want || folded[strings.ToLower(name)] != 1 {
			t.Errorf("the upstream sees %s %q, want %s once:\n%s", name, values, want, seen.Raw)
		}
	}
	if folded[strings.ToLower(headers[2])] != 0 {
		t.Errorf("the upstream sees roles that the caller has not:\n%s", seen.Raw)
	}
	if id := seen.Header.Values(headers[3]); len(id) != 1 || !strings.HasPrefix(id[0], "tok_") {
		t.Errorf("the upstream sees token id %q", id)
	}
}
