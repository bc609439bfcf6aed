package tokenstore

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestNetworksAreInOneSpelling(t *testing.T) {
	for _, test := range []struct {
		in   []string
		want []string
	}{
		{nil, nil},
		{[]string{"192.0.2.7"}, []string{"192.0.2.7/32"}},
		{[]string{"192.0.2.7/24", "192.0.2.0/24"}, []string{"192.0.2.0/24"}},
		{[]string{"2001:DB8::1", "2001:db8:0::/32"}, []string{"2001:db8::1/128", "2001:db8::/32"}},
		{[]string{"::ffff:192.0.2.7", "::ffff:192.0.2.0/120"}, []string{"192.0.2.7/32", "192.0.2.0/24"}},
		{[]string{"0.0.0.0/0", "::/0"}, []string{"0.0.0.0/0", "::/0"}},
	} {
		got, err := CheckNetworks(test.in)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q is %q, %v, want %q", test.in, got, err, test.want)
		}
		again, err := CheckNetworks(got)
		if err != nil || !slices.Equal(again, got) {
			t.Errorf("%q, checked again: %q, %v", got, again, err)
		}
	}
}

func TestTextThatIsNoNetworkIsRefused(t *testing.T) {
	for _, bad := range []string{
		"", " ", "localhost", "192.0.2", "192.0.2.256", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.01", "192.0.2.1 ", "192.0.2.1/24 ",
		"fe80::1%eth0", "fe80::%eth0/64", "2001:db8::/129", "::ffff:0:0/95", "192.0.2.0-192.0.2.9", "192.0.2.0/255.255.255.0", "*",
	} {
		if got, err := CheckNetworks([]string{"192.0.2.1", bad}); !errors.Is(err, ErrInvalid) || got != nil {
			t.Errorf("%q is %q, %v, want ErrInvalid", bad, got, err)
		}
	}
	many := make([]string, MaxNetworks+1)
	for i := range many {
		many[i] = fmt.Sprintf("192.0.2.%d", i)
	}
	if _, err := CheckNetworks(many); !errors.Is(err, ErrInvalid) {
		t.Errorf("%d networks: %v, want ErrInvalid", len(many), err)
	}
	if got, err := CheckNetworks(many[1:]); err != nil || len(got) != MaxNetworks {
		t.Errorf("%d networks: %v", len(got), err)
	}
}

// What is stored and cannot be read must not be taken for "from anywhere".
func TestStoredNetworkThatCannotBeReadIsAnError(t *testing.T) {
	r := Recipient{ID: "rcp_1", Networks: []string{"192.0.2.0/24", "garbage"}}
	if got, err := r.Prefixes(); !errors.Is(err, ErrRecord) || got != nil {
		t.Errorf("%v, %v, want ErrRecord", got, err)
	}
	r.Networks = []string{"192.0.2.0/24", "2001:db8::1/128"}
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128")}
	if got, err := r.Prefixes(); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	r.Networks = nil
	if got, err := r.Prefixes(); err != nil || got != nil {
		t.Errorf("no networks are %v, %v", got, err)
	}
}

func TestBoundsOfLimitsAndProperties(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		good bool
	}{
		"the site's":        {Limits{}.check(), true},
		"all of them":       {Limits{1, 1, 1}.check(), true},
		"the highest":       {Limits{maxLimit, maxLimit, maxLimit}.check(), true},
		"rate too high":     {Limits{Rate: maxLimit + 1}.check(), false},
		"rate below zero":   {Limits{Rate: -1}.check(), false},
		"burst below zero":  {Limits{Burst: -1}.check(), false},
		"concurrent below":  {Limits{Concurrent: -1}.check(), false},
		"no properties":     {checkProperties(nil), true},
		"a property":        {checkProperties(map[string]string{"a": ""}), true},
		"without a name":    {checkProperties(map[string]string{"": "a"}), false},
		"the longest":       {checkProperties(map[string]string{strings.Repeat("n", 255): strings.Repeat("v", 1000)}), true},
		"a name too long":   {checkProperties(map[string]string{strings.Repeat("n", 256): ""}), false},
		"a value too long":  {checkProperties(map[string]string{"n": strings.Repeat("v", 1001)}), false},
		"as many as may be": {checkProperties(properties(50)), true},
		"more than may be":  {checkProperties(properties(51)), false},
	} {
		if (test.err == nil) != test.good || !test.good && !errors.Is(test.err, ErrInvalid) {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}

func properties(n int) map[string]string {
	all := make(map[string]string, n)
	for i := range n {
		all[fmt.Sprint("property ", i)] = "x"
	}
	return all
}

func FuzzCheckNetworks(f *testing.F) {
	for _, text := range []string{"192.0.2.7", "192.0.2.0/24", "::ffff:192.0.2.7/120", "2001:db8::/32", "fe80::1%eth0", "0.0.0.0/0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checked, err := CheckNetworks([]string{text})
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%q: %v is not ErrInvalid", text, err)
			}
			return
		}
		// What is stored can be read, and holds the address that was written.
		prefixes, err := (&Recipient{Networks: checked}).Prefixes()
		if err != nil || len(prefixes) != 1 || prefixes[0].String() != checked[0] {
			t.Fatalf("%q is stored as %q, read as %v, %v", text, checked, prefixes, err)
		}
		address, _, _ := strings.Cut(text, "/")
		written, err := netip.ParseAddr(address)
		if err != nil || !prefixes[0].Contains(written.Unmap()) {
			t.Errorf("%q is stored as %s, which does not hold it (%v)", text, prefixes[0], err)
		}
	})
}
