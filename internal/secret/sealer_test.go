package secret

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// goldenSealed is "gha_example" sealed for "record 7" with the key and nonce of
// bytes 0, 1, 2 … It must open for ever: stores hold such values.
const goldenSealed = "01e378edeabec0e575000102030405060708090a0b0c0d0e0f1011121314151617f9aa6e20f5aaecc3432843b762c5b50577b7ff62ef308dabc7e027"

func goldenKey() MasterKey {
	key := goldenRandom()
	return newMasterKey(key[:])
}

func TestSealedFormatIsKept(t *testing.T) {
	s := NewSealer(goldenKey())
	var nonce [sealNonce]byte
	for i := range nonce {
		nonce[i] = byte(i)
	}
	if got := hex.EncodeToString(s.seal(nonce, []byte("gha_example"), []byte("record 7"))); got != goldenSealed {
		t.Errorf("format changed: got %s", got)
	}
	sealed, _ := hex.DecodeString(goldenSealed)
	plain, err := s.Open(sealed, []byte("record 7"))
	if err != nil || string(plain) != "gha_example" {
		t.Errorf("golden does not open: %q, %v", plain, err)
	}
}

func TestSealerOpensWithEveryKeyAndSealsWithTheFirst(t *testing.T) {
	older, newer := NewMasterKey(), NewMasterKey()
	text := "# rotated\n" + newer.Reveal() + "\n" + older.Reveal() + " # before\n"
	both, err := ParseMasterKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	a := []byte("a")
	if got, err := both.Open(NewSealer(older).Seal([]byte("x"), a), a); err != nil || string(got) != "x" {
		t.Errorf("older key: %q, %v", got, err)
	}
	sealed := both.Seal([]byte("x"), a)
	if got, err := NewSealer(newer).Open(sealed, a); err != nil || string(got) != "x" {
		t.Errorf("newer key: %q, %v", got, err)
	}
	if _, err := NewSealer(older).Open(sealed, a); !errors.Is(err, ErrSealedUnknownKey) {
		t.Errorf("removed key: got %v, want ErrSealedUnknownKey", err)
	}
}

func TestSealHidesAndVaries(t *testing.T) {
	s := NewSealer(NewMasterKey())
	one, two := s.Seal([]byte("same plain text"), nil), s.Seal([]byte("same plain text"), nil)
	if bytes.Equal(one, two) {
		t.Error("the same nonce twice")
	}
	if bytes.Contains(one, []byte("same")) {
		t.Error("plain text shows")
	}
	if got, err := s.Open(s.Seal(nil, nil), nil); err != nil || len(got) != 0 {
		t.Errorf("empty value: %q, %v", got, err)
	}
}

func TestOpenRefusesEveryAlteration(t *testing.T) {
	s := NewSealer(NewMasterKey())
	assoc := []byte("recipient/rcp_1/code")
	good := s.Seal([]byte("value"), assoc)
	refused := func(err error) bool {
		return errors.Is(err, ErrSealedAltered) || errors.Is(err, ErrSealedUnknownKey)
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := s.Open(bad, assoc); !refused(err) {
				t.Fatalf("byte %d, bit %d: got %v", i, bit, err)
			}
		}
		if _, err := s.Open(good[:i], assoc); !errors.Is(err, ErrSealedAltered) {
			t.Fatalf("cut to %d: got %v", i, err)
		}
	}
	if _, err := s.Open(append(bytes.Clone(good), 0), assoc); !errors.Is(err, ErrSealedAltered) {
		t.Errorf("longer: got %v", err)
	}
	for name, other := range map[string][]byte{
		"another record": []byte("recipient/rcp_2/code"), "none": nil, "longer": append(bytes.Clone(assoc), 0),
	} {
		if _, err := s.Open(good, other); !errors.Is(err, ErrSealedAltered) {
			t.Errorf("moved to %s: got %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	golden, _ := hex.DecodeString(goldenSealed)
	f.Add(golden, []byte("record 7"))
	f.Add([]byte{}, []byte{})
	f.Add([]byte{sealVersion}, []byte("x"))
	s := NewSealer(goldenKey())
	f.Fuzz(func(t *testing.T, sealed, assoc []byte) {
		plain, err := s.Open(sealed, assoc)
		if err == nil && string(plain) != "gha_example" {
			t.Fatalf("a forged value opens: %q", plain)
		}
		if back, err := s.Open(s.Seal(sealed, assoc), assoc); err != nil || !bytes.Equal(back, sealed) {
			t.Fatalf("what was sealed does not come back: %v", err)
		}
	})
}
