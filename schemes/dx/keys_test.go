package dx

import (
	"crypto/ecdsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// keyServer shows the key of an authorisation server, in both ways.
type keyServer struct {
	*httptest.Server
	mu     sync.Mutex
	key    *ecdsa.PrivateKey // nil: it is down
	answer http.HandlerFunc  // instead, if set
}

func startKeys(t *testing.T) *keyServer {
	k := &keyServer{key: aaaKey()}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		w.Header().Set("Connection", "close")
		switch {
		case k.answer != nil:
			k.answer(w, r)
		case k.key == nil:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/cert":
			_ = json.NewEncoder(w).Encode(object{"cert": string(publicPEM(t, &k.key.PublicKey))})
		default:
			point, _ := k.key.PublicKey.Bytes()
			_ = json.NewEncoder(w).Encode(object{"keys": []object{{
				"kty": "EC", "crv": "P-256", "kid": "ES256", "x": encodeText(string(point[1:33])), "y": encodeText(string(point[33:])),
			}}})
		}
	}))
	t.Cleanup(k.Close)
	return k
}

func (k *keyServer) show(key *ecdsa.PrivateKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.key = key
}

// run starts the scheme's work, and ends it with the test or before it.
func (s *site) run() (stop func()) {
	s.t.Helper()
	stop = sync.OnceFunc(s.Start(s.backend))
	s.t.Cleanup(stop)
	return stop
}

// until waits until something is so.
func until(t *testing.T, is func() bool) {
	t.Helper()
	for patience := time.Now().Add(10 * time.Second); !is(); runtime.Gosched() {
		if time.Now().After(patience) {
			t.Fatal("it does not come to pass")
		}
	}
}

func (s *site) keysAreThere() bool {
	return s.get(identityToken().signed()).Code != http.StatusServiceUnavailable
}

func (s *site) kept(source string) bool {
	_, err := s.backend.Store.KeptKeysOf(s.t.Context(), source)
	return err == nil
}

func TestKeysComeFromTheirEndpoint(t *testing.T) {
	keys := startKeys(t)
	for name, tc := range map[string]struct {
		source KeySource
		kept   string
	}{
		"key set":     {KeySource{JWKS: keys.URL + "/jwks"}, "jwks " + keys.URL + "/jwks"},
		"certificate": {KeySource{Certificate: keys.URL + "/cert"}, "certificate " + keys.URL + "/cert"},
	} {
		t.Run(name, func(t *testing.T) {
			keys.show(aaaKey())
			with := func(c *Config) { c.Keys = tc.source }
			s := newSite(t, with)
			token := identityToken().signed()
			s.get(token).wants(t, http.StatusServiceUnavailable, "") // nobody was asked yet
			stop := s.run()
			until(t, s.keysAreThere)
			s.get(token).wants(t, http.StatusOK, "")
			s.get(signES256(strangerKey(), header.text(), identityToken().text())).wants(t, http.StatusUnauthorized, "wrong_signature")
			until(t, func() bool { return s.kept(tc.kept) })
			stop()

			// A restart while AAA is down; the first call comes before Start.
			keys.show(nil)
			s = s.reopened(with)
			s.get(token).wants(t, http.StatusOK, "")
			stop = s.run()
			s.get(token).wants(t, http.StatusOK, "")
			stop()

			// What was kept is good for a day, and so is what it verified.
			long := identityToken("exp", noon.Add(100*time.Hour).Unix()).signed()
			a := s.get(long)
			a.wants(t, http.StatusOK, "")
			if id := a.call.Identity; !id.Expiry.Equal(noon.Add(100*time.Hour+30*time.Second)) || !id.Remember.Equal(noon.Add(24*time.Hour)) {
				t.Errorf("ends %s, is remembered until %s", id.Expiry, id.Remember)
			}
			s.clock.Set(noon.Add(24*time.Hour + time.Second))
			s.get(long).wants(t, http.StatusServiceUnavailable, "")
			s.get(identityToken(issuedAt(noon.Add(24*time.Hour))...).signed()).wants(t, http.StatusServiceUnavailable, "")
		})
	}
}

// A key that was taken away must not be found under what it verified.
func TestIdentitiesOfAnOlderKeyAreNotRemembered(t *testing.T) {
	keys := startKeys(t)
	with := func(c *Config) { c.Keys = KeySource{JWKS: keys.URL} }
	s := newSite(t, with)
	stop := s.run()
	until(t, s.keysAreThere)
	old, fresh := identityToken().signed(), signES256(strangerKey(), header.text(), identityToken().text())
	s.get(old).wants(t, http.StatusOK, "")
	keys.show(strangerKey())
	stop()
	must(t, s.backend.Store.KeepKeys(t.Context(), "jwks "+keys.URL, tokenstore.KeptKeys{Document: []byte("x"), FetchedAt: noon.Add(time.Second)}))
	s.with(with) // a reload, which fetches anew
	s.get(old).wants(t, http.StatusServiceUnavailable, "")
	s.run()
	until(t, s.keysAreThere)
	s.get(old).wants(t, http.StatusUnauthorized, "wrong_signature")
	s.get(fresh).wants(t, http.StatusOK, "")
}

// What was kept under another overlap would bring a key back that was withdrawn since.
func TestOverlapThatIsChangedAndChangedBackRevivesNoWithdrawnKey(t *testing.T) {
	keys := startKeys(t)
	with := func(overlap time.Duration) func(*Config) {
		return func(c *Config) { c.Keys, c.KeyOverlap = KeySource{JWKS: keys.URL}, overlap }
	}
	document := func(s *site) string {
		kept, _ := s.backend.Store.KeptKeysOf(t.Context(), "jwks "+keys.URL)
		return string(kept.Document)
	}
	withdrawn, fresh := identityToken().signed(), signES256(strangerKey(), header.text(), identityToken().text())

	s := newSite(t, with(time.Hour))
	stop := s.run()
	until(t, func() bool { return document(s) != "" })
	s.get(withdrawn).wants(t, http.StatusOK, "")
	stop()

	keys.show(strangerKey())
	before := document(s)
	stop = s.with(with(0)).run()
	until(t, func() bool { return document(s) != before })
	s.get(withdrawn).wants(t, http.StatusUnauthorized, "wrong_signature")
	stop()

	keys.show(nil)
	s = s.reopened(with(time.Hour))
	s.get(withdrawn).wants(t, http.StatusUnauthorized, "wrong_signature")
	s.get(fresh).wants(t, http.StatusOK, "")
}

func TestKeyFileIsReadAtOnce(t *testing.T) {
	s := newSite(t) // nothing is started
	s.get(identityToken().signed()).wants(t, http.StatusOK, "")
	stop := s.run()
	stop()
	s.get(identityToken().signed()).wants(t, http.StatusOK, "")
	// Another file, with another key.
	file := keyFile(t)
	must(t, os.WriteFile(file, publicPEM(t, &strangerKey().PublicKey), 0o600))
	s.with(func(c *Config) { c.Keys.File = file })
	s.get(identityToken().signed()).wants(t, http.StatusUnauthorized, "wrong_signature")
}

func TestEndpointThatShowsNoKeysOpensNothing(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"a key":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(publicPEM(t, &aaaKey().PublicKey)) },
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/jwks", http.StatusFound)
		},
		"no end": func(w http.ResponseWriter, _ *http.Request) {
			for range 3 << 10 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			keys := startKeys(t)
			asked := make(chan struct{})
			answered := sync.OnceFunc(func() { close(asked) })
			keys.answer = func(w http.ResponseWriter, r *http.Request) {
				defer answered()
				answer(w, r)
			}
			s := newSite(t, func(c *Config) { c.Keys = KeySource{JWKS: keys.URL} })
			stop := s.run()
			<-asked
			stop()
			s.get(identityToken().signed()).wants(t, http.StatusServiceUnavailable, "")
		})
	}
}
