package schemes_test

import (
	"net/netip"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

func TestNetworkOf(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.7":                  "192.0.2.7/32",
		"::ffff:192.0.2.7":           "192.0.2.7/32", // the same client on a socket of both families
		"::ffff:c000:207":            "192.0.2.7/32",
		"64:ff9b::192.0.2.7":         "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":       "2001:db8:1:2::/64",
		"2001:DB8:1:2::":             "2001:db8:1:2::/64",
		"2001:db8:1:3::":             "2001:db8:1:3::/64",
		"fe80::1%eth0":               "fe80::/64",
		"fe80::2%eth1":               "fe80::/64",
		"::1":                        "::/64",
		"":                           "",
		"alice":                      "",
		"192.0.2.7:443":              "",
		"[2001:db8::1]":              "",
		"192.0.2.07":                 "",
		"192.0.2.7, 198.51.100.1":    "",
		"2001:db8::1\r\nX-Header: 1": "",
	} {
		if got := schemes.NetworkOf(ip); got != want {
			t.Errorf("%q: %q, want %q", ip, got, want)
		}
	}
}

func FuzzNetworkOf(f *testing.F) {
	for _, seed := range []string{"192.0.2.7", "2001:db8::1", "64:ff9b::1", "fe80::1%eth0", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ip string) {
		got := schemes.NetworkOf(ip)
		if got == "" {
			if _, err := netip.ParseAddr(ip); err == nil {
				t.Fatal("an address without a network")
			}
			return
		}
		prefix, err := netip.ParsePrefix(got)
		if err != nil || prefix.String() != got || prefix != prefix.Masked() || (prefix.Bits() != 32 && prefix.Bits() != 64) {
			t.Fatalf("%q is no network", got)
		}
	})
}
