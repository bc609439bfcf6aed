package secret

import (
	"encoding/hex"
	"testing"
)

func TestDigestIsSHA256OfTheText(t *testing.T) {
	// FIPS 180-4 example: stored digests must be found again by any version.
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	d := DigestOf("abc")
	if got := hex.EncodeToString(d[:]); got != abc {
		t.Errorf("got %s, want %s", got, abc)
	}
}

func TestDigestEqual(t *testing.T) {
	a, b := DigestOf("a"), DigestOf("b")
	if !a.Equal(DigestOf("a")) || a.Equal(b) || a.Equal(Digest{}) {
		t.Error("Equal is wrong")
	}
}
