package keyring

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// transports are the ways to issuers. What an issuer elsewhere leads to, by discovery,
// by a redirect or by what its name resolves to, is never fetched from this machine or
// its link: there are Caddy's admin endpoint and the metadata of clouds, which trust
// whoever can reach them.
//
// It is the http.RoundTripper of issuers elsewhere. Only connections of our own are
// judged: a proxy of the environment may be anywhere, and is the one to judge then.
type transports struct {
	direct *http.Transport // connects where judge lets it, never through a proxy
	open   *http.Transport // connects anywhere: to proxies, and to issuers on this machine
}

func newTransports() *transports {
	open := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		open = t.Clone()
	}
	direct := open.Clone()
	direct.Proxy = nil
	// With the times of http.DefaultTransport.
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second, Control: judge}
	direct.DialContext = dialer.DialContext
	return &transports{direct: direct, open: open}
}

// client returns the client for an issuer, which is on this machine if its
// configuration says so. No client has connections of its own.
func (t *transports) client(issuer, jwks string) *http.Client {
	u, err := url.Parse(cmp.Or(jwks, issuer))
	if err == nil && isLoopback(u.Hostname()) {
		return &http.Client{Transport: t.open}
	}
	return &http.Client{Transport: t}
}

// RoundTrip implements http.RoundTripper.
func (t *transports) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.open.Proxy != nil {
		if proxy, err := t.open.Proxy(r); proxy != nil || err != nil {
			return t.open.RoundTrip(r)
		}
	}
	return t.direct.RoundTrip(r)
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (t *transports) CloseIdleConnections() {
	t.direct.CloseIdleConnections()
	t.open.CloseIdleConnections()
}

var errForbiddenAddress = errors.New("a loopback, unspecified, link-local or multicast address: keys are fetched from there only if the configured URL is of a loopback host")

// judge refuses a connection just before it is made, when names are resolved already,
// so that no second answer of a name server comes between.
func judge(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	switch ip := to.Addr().Unmap(); {
	case ip.IsLoopback(), ip.IsUnspecified(), ip.IsLinkLocalUnicast(), ip.IsMulticast():
		return errForbiddenAddress
	}
	return nil
}
