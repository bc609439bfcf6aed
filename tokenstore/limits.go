package tokenstore

import (
	"fmt"
	"net/netip"
	"slices"
)

// Limits bound the calls of one recipient. A zero field means the site's limit.
type Limits struct {
	// Rate is how many calls a second it may make in the long run.
	Rate int `cbor:"1,keyasint,omitempty"`
	// Burst is how many it may make at once, after a pause.
	Burst int `cbor:"2,keyasint,omitempty"`
	// Concurrent is how many may be answered at a time.
	Concurrent int `cbor:"3,keyasint,omitempty"`
}

// maxLimit is more than any recipient needs.
const maxLimit = 1_000_000

func (l Limits) check() error {
	for _, n := range []int{l.Rate, l.Burst, l.Concurrent} {
		if n < 0 || n > maxLimit {
			return fmt.Errorf("%w: a limit is a whole number from 1 to %d, or 0 for the site's", ErrInvalid, maxLimit)
		}
	}
	return nil
}

// MaxNetworks is how many addresses and networks a recipient's list may have
// (Databricks' limit for IP access lists).
const MaxNetworks = 100

// CheckNetworks checks a list of addresses and CIDR networks, IPv4 or IPv6, and
// returns it in one spelling: networks without host bits, each once. The error is
// ErrInvalid.
func CheckNetworks(list []string) ([]string, error) {
	if len(list) > MaxNetworks {
		return nil, fmt.Errorf("%w: an IP access list has at most %d entries", ErrInvalid, MaxNetworks)
	}
	var checked []string
	for _, text := range list {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is neither an IP address nor a network such as 192.0.2.0/24", ErrInvalid, text)
		}
		if one := network.String(); !slices.Contains(checked, one) {
			checked = append(checked, one)
		}
	}
	return checked, nil
}

// parseNetwork reads an address or a network. An IPv4 address written as IPv6
// means the IPv4 address, since that is how callers' addresses are compared.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%w: not an address", ErrInvalid)
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	if address := network.Addr(); address.Is4In6() {
		if network.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%w: not a network", ErrInvalid)
		}
		network = netip.PrefixFrom(address.Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}

// Prefixes returns the recipient's networks, ready to be asked. A stored list that
// cannot be read is ErrRecord: it would be taken for "from anywhere".
func (r *Recipient) Prefixes() ([]netip.Prefix, error) {
	if len(r.Networks) == 0 {
		return nil, nil
	}
	prefixes := make([]netip.Prefix, len(r.Networks))
	for i, text := range r.Networks {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("%w: a network of recipient %s", ErrRecord, r.ID)
		}
		prefixes[i] = network
	}
	return prefixes, nil
}

// Properties are bounded, since they are read with every token.
const (
	maxProperties     = 50
	maxPropertyLength = 1000
)

func checkProperties(properties map[string]string) error {
	if len(properties) > maxProperties {
		return fmt.Errorf("%w: a recipient has at most %d properties", ErrInvalid, maxProperties)
	}
	for key, value := range properties {
		if key == "" || len(key) > maxNameLength || len(value) > maxPropertyLength {
			return fmt.Errorf("%w: a property's name has 1 to %d bytes, its value at most %d", ErrInvalid, maxNameLength, maxPropertyLength)
		}
	}
	return nil
}
