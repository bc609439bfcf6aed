package secret

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"
)

// golden are secrets made from the random bytes 0, 1, 2 … 31. They must be
// accepted for ever: recipients hold such texts.
var golden = map[Kind]string{
	DeltaToken:     "ghd_aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyp2blo5",
	ActivationCode: "gha_aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyp2t5q7",
	ManagementKey:  "ghm_aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyptz623",
}

func goldenRandom() (r [randomLen]byte) {
	for i := range r {
		r[i] = byte(i)
	}
	return r
}

func TestSecretFormatIsKept(t *testing.T) {
	for kind, want := range golden {
		if got := newToken(kind, goldenRandom()).Reveal(); got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
		tok, err := Parse(kind, want)
		if err != nil || tok.Reveal() != want {
			t.Errorf("%s: golden is refused: %v", kind, err)
		}
	}
}

func TestBodyIsStandardBase32(t *testing.T) {
	std := base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)
	for n := range 40 {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(i*37 + n)
		}
		if got, want := string(encode(nil, src)), std.EncodeToString(src); got != want {
			t.Errorf("%d bytes: got %q, want %q", n, got, want)
		}
	}
}

func TestNewSecretsAreDistinctAndParse(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		for _, k := range kinds {
			tok := New(k)
			s := tok.Reveal()
			if seen[s] || !strings.HasPrefix(s, string(k)) || tok.IsZero() {
				t.Fatalf("bad fresh secret of kind %s", k)
			}
			seen[s] = true
			back, err := Parse(k, s)
			if err != nil || !back.Digest().Equal(tok.Digest()) {
				t.Fatalf("fresh secret of kind %s does not parse: %v", k, err)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := golden[DeltaToken]
	tests := map[string]string{
		"nothing":             "",
		"the prefix only":     "ghd_",
		"one character short": good[:len(good)-1],
		"one character more":  good + "a",
		"another kind":        golden[ActivationCode],
		"an upper-case body":  "ghd_" + strings.ToUpper(good[4:]),
		"an upper-case kind":  "GHD_" + good[4:],
		"a space before":      " " + good[:len(good)-1],
		"a line break within": good[:20] + "\n" + good[21:],
		"a digit not in use":  good[:20] + "1" + good[21:],
		"padding":             good[:len(good)-1] + "=",
		"a NUL":               good[:len(good)-1] + "\x00",
		"a non-ASCII letter":  good[:len(good)-2] + "ä",
		"another random part": "ghd_b" + good[5:],
		"another checksum":    good[:len(good)-1] + "7",
		"an accessor":         NewAccessor(),
		"a JWT":               "eyJhbGciOiJub25lIn0.e30.",
		"a megabyte":          "ghd_" + strings.Repeat("a", 1<<20),
	}
	for name, s := range tests {
		t.Run(name, func(t *testing.T) {
			tok, err := Parse(DeltaToken, s)
			if !errors.Is(err, ErrMalformed) || !tok.IsZero() {
				t.Errorf("got %v, want ErrMalformed and the zero token", err)
			}
		})
	}
}

func TestEveryTypingErrorIsCaught(t *testing.T) {
	good := golden[DeltaToken]
	for i := kindLen; i < len(good); i++ {
		for j := range len(alphabet) {
			if alphabet[j] == good[i] {
				continue
			}
			if _, err := Parse(DeltaToken, good[:i]+alphabet[j:j+1]+good[i+1:]); err == nil {
				t.Errorf("position %d: %q passes for %q", i, alphabet[j], good[i])
			}
		}
	}
}

func TestParseUnknownKindIsRefused(t *testing.T) {
	forged := newToken("xxx_", goldenRandom()).Reveal()
	if _, err := Parse("xxx_", forged); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
}

func TestNewPanicsForUnknownKind(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic: Redact would not know such a secret")
		}
	}()
	New("xxx_")
}

func TestGarbageCostsNoAllocation(t *testing.T) {
	good := golden[DeltaToken]
	for name, s := range map[string]string{
		"bad checksum": good[:len(good)-1] + "7",
		"bad alphabet": good[:len(good)-1] + "!",
		"JWT":          strings.Repeat("eyJ", 1000),
	} {
		if n := testing.AllocsPerRun(100, func() { _, _ = Parse(DeltaToken, s) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestZeroToken(t *testing.T) {
	var zero Token
	if !zero.IsZero() || zero.Reveal() != "" {
		t.Error("the zero token holds something")
	}
	if tok := New(DeltaToken); tok.Digest().Equal(zero.Digest()) {
		t.Error("a token has the zero token's digest")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range golden {
		f.Add(s)
	}
	f.Add("")
	f.Add("ghd_" + strings.Repeat("a", bodyLen))
	f.Fuzz(func(t *testing.T, s string) {
		for _, k := range kinds {
			tok, err := Parse(k, s)
			if err != nil {
				if !errors.Is(err, ErrMalformed) || !tok.IsZero() {
					t.Fatalf("refusal with %v and a token", err)
				}
				continue
			}
			// One spelling: what parses is exactly what its bytes encode to.
			raw, _ := decodeBody(s[kindLen:])
			if newToken(k, [randomLen]byte(raw[:randomLen])).Reveal() != s {
				t.Fatal("a secret has two spellings")
			}
			if Redact(s) != redacted {
				t.Fatal("a valid secret is not redacted")
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	s := golden[DeltaToken]
	b.Run("valid", func(b *testing.B) {
		for b.Loop() {
			_, _ = Parse(DeltaToken, s)
		}
	})
	bad := s[:len(s)-1] + "7"
	b.Run("bad checksum", func(b *testing.B) {
		for b.Loop() {
			_, _ = Parse(DeltaToken, bad)
		}
	})
}
