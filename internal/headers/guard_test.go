package headers

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

func testGuard() *Guard {
	return NewGuard([]string{"x-subject-id", "X-BBK-Caller", "X-" + long('c')}, "X-Auth-Token", "X-BBK-Auth-Token", "token")
}

// raw makes headers whose keys are exactly those given, canonical or not.
func raw(keys ...string) http.Header {
	h := make(http.Header)
	for _, key := range keys {
		h[key] = []string{"evil"}
	}
	return h
}

func TestForbiddenHeadersAreRemoved(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		keys []string
		// fromAnyone: removed from a trusted proxy too.
		fromAnyone bool
	}{
		{"CVE-2026-30851 identity header", []string{"X-Subject-Id", "X-Bbk-Caller"}, true},
		{"what a BitBroker's servers take for the caller", []string{"X-Bbk-Audience", "X-BBK-Audience", "x-bbk-rate-uid", "X-Bbk-Rate-Uid"}, true},
		{"aliases of it", []string{"X_Bbk_Audience", "X.Bbk.Audience", "X-Bbk_Rate_Uid", "X Bbk Rate Uid"}, true},
		{"forwarded scheme, which counts for more than what is rebuilt", []string{"X-Forwarded-Scheme", "x-forwarded-scheme", "X_Forwarded_Scheme"}, true},
		{"aliases of a BitBroker's credential", []string{"X_Bbk_Auth_Token", "X-Bbk.Auth-Token", "x-bbk-auth-token", "X-BBK-Auth-Token"}, true},
		{"CVE-2026-39998 the whole prefix", []string{"X-Gatehouse-User", "X-Gatehouse-", "X-Gatehouse-Token-Id"}, true},
		{"identity header of any length", []string{"X-" + title(long('c'))}, true},
		{"CVE-2023-27487 prefix of a long name", []string{"X-Gatehouse-" + long('a')}, true},
		{"CVE-2025-64484 underscore", []string{"X_Subject_Id", "X_Gatehouse_User", "X-Gatehouse_User"}, true},
		{"CVE-2026-54763 dot", []string{"X.Subject.Id", "X.Gatehouse.User"}, true},
		{"other characters of a token", []string{"X!Subject!Id", "X'Gatehouse'User", "X~Gatehouse~User"}, true},
		{"space", []string{"X Subject Id", "X\tGatehouse User"}, true},
		{"CVE-2026-33433 keys that are not canonical", []string{"x-subject-id", "x-GATEHOUSE-user", "X-BBK-Caller"}, true},
		{"method override", []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X_HTTP_Method_Override"}, true},
		{"path override", []string{"X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "x.rewrite.url"}, true},
		{"CVE-2016-5385 proxy", []string{"Proxy", "PROXY"}, true},
		{"HTTP2-Settings", []string{"Http2-Settings", "HTTP2-Settings"}, true},
		{"address of the client", []string{"X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "Cf-Connecting-Ip", "Forwarded"}, false},
		{"CVE-2026-40575 forwarded path", []string{"X-Forwarded-Uri", "X-Forwarded-Method"}, false},
		{"CVE-2026-35051 forwarded prefix", []string{"X-Forwarded-Prefix", "X-Forwarded-Port", "X-Forwarded-Server"}, false},
		{"forwarded anything", []string{"X-Forwarded-Client-Cert", "X-Forwarded-User", "X-Forwarded-" + title(long('a'))}, false},
		{"CVE-2026-39858 aliases of proxy headers", []string{"X_Forwarded_For", "X.Forwarded.Proto", "X-Forwarded_User", "X_Real_Ip", "x-real-ip"}, true},
		{"alias of an unlisted forwarded header", []string{"X-Forwarded.Anything", "x-forwarded-anything"}, true},
		{"aliases of credential headers", []string{"X_Auth_Token", "X.Auth.Token", "X-Auth_Token", "x-auth-token", "TOKEN", "authorization"}, true},
		{"aliases of framing headers", []string{"Transfer_Encoding", "Content.Length", "connection", "upgrade"}, true},
	}
	g := testGuard()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, trusted := range []bool{false, true} {
				for _, key := range tt.keys {
					h := raw(key, "Accept")
					g.Clean(h, trusted)
					if _, left := h[key]; left != (trusted && !tt.fromAnyone) {
						t.Errorf("trusted %v: %q left: %v", trusted, key, left)
					}
					if h.Get("Accept") == "" {
						t.Errorf("%q takes other headers with it", key)
					}
				}
			}
		})
	}
}

func long(c byte) string { return string(slices.Repeat([]byte{c}, 2*maxName)) }

func title(s string) string { return http.CanonicalHeaderKey(s) }

func TestOtherHeadersPass(t *testing.T) {
	t.Parallel()
	h := raw(
		"Authorization", "X-Auth-Token", "X-Bbk-Auth-Token", "X-Bbk-Connectors", "Token", "Cookie", "Accept", "User-Agent", "Content-Length", "Content-Type", "Te",
		"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id", "Delta-Sharing-Capabilities", "Fileidhash",
		"X-Subject", "X-Subject-Id-2", "X-Gatehous", "Proxy-Authorization", "X_Custom", "Some.Other", title(long('b')),
	)
	want := maps.Clone(h)
	for _, trusted := range []bool{false, true} {
		testGuard().Clean(h, trusted)
		if !maps.EqualFunc(h, want, slices.Equal) {
			t.Errorf("trusted %v: left are %v", trusted, h)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("X_Gatehouse_User", "close, X-Gatehouse-User", "h2c", false)
	f.Add("x-forwarded-For", ",,Upgrade,", "websocket, h2c", true)
	f.Add("X-Auth.Token", "\tKEEP-ALIVE ,te", "", true)
	g := testGuard()
	f.Fuzz(func(t *testing.T, key, connection, upgrade string, trusted bool) {
		h := http.Header{key: {"v"}, "Connection": {connection}, "Upgrade": {upgrade}}
		g.Clean(h, trusted)
		for k := range h {
			folded := fold(k)
			rebuilt := k == "X-Forwarded-For" || k == "X-Forwarded-Proto" || k == "X-Forwarded-Host"
			forwarded := hasPrefix(folded.bytes(), forwardedPrefix) && !rebuilt
			if hasPrefix(folded.bytes(), foldedPrefix) || forwarded && (!trusted || alias(k)) {
				t.Fatalf("%q is left", k)
			}
		}
		// What reverse_proxy would delete is nothing that the gateway sets.
		for _, line := range h["Connection"] {
			if !onlyKnownOptions(line) {
				t.Fatalf("connection %q is left", line)
			}
		}
		before := h.Clone()
		g.Clean(h, trusted)
		if !maps.EqualFunc(h, before, slices.Equal) {
			t.Fatalf("cleaning twice gives %v, then %v", before, h)
		}
	})
}

func TestCleaningACleanRequestAllocatesNothing(t *testing.T) {
	g, h := testGuard(), browserHeaders()
	if got := testing.AllocsPerRun(100, func() { g.Clean(h, false) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func browserHeaders() http.Header {
	h := raw("Authorization", "User-Agent", "Accept", "Accept-Encoding", "Content-Type", "Content-Length", "X-Forwarded-For",
		"Delta-Sharing-Capabilities", "X-Request-Id", "Cookie")
	h.Set("Connection", "keep-alive, Upgrade")
	h.Set("Upgrade", "websocket")
	return h
}

func BenchmarkClean(b *testing.B) {
	g := testGuard()
	b.Run("clean", func(b *testing.B) {
		h := browserHeaders()
		b.ReportAllocs()
		for b.Loop() {
			g.Clean(h, false)
		}
	})
	b.Run("dirty", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h := raw("X-Gatehouse-User", "X-Real-Ip", "Authorization")
			h["Connection"] = []string{"close, X-Gatehouse-User"}
			g.Clean(h, false)
		}
	})
}
