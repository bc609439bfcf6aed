package schemes

import "net/netip"

// nat64 is where an IPv6-only network shows the clients of IPv4 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// NetworkOf returns the network that an address belongs to, as far as one party has
// it: the address itself for IPv4 ("192.0.2.7/32"), the /64 for IPv6
// ("2001:db8::/64"). All that is no address is one network, "".
func NetworkOf(clientIP string) string {
	ip, err := netip.ParseAddr(clientIP)
	if err != nil {
		return ""
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	switch {
	case ip.Is4():
		bits = 32
	case nat64.Contains(ip):
		// Else all of IPv4 would be one network.
		last := ip.As16()
		ip, bits = netip.AddrFrom4([4]byte(last[12:])), 32
	}
	prefix, _ := ip.Prefix(bits) // fails for other numbers of bits only
	return prefix.String()
}

// WiderNetwork returns what the party of a network may have as a whole: the /48 around
// an IPv6 /64, which providers give to one customer (RFC 6177). All others have no wider
// one, and are returned as they are.
func WiderNetwork(network string) string {
	prefix, err := netip.ParsePrefix(network)
	if err != nil || prefix.Bits() != 64 {
		return network
	}
	wider, _ := prefix.Addr().Prefix(48) // fails for other numbers of bits only
	return wider.String()
}
