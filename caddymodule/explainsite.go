package caddymodule

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
)

// place is the gate that a request comes to, and the request as it gets there.
type place struct {
	gate    *Gate
	request *http.Request
	guessed bool // the host: the query says none
	// unfollowed says that the gate was named, and not found on the way of the request.
	unfollowed bool
	open       []string // what was left open on the way
}

// target is an address in its parts. Nothing of it is brought into another spelling.
type target struct{ scheme, host, path string }

// targetOf parts an address as a client does that sends it.
func targetOf(q *explainQuery) (target, error) {
	t := target{host: cmp.Or(q.Host, q.Account), path: q.Address}
	if before, rest, found := strings.Cut(q.Address, "://"); found && !strings.Contains(before, "/") {
		t.scheme = strings.ToLower(before)
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		if q.Host != "" {
			return t, badQuery("the address and the option both name a host; one is enough")
		}
		t.host, t.path = rest[:end], rest[end:]
		if t.path == "" || t.path[0] == '?' {
			t.path = "/" + t.path
		}
		if t.scheme != "http" && t.scheme != "https" {
			return t, badQuery("the address is neither a path nor one that begins with http:// or https://")
		}
		if strings.Contains(t.host, "@") {
			return t, badQuery("the address names a user; Gatehouse looks at credentials in headers only")
		}
	}
	switch {
	case t.path == "" || t.path[0] != '/':
		return t, badQuery("the address is a path, which begins with a slash, or a whole URL")
	case strings.ContainsFunc(t.path+t.host, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return t, badQuery("the address holds a space or a control character, which no request can; write a space as %%20")
	}
	return t, nil
}

// request is a request for the target as a server of Caddy's hands it to its routes.
func (t target) request(ctx context.Context, q *explainQuery, server *caddyhttp.Server) (*http.Request, error) {
	u, err := url.ParseRequestURI(t.path)
	if err != nil {
		return nil, badQuery("no server takes this address: it holds an escape that is none")
	}
	r := (&http.Request{
		Method: q.Method, URL: u, RequestURI: t.path, Host: t.host, Header: http.Header{}, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "127.0.0.1:0",
	}).WithContext(ctx)
	if q.ClientIP != "" {
		address, err := netip.ParseAddr(q.ClientIP)
		if err != nil {
			return nil, badQuery("%q is no network address", q.ClientIP)
		}
		r.RemoteAddr = net.JoinHostPort(address.String(), "0")
	}
	if t.scheme == "https" || t.scheme == "" && len(server.TLSConnPolicies) > 0 {
		host, _ := canonpath.Host(t.host)
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: host}
	}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), &unsent{header: http.Header{}}, server)
	caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, false)
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, q.ClientIP)
	return r, nil
}

// unsent is the answer to a request that gets none. It remembers the status and how the
// body begins.
type unsent struct {
	header http.Header
	status int
	body   []byte
}

// maxUnsent is how much of a body is remembered, in bytes: more than is told (maxSaid), so
// that no secret is cut in two before it is hidden.
const maxUnsent = 64 << 10

func (w *unsent) Header() http.Header    { return w.header }
func (w *unsent) WriteHeader(status int) { w.status = cmp.Or(w.status, status) }

func (w *unsent) Write(data []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, data[:min(len(data), maxUnsent-len(w.body))]...)
	return len(data), nil
}

// findSite finds the gate that a query is about: the one on the way of a request to the
// host, or the only one that fits.
func (a *App) findSite(ctx context.Context, q *explainQuery) (*place, error) {
	t, err := targetOf(q)
	if err != nil {
		return nil, err
	}
	var fits []*Gate
	for _, gate := range a.gates {
		if (q.Site == "" || q.Site == gate.Site) && (q.Realm == "" || q.Realm == gate.scheme.Realm()) && (q.Scheme == "" || q.Scheme == gate.scheme.Name()) {
			fits = append(fits, gate)
		}
	}
	switch {
	case len(a.gates) == 0:
		return nil, badQuery("the configuration has no gatehouse directive")
	case len(fits) == 0 && q.Site == "" && q.Realm == "" && q.Recipient+q.Account != "":
		kind := "recipients"
		if q.Account != "" {
			kind = "accounts"
		}
		return nil, badQuery("%s are of the scheme %s, and no site is; there are: %s", kind, q.Scheme, a.siteNames(a.gates))
	case len(fits) == 0:
		return nil, badQuery("no site fits; there are: %s", a.siteNames(a.gates))
	}
	guessed := t.host == ""
	if guessed {
		if len(fits) > 1 {
			return nil, badQuery("which site? Give a whole URL, or name a host or a site; there are: %s", a.siteNames(fits))
		}
		t.host = cmp.Or(a.hostOf(fits[0]), "localhost")
	}
	found, elsewhere, hangs, err := a.follow(ctx, q, t, fits)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 1:
		found[0].guessed = guessed
		return found[0], nil
	case elsewhere:
		return nil, badQuery("no gate on port %s takes this host; leave the port out, and name the host by an option, if the port is a proxy's; there are: %s", t.port(), a.siteNames(fits))
	case len(found) > 1:
		return nil, badQuery("a request to this host may come to several sites; name one, or its port; there are: %s", a.siteNames(fits))
	case len(fits) == 1 && (guessed || q.Site != ""):
		// It stands where only Caddy finds it, such as in a named route.
		r, err := t.request(ctx, q, new(caddyhttp.Server))
		return &place{gate: fits[0], request: r, guessed: guessed, unfollowed: true}, err
	}
	if hangs {
		return nil, badQuery("a request for this address comes to none of the sites unless the caller's address is one that routes ask for; say where the caller is: %s", a.siteNames(fits))
	}
	return nil, badQuery("a request for this address comes to none of the sites: %s", a.siteNames(fits))
}

// servers are the servers of the configuration, by their names.
func (a *App) servers() map[string]*caddyhttp.Server {
	app, err := a.ctx.AppIfConfigured("http")
	if err != nil {
		return nil
	}
	return app.(*caddyhttp.App).Servers
}

// follow finds the gates that a request comes to, one for each server on which it comes to
// any. Of an address that names a port, or a scheme and so a port, only servers that listen
// there count; elsewhere is set if it comes to gates of others alone. hangs is set if it
// hangs on the caller's address, which nobody said, whether it comes to others.
func (a *App) follow(ctx context.Context, q *explainQuery, t target, fits []*Gate) (found []*place, elsewhere, hangs bool, err error) {
	var all, exact, free []*place
	servers := a.servers()
	ports := a.ports(t)
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		r, err := t.request(ctx, q, servers[name])
		if err != nil {
			return nil, false, false, err
		}
		w := &way{request: r, taken: make(map[string]bool), fromNowhere: q.ClientIP == ""}
		gate, _ := w.follow(servers[name].Routes)
		if gate == nil || !slices.Contains(fits, gate) {
			hangs = hangs || w.asksAddress
			continue
		}
		found := &place{gate: gate, request: r, open: w.open()}
		all = append(all, found)
		switch one, unknown := listens(servers[name], ports); {
		case one:
			exact = append(exact, found)
		case unknown:
			free = append(free, found)
		}
	}
	switch {
	case len(ports) == 0:
		return all, false, hangs, nil
	case len(exact) > 0:
		return exact, false, hangs, nil
	}
	return free, len(all) > 0 && len(free) == 0, hangs, nil
}

// port is the port that the target names, by itself or by its scheme; empty: none.
func (t target) port() string {
	if _, port, err := net.SplitHostPort(t.host); err == nil && port != "" {
		return port
	}
	return schemePorts[t.scheme]
}

var schemePorts = map[string]string{"http": "80", "https": "443"}

// ports are the ports of this machine at which a request for the target arrives; none: the
// target names none. What is not named goes where Caddy is told to listen in its place.
func (a *App) ports(t target) []string {
	port := t.port()
	if port == "" {
		return nil
	}
	ports := []string{port}
	if app, err := a.ctx.AppIfConfigured("http"); err == nil {
		web := app.(*caddyhttp.App)
		switch {
		case port == schemePorts["http"] && web.HTTPPort != 0:
			ports = append(ports, strconv.Itoa(web.HTTPPort))
		case port == schemePorts["https"] && web.HTTPSPort != 0:
			ports = append(ports, strconv.Itoa(web.HTTPSPort))
		}
	}
	return ports
}

// listens tells whether a server listens on one of the ports, and whether on one that only
// the system knows, which may be any.
func listens(server *caddyhttp.Server, ports []string) (one, unknown bool) {
	for _, listen := range server.Listen {
		address, err := caddy.ParseNetworkAddress(listen)
		if err != nil {
			continue
		}
		unknown = unknown || address.StartPort == 0
		for _, port := range ports {
			number, err := strconv.ParseUint(port, 10, 16)
			one = one || err == nil && uint(number) >= address.StartPort && uint(number) <= address.EndPort && number != 0
		}
	}
	return one, unknown
}

// hostOf is a host of the site of a gate: the first that its routes name whole; empty if
// they name none.
func (a *App) hostOf(gate *Gate) string {
	servers := a.servers()
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		if host, found := hostOn(servers[name].Routes, gate, ""); found {
			return host
		}
	}
	return ""
}

func hostOn(routes caddyhttp.RouteList, gate *Gate, host string) (string, bool) {
	for _, route := range routes {
		named := cmp.Or(namedHost(route.MatcherSets), host)
		for _, handler := range route.Handlers {
			if handler == caddyhttp.MiddlewareHandler(gate) {
				return named, true
			}
			if sub, ok := handler.(*caddyhttp.Subroute); ok {
				if found, ok := hostOn(sub.Routes, gate, named); ok {
					return found, true
				}
			}
		}
	}
	return "", false
}

func namedHost(sets caddyhttp.MatcherSets) string {
	for _, set := range sets {
		for _, matcher := range set {
			hosts, ok := matcher.(*caddyhttp.MatchHost)
			if !ok {
				continue
			}
			for _, host := range *hosts {
				if _, err := canonpath.Host(host); err == nil {
					return host
				}
			}
		}
	}
	return ""
}

// siteNames names sites for people.
func (a *App) siteNames(gates []*Gate) string {
	var names []string
	for _, gate := range gates {
		name := fmt.Sprintf("%s (%s, realm %s", gate.Site, gate.scheme.Name(), gate.scheme.Realm())
		if host := a.hostOf(gate); host != "" {
			name += ", " + host
		}
		names = append(names, name+")")
	}
	slices.Sort(names)
	return strings.Join(names, "; ")
}
