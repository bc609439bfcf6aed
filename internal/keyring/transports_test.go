package keyring

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestKeysAreNotFetchedFromThisMachineOrItsLink(t *testing.T) {
	for address, want := range map[string]error{
		"127.0.0.1:2019": errForbiddenAddress, "127.9.9.9:443": errForbiddenAddress, "[::1]:443": errForbiddenAddress,
		"[::ffff:127.0.0.1]:443": errForbiddenAddress, "0.0.0.0:443": errForbiddenAddress, "[::]:443": errForbiddenAddress,
		"169.254.169.254:80": errForbiddenAddress, "[fe80::1]:443": errForbiddenAddress, "[fe80::1%eth0]:443": errForbiddenAddress,
		"224.0.0.251:443": errForbiddenAddress, "[ff02::1]:443": errForbiddenAddress,
		"10.0.0.1:443": nil, "172.16.0.1:443": nil, "192.168.1.1:443": nil, "[fd00::1]:443": nil,
		"192.0.2.1:443": nil, "[2001:db8::1]:443": nil,
	} {
		if err := judge("tcp", address, nil); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: got %v, want %v", address, err, want)
		}
	}
	if judge("tcp", "issuer.example:443", nil) == nil {
		t.Error("a name that was not resolved is let through")
	}
}

// localServer returns the address of one that answers on this machine, by a name that
// resolves to it.
func localServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "local")
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port
}

// ask returns what a client for an issuer is answered.
func (ts *transports) ask(t *testing.T, issuer, jwks, address string) (string, error) {
	t.Helper()
	t.Cleanup(ts.CloseIdleConnections)
	client := fetchClient(ts.client(issuer, jwks), nil, false)
	resp, err := client.Get(address)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), nil
}

func TestNameThatResolvesToThisMachineIsForIssuersOnItOnly(t *testing.T) {
	address := localServer(t)
	for _, test := range []struct {
		issuer, jwks string
		local        bool
	}{
		{"https://issuer.example", "", false},
		{"https://issuer.example", "https://issuer.example/keys", false},
		{"https://localhost", "https://issuer.example/keys", false}, // the issuer is a mere name then
		{"https://localhost.example", "", false},
		{"not a URL %", "", false},
		{"https://localhost", "", true},
		{"http://127.0.0.1:8080/realm", "", true},
		{"https://[::1]", "", true},
		{"https://issuer.example", "http://127.0.0.1/keys", true},
	} {
		got, err := newTransports().ask(t, test.issuer, test.jwks, address)
		switch {
		case test.local && got != "local":
			t.Errorf("%s %s: %q, %v", test.issuer, test.jwks, got, err)
		case !test.local && !errors.Is(err, errForbiddenAddress):
			t.Errorf("%s %s: answered %q, %v", test.issuer, test.jwks, got, err)
		}
	}
}

// Many machines reach the world through a proxy that listens on them.
func TestProxyOnThisMachineIsUsed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "proxy to "+r.Host)
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	ts := newTransports()
	ts.open.Proxy = func(r *http.Request) (*url.URL, error) {
		if strings.HasSuffix(r.URL.Hostname(), ".example") {
			return at, nil
		}
		return nil, nil // as NO_PROXY has it
	}
	if got, err := ts.ask(t, "https://issuer.example", "", "http://issuer.example/keys"); got != "proxy to issuer.example" {
		t.Errorf("answered %q, %v", got, err)
	}
	if got, err := ts.ask(t, "https://issuer.example", "", localServer(t)); !errors.Is(err, errForbiddenAddress) {
		t.Errorf("without the proxy: answered %q, %v", got, err)
	}
	ts.open.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("a proxy that is none") }
	if got, err := ts.ask(t, "https://issuer.example", "", localServer(t)); err == nil {
		t.Errorf("without a proxy: answered %q", got)
	}
}

func TestIssuersOfOwnClientsAreJudged(t *testing.T) {
	address := localServer(t)
	pool := newPool(t, PoolOptions{})
	defer pool.Close()
	for name, cfg := range map[string]IssuerConfig{
		"of a pool": pool.config("https://issuer.example", ""),
		"its own":   {Issuer: "https://issuer.example", Audience: audience},
	} {
		i, err := NewIssuer(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer i.client.CloseIdleConnections()
		if text, err := i.get(t.Context(), address); !errors.Is(err, errForbiddenAddress) {
			t.Errorf("%s: answered %q, %v", name, text, err)
		}
	}
}
