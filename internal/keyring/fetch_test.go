package keyring

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestWithdrawnKeyStopsWorking(t *testing.T) {
	t.Run("CVE-2025-22149", func(t *testing.T) {
		f := newFakeIssuer(t, byEC.public(), byEC2.public())
		i, _ := f.issuer(t, nil)
		first, second := byEC.token(t, claims(f.URL, nil), nil), byEC2.token(t, claims(f.URL, nil), nil)
		ctx := context.Background()
		if _, err := i.Verify(ctx, first); err != nil {
			t.Fatal(err)
		}
		f.publish(byEC2.public())
		if !i.refresh(ctx) {
			t.Fatal("refresh failed")
		}
		if _, err := i.Verify(ctx, first); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("withdrawn key: got %v", err)
		}
		if _, err := i.Verify(ctx, second); err != nil {
			t.Errorf("the key that stayed: %v", err)
		}
		f.publish()
		if !i.refresh(ctx) {
			t.Fatal("an empty set is an answer, too")
		}
		if _, err := i.Verify(ctx, second); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("all keys withdrawn: got %v", err)
		}
	})
}

func TestUnavailableUntilFetched(t *testing.T) {
	i, err := NewIssuer(IssuerConfig{Issuer: "https://issuer.example", Audience: audience, Now: (&clock{now: epoch}).Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Verify(context.Background(), byEC.token(t, claims("https://issuer.example", nil), nil)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if _, err := i.Verify(context.Background(), "garbage"); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("garbage needs no keys to be refused: got %v", err)
	}
}

func TestUnreachableIssuerKeepsKeysWithinBound(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	i, c := f.issuer(t, nil)
	token := byEC.token(t, claims(f.URL, object{"exp": epoch.Add(100 * time.Hour).Unix()}), nil)
	ctx := context.Background()
	f.answer(&f.keySet, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })

	c.advance(DefaultMaxAge)
	if i.refresh(ctx) {
		t.Fatal("a 502 is taken for keys")
	}
	if _, err := i.Verify(ctx, token); err != nil {
		t.Errorf("within the bound: %v", err)
	}
	c.advance(time.Second)
	if _, err := i.Verify(ctx, token); !errors.Is(err, ErrUnavailable) {
		t.Errorf("beyond the bound: got %v, want ErrUnavailable", err)
	}
	f.publish(byEC.public())
	if !i.refresh(ctx) {
		t.Fatal("refresh failed")
	}
	if _, err := i.Verify(ctx, token); err != nil {
		t.Errorf("reachable again: %v", err)
	}
}

func TestBadAnswersAreNoKeys(t *testing.T) {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	tls := httptest.NewTLSServer(text(`{"keys":[]}`))
	defer tls.Close()

	tests := map[string]struct {
		keySet, config http.HandlerFunc
	}{
		"not JSON":                        {keySet: text("<html>")},
		"no key set":                      {keySet: text(`{"error":"x"}`)},
		"more than a megabyte":            {keySet: text(`{"keys":[]}` + strings.Repeat(" ", maxBody))},
		"a compressed bomb":               {keySet: bomb},
		"created, not OK":                 {keySet: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }},
		"redirect to plain http":          {keySet: redirect("http://issuer.example/keys")},
		"redirect to https":               {keySet: redirect(tls.URL)},
		"redirect to a file":              {keySet: redirect("file:///etc/passwd")},
		"redirect in a circle":            {keySet: redirect("/keys")},
		"configuration of another issuer": {config: writeJSON(map[string]string{"issuer": "https://evil.example", "jwks_uri": "https://evil.example/k"})},
		"configuration without issuer":    {config: writeJSON(map[string]string{"jwks_uri": "https://evil.example/k"})},
		"configuration not JSON":          {config: text("issuer")},
		"configuration missing":           {config: http.NotFound},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFakeIssuer(t, byEC.public())
			i, _ := f.issuer(t, nil)
			if test.keySet != nil {
				f.answer(&f.keySet, test.keySet)
			}
			if test.config != nil {
				f.answer(&f.config, test.config)
			}
			if i.refresh(context.Background()) {
				t.Error("taken for keys")
			}
			if _, err := i.Verify(context.Background(), byEC.token(t, claims(f.URL, nil), nil)); err != nil {
				t.Errorf("the keys at hand are lost: %v", err)
			}
		})
	}
}

func TestConfigurationMayNotNameAnUnsafeKeySet(t *testing.T) {
	for _, address := range []string{"", "/keys", "http://issuer.example/keys", "file:///etc/passwd", "https://u:p@issuer.example/"} {
		f := newFakeIssuer(t, byEC.public())
		i, _ := f.issuer(t, nil)
		f.answer(&f.config, writeJSON(map[string]string{"issuer": f.URL, "jwks_uri": address}))
		if got, err := i.discover(context.Background()); err == nil {
			t.Errorf("%q: got %q", address, got)
		}
	}
}

// Who runs an issuer elsewhere must not choose what the gateway asks on its own machine.
func TestDiscoveryOverHTTPSDoesNotLeadToPlainLoopback(t *testing.T) {
	var reached atomic.Bool
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Store(true)
		_, _ = io.WriteString(w, `{"keys":[]}`)
	}))
	defer admin.Close()
	var issuer *httptest.Server
	issuer = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(map[string]string{"issuer": issuer.URL, "jwks_uri": admin.URL + "/config/"})(w, nil)
	}))
	defer issuer.Close()
	i, err := NewIssuer(IssuerConfig{Issuer: issuer.URL, Audience: audience, Client: issuer.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if i.refresh(t.Context()) || reached.Load() {
		t.Error("discovery led there")
	}
}

func TestRedirectWithinTheRulesIsFollowed(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	other := httptest.NewServer(http.RedirectHandler(f.URL+"/keys", http.StatusMovedPermanently))
	defer other.Close()
	i, _ := f.issuer(t, func(c *IssuerConfig) { c.JWKS = other.URL })
	if _, err := i.Verify(context.Background(), byEC.token(t, claims(f.URL, nil), nil)); err != nil {
		t.Error(err)
	}
}

func TestNothingIsFetchedThatIsNotAllowed(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Store(true)
		_, _ = io.WriteString(w, `{"keys":[]}`)
	}))
	defer other.Close()
	i, _ := f.issuer(t, func(c *IssuerConfig) {
		c.Allow = func(u *url.URL) error {
			if "http://"+u.Host != f.URL {
				return errors.New("another host")
			}
			return nil
		}
	})
	f.answer(&f.keySet, http.RedirectHandler(other.URL, http.StatusFound).ServeHTTP)
	if i.refresh(context.Background()) || reached.Load() {
		t.Error("a redirect led there")
	}
	f.answer(&f.config, writeJSON(map[string]string{"issuer": f.URL, "jwks_uri": other.URL}))
	if i.refresh(context.Background()) || reached.Load() {
		t.Error("discovery led there")
	}
}

func TestConfiguredKeySetNeedsNoDiscovery(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	f.answer(&f.config, http.NotFound)
	i, _ := f.issuer(t, func(c *IssuerConfig) { c.JWKS, c.Issuer = f.URL+"/keys", "cos.example" })
	if _, err := i.Verify(context.Background(), byEC.token(t, claims("cos.example", nil), object{"kid": absent})); err != nil {
		t.Error(err)
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// bomb answers with 8 MiB in a few kilobytes.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	defer z.Close()
	spaces := []byte(strings.Repeat(" ", 1<<20))
	for range 8 {
		if _, err := z.Write(spaces); err != nil {
			return
		}
	}
}
