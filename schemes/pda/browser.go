package pda

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// crossSite tells whether a browser sends a request from another site than the account's
// own. origin is its Origin header, nil if it has none; host is the account's, in its one
// spelling; origins are those that may call all the same. Browsers say it in Sec-Fetch-Site
// (Fetch Metadata, W3C), older ones in Origin (RFC 6454 section 7.3); programs that are no
// browser say neither.
func crossSite(r *http.Request, origin []string, host string, origins []string) bool {
	given := origin != nil
	if given && len(origin) == 1 && slices.Contains(origins, origin[0]) {
		return false
	}
	if given && (len(origin) != 1 || !isOwnOrigin(origin[0], r.Host, host)) {
		return true
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		// none: the user typed the address, or opened it from outside of the browser.
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	return false
}

// originOf is the Origin of a call, also once Forward has taken it out of the request: the
// rules are asked again when a body has arrived.
func originOf(call *schemes.Call) []string {
	if call.Origin != nil {
		return call.Origin
	}
	return call.Request.Header["Origin"]
}

// isOwnOrigin tells whether an origin is the place that a request was sent to. The scheme
// is not compared: TLS may end in front of the gateway.
func isOwnOrigin(origin, requestHost, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return false
	}
	own, err := canonpath.Host(u.Host)
	if err != nil || own != host {
		return false
	}
	return port(u.Host) == port(requestHost)
}

// port is the port of a host, empty for those that need not be said.
func port(hostport string) string {
	colon := strings.LastIndexByte(hostport, ':')
	if colon < 0 || strings.HasSuffix(hostport, "]") {
		return ""
	}
	switch port := hostport[colon+1:]; port {
	case "80", "443":
		return ""
	default:
		return port
	}
}
