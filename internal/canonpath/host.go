package canonpath

import (
	"net/netip"
	"strings"
)

const (
	maxHost  = 253 // RFC 1035, section 2.3.4, without the final dot
	maxLabel = 63
)

// Host returns the one spelling of the host of a Host header or :authority:
// lower case (CVE-2026-42273, CVE-2026-48794), without port and without one
// trailing dot (CVE-2022-23632); an IPv6 address keeps its brackets and has the
// form of RFC 5952. Internationalised names come in their ASCII form and stay
// so. Whatever is no host name or address gives BadHost.
func Host(hostport string) (string, error) {
	if strings.HasPrefix(hostport, "[") {
		return bracketed(hostport)
	}
	host, port, _ := strings.Cut(hostport, ":")
	if !isPort(port) {
		return "", BadHost
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > maxHost {
		return "", BadHost
	}
	label := 0
	for i := range len(host) {
		switch c := host[i]; {
		case c == '.':
			if label == 0 {
				return "", BadHost
			}
			label = 0
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			if label++; label > maxLabel {
				return "", BadHost
			}
		default:
			return "", BadHost
		}
	}
	if label == 0 {
		return "", BadHost
	}
	return strings.ToLower(host), nil
}

// bracketed reads "[address]" and "[address]:port". Zones are refused: they
// have a meaning on one machine only (RFC 6874, section 1).
func bracketed(hostport string) (string, error) {
	address, port, found := strings.Cut(hostport[1:], "]")
	if !found || port != "" && (port[0] != ':' || !isPort(port[1:])) {
		return "", BadHost
	}
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is6() || ip.Zone() != "" {
		return "", BadHost
	}
	return "[" + ip.String() + "]", nil
}

// isPort accepts the empty port too (RFC 3986, section 3.2.3).
func isPort(s string) bool {
	if len(s) > 5 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
