package schemes

import (
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// Identity is who a credential turned out to be. It is shared between requests
// and must not be changed.
type Identity struct {
	Scheme string
	Realm  string
	// Kind of subject, such as "recipient".
	Kind string
	// Subject is the id that never changes, Name what people call it.
	Subject string
	Name    string
	Roles   []string
	Grants  policies.Grants
	// Delegate is who calls in the name of Subject, by its own id; empty for a subject that
	// calls for itself.
	Delegate string
	// Claims are what the credential says of itself, verified, for the conditions of rules;
	// nil for schemes whose credentials say nothing.
	Claims map[string]any
	// Accessor is the public id of the token; empty if it has none.
	Accessor string
	// Source is the accessor of the long-lived credential that an access token came
	// from; empty for others.
	Source string
	// Expiry is when the credential ends; zero: not by itself.
	Expiry time.Time
	// Remember is until when the identity may be remembered, if that is earlier: what
	// verified the credential may be used until then. Zero: until Expiry.
	Remember time.Time
	// Old says that the credential is one that an operator wants to see unused.
	Old Oldness

	// Session is what the scheme keeps of the credential's family between calls, safe for
	// concurrent use; nil for schemes that keep nothing.
	Session any

	// Networks are where it may be used from; none: anywhere.
	Networks []netip.Prefix
	// Limits bound the subject's calls, of all its credentials together.
	Limits Limits
}

// Oldness is why a credential is old: operators want to know who still uses it.
type Oldness string

// What makes a credential old. One that was imported and then rotated is rotated.
const (
	NotOld   Oldness = ""
	Rotated  Oldness = "rotated"  // a newer one took its place
	Imported Oldness = "imported" // it was made elsewhere, so many may hold it
)

// MayCallFrom tells whether the identity may be used from an address, given as text.
// What is no address is nowhere.
func (id *Identity) MayCallFrom(clientIP string) bool {
	if len(id.Networks) == 0 {
		return true
	}
	return Within(id.Networks, clientIP)
}

// Within tells whether an address lies in one of the networks. An IPv4 address in
// the form of IPv6 is the IPv4 address, and a zone says nothing of where it is.
func Within(networks []netip.Prefix, clientIP string) bool {
	address, err := netip.ParseAddr(clientIP)
	if err != nil {
		return false
	}
	address = address.Unmap().WithZone("")
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
