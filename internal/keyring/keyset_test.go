package keyring

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// newSigners makes P-256 keys that all have the name of an AAA server's key.
func newSigners(t testing.TB, n int) []signer {
	t.Helper()
	all := make([]signer, n)
	for at := range all {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		all[at] = signer{"ES256", "ES256", key}
	}
	return all
}

// verifies tells which of the signers' tokens are taken, one letter each.
func (i *Issuer) verifies(t *testing.T, signers ...signer) string {
	t.Helper()
	var good strings.Builder
	for n, s := range signers {
		_, err := i.VerifyAnyAudience(t.Context(), s.byAAA(t, object{"exp": epoch.Add(1000 * time.Hour).Unix()}))
		switch {
		case err == nil:
			good.WriteByte("abcdefgh"[n])
		case !errors.Is(err, ErrInvalidToken):
			t.Errorf("key %d: %v", n, err)
		}
	}
	return good.String()
}

func (i *Issuer) mustRefresh(t *testing.T) {
	t.Helper()
	if !i.refresh(t.Context()) {
		t.Fatal("refresh failed")
	}
}

func TestVanishedKeyIsGoodForTheOverlap(t *testing.T) {
	s := newSigners(t, 2)
	f := newFakeIssuer(t, s[0].public())
	i, c := aaaIssuer(t, f, func(c *IssuerConfig) { c.Overlap = time.Hour })
	want := func(what, keys string) {
		t.Helper()
		if got := i.verifies(t, s...); got != keys {
			t.Errorf("%s: keys %q are good, want %q", what, got, keys)
		}
	}
	want("at first", "a")
	c.advance(10 * time.Minute)
	i.mustRefresh(t) // seen for the last time
	c.advance(10 * time.Minute)
	f.publish(s[1].public())
	i.mustRefresh(t)
	want("after the rotation", "ab")
	c.advance(50*time.Minute - time.Second)
	want("a second before the overlap ends", "ab")
	c.advance(time.Second)
	want("at its end, without a fetch", "b")
	i.mustRefresh(t)
	want("after the next fetch", "b")
	if gone := i.keys.Load().gone; len(gone) != 0 {
		t.Errorf("%d keys that are over are remembered", len(gone))
	}

	f.publish(s[0].public())
	i.mustRefresh(t)
	want("back again", "ab")
	f.publish()
	i.mustRefresh(t)
	want("all withdrawn", "ab")
	c.advance(time.Hour)
	want("all over", "")
}

func TestClockThatIsSetBackMakesNoOverlapLonger(t *testing.T) {
	s := newSigners(t, 2)
	f := newFakeIssuer(t, s[0].public())
	i, c := aaaIssuer(t, f, func(c *IssuerConfig) { c.Overlap = time.Hour })
	f.publish(s[1].public())
	c.advance(-10 * time.Second)
	i.mustRefresh(t)
	c.advance(time.Hour)
	if got := i.verifies(t, s...); got != "b" {
		t.Errorf("keys %q are good", got)
	}
}

func TestWithoutOverlapAVanishedKeyEndsAtOnce(t *testing.T) {
	s := newSigners(t, 2)
	f := newFakeIssuer(t, s[0].public())
	i, _ := aaaIssuer(t, f, nil)
	f.publish(s[1].public())
	i.mustRefresh(t)
	if got := i.verifies(t, s...); got != "b" {
		t.Errorf("keys %q are good", got)
	}
}

// An endpoint that shows another key each time must not get the present one refused,
// nor a token dear.
func TestGoneKeysNeverTakeThePlaceOfPresentOnes(t *testing.T) {
	s := newSigners(t, 8)
	f := newFakeIssuer(t, s[0].public())
	i, c := aaaIssuer(t, f, func(c *IssuerConfig) { c.Overlap = 100 * time.Hour })
	for n := 1; n < len(s); n++ {
		c.advance(time.Minute)
		f.publish(s[n].public())
		i.mustRefresh(t)
	}
	if got := i.verifies(t, s...); got != "efgh" {
		t.Errorf("keys %q are good, want the %d latest", got, maxCandidates)
	}
	if set := i.keys.Load(); len(set.gone) > maxCandidates {
		t.Errorf("%d keys are remembered", len(set.gone))
	}
	f.publish(s[0].public(), s[1].public(), s[2].public(), s[3].public())
	i.mustRefresh(t)
	if got := i.verifies(t, s...); got != "abcd" {
		t.Errorf("keys %q are good, want the present ones", got)
	}
}

func TestFingerprintIsOfTheKeys(t *testing.T) {
	s := newSigners(t, 2)
	key := s[0].public()
	named := key
	named.KeyID = "another"
	pinned := key
	pinned.Algorithm = "ES256"
	print := func(keys ...jose.JSONWebKey) uint64 {
		i, _ := aaaIssuer(t, newFakeIssuer(t, keys...), nil)
		return i.Fingerprint()
	}
	alone, both := print(key), print(key, s[1].public())
	for name, same := range map[string]bool{
		"the same key":          print(key) == alone,
		"the same key twice":    print(key, key) == alone,
		"in another order":      print(s[1].public(), key) == both,
		"no key and no fetch":   print() == (&Issuer{}).Fingerprint(),
		"without a certificate": print(byEC.public()) != 0,
	} {
		if !same {
			t.Errorf("%s: another number", name)
		}
	}
	seen := map[uint64]string{0: "zero"}
	for name, n := range map[string]uint64{
		"one": alone, "two": both, "the other": print(s[1].public()), "none": print(),
		"another name": print(named), "an algorithm": print(pinned), "RSA": print(byRSA.public()), "EdDSA": print(byEd.public()),
	} {
		if other, ok := seen[n]; ok {
			t.Errorf("%s has the number of %s", name, other)
		}
		seen[n] = name
	}
}

// What was verified with a key is not remembered beyond the key's overlap.
func TestFingerprintChangesWhenAnOverlapEnds(t *testing.T) {
	s := newSigners(t, 2)
	f := newFakeIssuer(t, s[0].public())
	i, c := aaaIssuer(t, f, func(c *IssuerConfig) { c.Overlap = time.Hour })
	first := i.Fingerprint()
	f.publish(s[1].public())
	i.mustRefresh(t)
	both := i.Fingerprint()
	c.advance(time.Hour - time.Second)
	if first == both || i.Fingerprint() != both {
		t.Error("within the overlap: not the number of both keys")
	}
	c.advance(time.Second)
	after := i.Fingerprint()
	f.publish(s[1].public())
	i.mustRefresh(t)
	if after == both || after == first || i.Fingerprint() != after {
		t.Error("at the end of the overlap: not the number of the second key")
	}
	if n := testing.AllocsPerRun(100, func() { i.Fingerprint() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
