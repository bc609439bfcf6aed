package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// keysFrom returns dxSite with another source of keys.
func keysFrom(option string) string { return strings.Replace(dxSite, "keys {$KEYS}", option, 1) }

func TestKeysComeFromACertificateOrAFileToo(t *testing.T) {
	for name, option := range map[string]string{
		"certificate endpoint":                                 "certificate {$CERTIFICATE}",
		"key set, also where its certificate is not looked at": "keys {$KEYS}",
	} {
		t.Run(name, func(t *testing.T) {
			m := startMarketplace(t, keysFrom(option))
			m.passes(t, "GET", products, dxToken(m.consumer()))
			m.refused(t, 401, notAuthorized, "GET", products, dxToken(harness.MintWith(harness.NewECKey(t), harness.IdentityClaims(consumer, "consumer"))))
		})
	}
	t.Run("file", func(t *testing.T) {
		aaa := harness.StartAAA(t)
		file := filepath.Join(t.TempDir(), "aaa.pem")
		old := aaa.PublicPEM()
		before := aaa.Mint(harness.IdentityClaims(consumer, "consumer"))
		aaa.RotateKey()
		if err := os.WriteFile(file, []byte(old+aaa.PublicPEM()), 0o600); err != nil {
			t.Fatal(err)
		}
		m := launchMarketplace(t, aaa, keysFrom("key_file "+file), nil)
		// At once, and all of them: tokens name none.
		for _, token := range []string{before, m.consumer()} {
			m.passes(t, "GET", products, dxToken(token))
		}
		// A reload takes a changed file, and drops what a withdrawn key has verified.
		if err := os.WriteFile(file, []byte(aaa.PublicPEM()), 0o600); err != nil {
			t.Fatal(err)
		}
		if res := m.Reload(keysFrom("key_file " + file)); res.Code != 0 {
			t.Fatal(res.Stderr)
		}
		m.passes(t, "GET", products, dxToken(m.consumer()))
		m.refused(t, 401, notAuthorized, "GET", products, dxToken(before))
		// A broken one never replaces a good one.
		for name, text := range map[string]string{"nothing": "", "garbage": "garbage", "private half": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if res := m.Reload(keysFrom("key_file " + file)); res.Code == 0 {
				t.Errorf("%s: the reload succeeds", name)
			}
			m.passes(t, "GET", products, dxToken(m.consumer()))
		}
		if n := aaa.Fetches(); n != 0 {
			t.Errorf("AAA was asked %d times", n)
		}
	})
}

func TestRestartWithoutAAAKeepsItsKeys(t *testing.T) {
	for name, source := range map[string]string{"keys": "keys {$KEYS}", "certificate": "certificate {$CERTIFICATE}"} {
		t.Run(name, func(t *testing.T) {
			m := startMarketplace(t, keysFrom(source))
			token := m.consumer()
			m.aaa.Stop()
			m.passes(t, "GET", products, dxToken(m.consumer()))
			m.Stop()
			m.Run()
			m.passes(t, "GET", products, dxToken(token)) // with the very first request
			m.passes(t, "GET", products, dxToken(m.consumer()))
			m.Kill()
			m.Run()
			m.passes(t, "GET", products, dxToken(m.consumer()))
			// Keys of one address say nothing of another's.
			stranger := harness.StartAAA(t)
			stranger.Stop()
			if res := m.Reload(keysFrom("keys " + stranger.Keys())); res.Code != 0 {
				t.Fatal(res.Stderr)
			}
			if got := m.send(t, "GET", products, dxToken(token)); got.Status != 401 && got.Status != 503 {
				t.Errorf("keys of another address verify: %d", got.Status)
			}
		})
	}
}

// hostileKeys are answers of a key endpoint that bring no keys. Tokens of the stranger
// must never be good.
func hostileKeys(stranger *harness.AAA) map[string]http.HandlerFunc {
	html := "<!doctype html><title>Sign in</title>" + strings.Repeat("<p>Please sign in.</p>", 1000)
	return map[string]http.HandlerFunc{
		"HTML": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, html)
		},
		"1 GB": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"keys":[`)
			blank := []byte(strings.Repeat(" ", 1<<20))
			for range 1 << 10 {
				if _, err := w.Write(blank); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, `]}`)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger.Keys(), http.StatusFound)
		},
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"an answer without an end": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"an error":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusInternalServerError) },
		"an empty body":    func(http.ResponseWriter, *http.Request) {},
		"an empty object":  harness.JSON(`{}`),
		"an empty set":     harness.JSON(`{"keys":[]}`),
		"a symmetric key":  harness.JSON(`{"keys":[{"kty":"oct","k":"AAAA","kid":"ES256"}]}`),
		"an empty PEM":     harness.JSON(`{"cert":""}`),
		"keys a number":    harness.JSON(`{"keys":1,"cert":1}`),
		"depth":            harness.JSON(strings.Repeat(`{"keys":[`, 20_000)),
		"a dropped socket": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
}

// withdraws are the answers by which an issuer may mean that it has no key any more.
var withdraws = map[string]bool{"an empty set": true, "a symmetric key": true}

// hangs are those that end when the gateway gives up.
var hangs = map[string]bool{"nothing": true, "an answer without an end": true}

func TestHostileKeyEndpointNeverOpensAndNeverTakesKeysAway(t *testing.T) {
	stranger := harness.StartAAA(t)
	for _, source := range []string{"keys {$KEYS}", "certificate {$CERTIFICATE}"} {
		for name, answer := range hostileKeys(stranger) {
			t.Run(strings.Fields(source)[0]+" "+name, func(t *testing.T) {
				t.Parallel() // it waits most of the time
				aaa := harness.StartAAA(t)
				aaa.AnswerKeysWith(answer)
				m := launchMarketplace(t, aaa, keysFrom(source), nil)
				fetched := func(before int) {
					t.Helper()
					harness.Eventually(t, "the keys are asked for", func() bool {
						return aaa.Fetches() > before && (hangs[name] || aaa.Answered() > before)
					})
				}
				fetched(0)
				ask := func() {
					t.Helper()
					for _, token := range []string{m.consumer(), stranger.Mint(harness.IdentityClaims(consumer, "consumer"))} {
						if got := m.send(t, "GET", products, dxToken(token)); got.Status != 401 && got.Status != 503 {
							t.Errorf("got %d %s", got.Status, got.Body)
						}
					}
				}
				for range 5 {
					ask()
				}
				m.wantNothingUpstream(t)
				m.passes(t, "GET", "/apis") // needs no key
				m.upstream.Forget()

				aaa.AnswerKeysWith(nil)
				m.Stop()
				m.Run()
				m.eventuallyKnows(t, m.consumer())
				aaa.AnswerKeysWith(answer)
				before := aaa.Fetches()
				m.Stop()
				m.Run()
				fetched(before)
				if !withdraws[name] {
					m.passes(t, "GET", products, dxToken(m.consumer()))
					m.passes(t, "GET", products, dxToken(m.aaa.Mint(harness.DelegateClaims(helper, consumer, "consumer"))))
				}
				m.refused(t, 401, notAuthorized, "GET", products, dxToken(stranger.Mint(harness.IdentityClaims(consumer, "consumer"))))
				if mib := m.PeakMemory(); mib > 400 {
					t.Errorf("the gateway has needed %d MiB", mib)
				}
			})
		}
	}
}

// The keys of an endpoint that turned bad, or is gone, stay; a new one is known within
// about a minute, without a restart.
func TestRotatedKeyIsKnownWithoutARestart(t *testing.T) {
	for name, option := range map[string]string{
		"key set":                "keys {$KEYS}",
		"certificate":            "certificate {$CERTIFICATE}",
		"key set, with overlap":  "keys {$KEYS}\n\t\tkey_overlap 12h",
		"certificate, and error": "certificate {$CERTIFICATE}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits most of the time
			m := startMarketplace(t, keysFrom(option))
			old, fetched := m.consumer(), m.aaa.Fetches()
			if strings.HasSuffix(name, "error") {
				m.aaa.AnswerKeysWith(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
			}
			m.aaa.RotateKey()
			fresh := m.consumer()
			stranger := harness.NewECKey(t)
			for i := range 200 { // a token that no key fits brings the next fetch forward, but not each
				claims := harness.IdentityClaims(consumer, "consumer").With(harness.DXClaims{"n": i})
				m.send(t, "GET", products, dxToken(harness.MintWith(stranger, claims)))
			}
			if n := m.aaa.Fetches() - fetched; n > 2 {
				t.Errorf("200 tokens of a stranger caused %d fetches", n)
			}
			if strings.HasSuffix(name, "error") {
				m.passes(t, "GET", products, dxToken(old))
				m.aaa.AnswerKeysWith(nil)
			}
			deadline, tick := time.After(150*time.Second), time.NewTicker(200*time.Millisecond)
			defer tick.Stop()
			for m.send(t, "GET", products, dxToken(fresh)).Status != 200 {
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatal("the new key is not known 150 s after its first use")
				}
			}
			m.upstream.Forget()
			if strings.Contains(option, "key_overlap") {
				m.passes(t, "GET", products, dxToken(old))
				m.Stop()
				m.aaa.Stop()
				m.Run() // the overlap is kept as well
				m.passes(t, "GET", products, dxToken(old))
				m.passes(t, "GET", products, dxToken(fresh))
			} else {
				m.refused(t, 401, notAuthorized, "GET", products, dxToken(old)) // also where the identity was cached
			}
			if n := m.aaa.Fetches() - fetched; n > 6 {
				t.Errorf("the keys were fetched %d times in about a minute", n)
			}
		})
	}
}

// A site without keys, or with two sources of them, does not start.
func TestMarketplaceWithoutKeysDoesNotStart(t *testing.T) {
	for name, change := range map[string][2]string{
		"no keys":              {"keys {$KEYS}", ""},
		"two sources":          {"keys {$KEYS}", "keys {$KEYS}\n\t\tkey_file {$ROOT}/examples/dx/aaa.pem"},
		"a file that is none":  {"keys {$KEYS}", "key_file {$DIR}/nowhere.pem"},
		"a folder":             {"keys {$KEYS}", "key_file {$DIR}"},
		"a file of no keys":    {"keys {$KEYS}", "key_file {$ROOT}/LICENSE"},
		"plain http elsewhere": {"keys {$KEYS}", "keys http://aaa.example.com/auth/v1/jwks"},
		"no issuer":            {"issuer cos.example.com", ""},
		"no audience":          {"audience apd.example.com", ""},
		"unknown rules":        {"audience", "rules nobodys\n\t\taudience"},
		"a Keycloak of anyone": {"audience", "keycloak https://keycloak.example.com/realms/x {\n\t\t\taudience y\n\t\t}\n\t\taudience"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(dxSite, change[0]) {
				t.Fatalf("dxSite no longer holds %s; mend this test", change[0])
			}
			i := harness.New(t, strings.Replace(dxSite, change[0], change[1], 1), harness.Env{"UPSTREAM": "127.0.0.1:1", "KEYS": "http://127.0.0.1:1/keys"})
			res := i.Command("", "run", "--adapter", "caddyfile", "--config", i.Config())
			if res.Code == 0 {
				t.Error("the server started and ended well")
			}
			lines := strings.Split(strings.TrimSpace(res.Stderr), "\n")
			if last := lines[len(lines)-1]; !strings.Contains(last, "Caddyfile:") {
				t.Errorf("the error names no line: %s", last)
			}
		})
	}
}
