package headers

import (
	"net/http"
	"strings"
)

// connectionTokens are the options that pass, in the order in which a rebuilt
// Connection has them.
var connectionTokens = [...]string{"close", "keep-alive", "upgrade", "te"}

const upgradeToken = 2 // index in connectionTokens

// cleanUpgrade leaves an upgrade to websocket and removes every other, such as
// h2c: behind it the client would speak to the server past the gate. It reports
// whether an upgrade is left.
func cleanUpgrade(h http.Header) bool {
	lines, ok := h["Upgrade"]
	if !ok {
		return false
	}
	if len(lines) == 1 && strings.EqualFold(lines[0], "websocket") {
		return true
	}
	for _, line := range lines {
		for protocol := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(trim(protocol), "websocket") {
				h["Upgrade"] = []string{"websocket"}
				return true
			}
		}
	}
	delete(h, "Upgrade")
	return false
}

// settings is the header, and the option of Connection, of an upgrade to HTTP/2 (RFC 7540
// section 3.2.1).
const settings = "http2-settings"

// DropTunnels removes from h every upgrade but the one to websocket, with what belongs to
// it, and nothing else: it is for requests that go on unchecked, behind which the client
// would speak to the server past the gate.
func DropTunnels(h http.Header) {
	for key := range h {
		f := fold(key)
		if string(f.bytes()) == settings {
			delete(h, key) // not Del, which deletes the canonical key
		}
	}
	upgrade := cleanUpgrade(h)
	var kept []string
	dropped := false
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			option = trim(option)
			if strings.EqualFold(option, settings) || strings.EqualFold(option, connectionTokens[upgradeToken]) && !upgrade {
				dropped = true
				continue
			}
			kept = append(kept, option)
		}
	}
	switch {
	case !dropped:
	case kept == nil:
		delete(h, "Connection")
	default:
		h["Connection"] = []string{strings.Join(kept, ", ")}
	}
}

// cleanConnection rebuilds Connection if it says more than it may, in several
// lines, any case and with empty elements (RFC 9110, sections 5.6.1 and 7.6.1).
func cleanConnection(h http.Header, upgrade bool) {
	lines, ok := h["Connection"]
	if !ok {
		return
	}
	var seen [len(connectionTokens)]bool
	clean := len(lines) == 1
	for _, line := range lines {
		for option := range strings.SplitSeq(line, ",") {
			i := connectionToken(trim(option))
			if i < 0 || i == upgradeToken && !upgrade {
				clean = false
				continue
			}
			seen[i] = true
		}
	}
	if clean {
		return
	}
	var kept []string
	for i, token := range connectionTokens {
		if seen[i] {
			kept = append(kept, token)
		}
	}
	if kept == nil {
		delete(h, "Connection")
		return
	}
	h["Connection"] = []string{strings.Join(kept, ", ")}
}

func connectionToken(option string) int {
	for i, token := range connectionTokens {
		if strings.EqualFold(option, token) {
			return i
		}
	}
	return -1
}

// trim removes the optional white space of RFC 9110, section 5.6.3.
func trim(s string) string { return strings.Trim(s, " \t") }

// DropTrailers removes the trailers of a request, announced or not: they arrive
// after the decision and would be forwarded with any name in them. A proxy may
// discard them (RFC 9110, section 6.5.1), and no token contract uses them.
//
// net/http writes trailers into the request that it made when the body ends. So
// r must be a copy of that one, as WithContext returns it and as Caddy hands it
// to handlers.
func DropTrailers(r *http.Request) {
	r.Trailer = nil
	delete(r.Header, "Trailer")
}
