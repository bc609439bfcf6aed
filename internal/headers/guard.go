package headers

import (
	"net/http"
	"strings"
)

// Prefix starts the names that belong to the gateway. A client's header with
// it, however spelt, never passes.
const Prefix = "X-Gatehouse-"

const (
	foldedPrefix    = "x-gatehouse-"
	forwardedPrefix = "x-forwarded-"
)

// treatment is what Clean does with a header.
type treatment uint8

const (
	// dropped headers never pass.
	dropped treatment = iota + 1

	// hop headers pass from a trusted proxy and in their own spelling.
	hop

	// exact headers pass in their own spelling; an alias of one is removed.
	exact
)

// override names the headers by which some frameworks replace the method or the
// path of a request after it was authorised, and those that authorisation
// subrequests of other proxies use. "Proxy" becomes HTTP_PROXY (CVE-2016-5385).
var override = []string{
	"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Method",
	"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "Proxy",
}

// vouched names the headers by which a BitBroker's servers learn from who stands in front of
// them whose data they show, and what its calls are counted by. To them, whoever sets one
// is that caller.
var vouched = []string{"X-Bbk-Audience", "X-Bbk-Rate-Uid"}

// spoofed names the headers that servers believe before those that reverse_proxy rebuilds:
// a BitBroker makes the addresses in its answers of X-Forwarded-Scheme, whoever sent it.
var spoofed = []string{"X-Forwarded-Scheme"}

// hops names the headers by which proxies tell who and where the client is.
// X-Forwarded-* is a prefix and needs no entries, but for those that Caddy's
// reverse_proxy rebuilds itself, by its own list of trusted proxies.
var hops = []string{
	"Forwarded", "X-Forwarded", "Forwarded-For", "X-Real-Ip", "True-Client-Ip", "Client-Ip", "X-Client-Ip",
	"X-Cluster-Client-Ip", "X-Original-Forwarded-For", "X-Original-Host", "X-Host", "X-Remote-Ip", "X-Remote-Addr",
	"X-Proxyuser-Ip", "X-Envoy-External-Address", "X-Envoy-Original-Path", "X-Appengine-User-Ip", "X-Azure-Clientip",
	"Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", "Fastly-Client-Ip", "Fly-Client-Ip",
}

// own names headers that mean something to the gateway, to net/http or to
// reverse_proxy in their own spelling, and to the server behind it in any.
var own = []string{
	"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
	"Authorization", "Proxy-Authorization", "Cookie",
	"Connection", "Upgrade", "Te", "Trailer", "Transfer-Encoding", "Content-Length", "Host",
}

type entry struct {
	name      string // canonical
	treatment treatment
}

// Guard cleans the headers of a site's requests. NewGuard makes it; it never
// changes and is safe for concurrent use.
type Guard struct {
	entries  map[string]entry // by folded name
	identity map[string]bool  // folded names of identity headers, of vouched ones too
}

// NewGuard returns a Guard for a site that may set the headers named in
// identity, besides those with Prefix, and that reads the headers named in
// credentials, besides Authorization, Proxy-Authorization and Cookie. Names may
// come in any spelling (CVE-2026-33433); Names tells which of them an operator
// may configure.
func NewGuard(identity []string, credentials ...string) *Guard {
	g := &Guard{entries: make(map[string]entry), identity: make(map[string]bool)}
	// Later lists win: an identity header is dropped whatever else it is.
	g.add(hop, hops)
	g.add(exact, own)
	g.add(exact, credentials)
	g.add(dropped, override)
	g.add(dropped, []string{"Http2-Settings"})
	g.add(dropped, spoofed)
	for _, names := range [...][]string{vouched, identity} {
		g.add(dropped, names)
		for _, name := range names {
			f := fold(name)
			g.identity[string(f.bytes())] = true
		}
	}
	return g
}

func (g *Guard) add(t treatment, names []string) {
	for _, name := range names {
		f := fold(name)
		g.entries[string(f.bytes())] = entry{http.CanonicalHeaderKey(name), t}
	}
}

// Clean removes from h, the headers of a request, what a client must not say.
// The gate calls it before it looks for a credential. trusted says that the peer is a trusted proxy, whose
// X-Real-Ip, Forwarded and X-Forwarded-* are believed. A clean request costs no
// allocation.
//
// Removed are:
//   - identity headers, those of BitBroker's servers among them, and every header with
//     Prefix, however spelt (CVE-2026-30851, CVE-2026-39998);
//   - headers that override the method or the path, and X-Forwarded-Scheme;
//   - the headers of proxies, unless trusted (CVE-2026-40575, CVE-2026-35051),
//     except X-Forwarded-For, -Proto and -Host, which reverse_proxy rebuilds;
//   - aliases of these and of credential headers, such as X_Auth_Token or
//     X.Forwarded.For, and keys that are not canonical, trusted or not
//     (CVE-2025-64484, CVE-2026-39858);
//   - every Upgrade but the one to websocket, HTTP2-Settings, and in Connection
//     every token but close, keep-alive, upgrade and te, since reverse_proxy
//     deletes what Connection names (CVE-2024-45410, CVE-2026-29054,
//     GHSA-w9mr-28mw-j8hg).
//
// Trailers are the business of DropTrailers.
func (g *Guard) Clean(h http.Header, trusted bool) {
	for key := range h {
		if !g.passes(key, trusted) {
			delete(h, key) // not Del, which deletes the canonical key
		}
	}
	cleanConnection(h, cleanUpgrade(h))
}

// DropIdentity removes from h identity headers and every header with Prefix, however
// spelt, and nothing else: it is for requests that go on unchecked, of which nobody may
// be told that the gateway vouches for them.
func (g *Guard) DropIdentity(h http.Header) {
	for key := range h {
		f := fold(key)
		if name := f.bytes(); hasPrefix(name, foldedPrefix) || g.identity[string(name)] {
			delete(h, key) // not Del, which deletes the canonical key
		}
	}
}

func (g *Guard) passes(key string, trusted bool) bool {
	f := fold(key)
	name := f.bytes()
	if hasPrefix(name, foldedPrefix) {
		return false
	}
	if e, ok := g.entries[string(name)]; ok {
		return e.treatment != dropped && key == e.name && (e.treatment == exact || trusted)
	}
	if hasPrefix(name, forwardedPrefix) {
		return trusted && !alias(key)
	}
	return true
}

func hasPrefix(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && string(name[:len(prefix)]) == prefix
}

// alias reports whether key is not the canonical spelling of a name that
// consists of letters, digits and dashes.
func alias(key string) bool {
	return strings.IndexFunc(key, func(r rune) bool { return !nameRune(r) }) >= 0 || http.CanonicalHeaderKey(key) != key
}

func nameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-'
}
