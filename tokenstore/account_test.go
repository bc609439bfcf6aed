package tokenstore

import (
	"errors"
	"testing"
)

// Clients compare issuers as text.
func TestAddressOfAnAccountHasOneSpelling(t *testing.T) {
	for _, tc := range []struct {
		host, address string
		ok            bool
	}{
		{"bob.example", "", true},
		{"bob.example", "bob.example", true},
		{"bob.example", "bob.example:8443", true},
		{"bob.example", "bob.example:1", true},
		{"bob.example", "bob.example:65535", true},
		{"[::1]", "[::1]", true},
		{"[::1]", "[::1]:8443", true},
		{"bob.example", "Bob.example", false},
		{"bob.example", "BOB.EXAMPLE:8443", false},
		{"bob.example", "bob.example.", false},
		{"bob.example", "bob.example.:8443", false},
		{"bob.example", "bob.example:", false},
		{"bob.example", "bob.example:0", false},
		{"bob.example", "bob.example:08443", false},
		{"bob.example", "bob.example:65536", false},
		{"bob.example", "bob.example:99999", false},
		{"bob.example", "bob.example:+1", false},
		{"bob.example", "bob.example8443", false},
		{"bob.example", "bob.example::8443", false},
		{"bob.example", "bob.example:8443/x", false},
		{"bob.example", "eve.example:8443", false},
		{"[::1]", "[0:0::1]:8443", false},
		{"[::1]", "::1", false},
	} {
		a := Account{Host: tc.host, Address: tc.address, Username: "bob", UserID: "6c796c29-fa9e-4678-9c0b-e48956f22bcc"}
		if err := a.check(); (err == nil) != tc.ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q of %q: %v", tc.address, tc.host, err)
		}
	}
}
