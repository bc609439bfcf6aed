package secret

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func TestParseMasterKeysAcceptsEverySpelling(t *testing.T) {
	raw := [masterKeyLen]byte{0xfb, 0xff, 0xbf, 31: 1} // has + and / in base64
	want := newMasterKey(raw[:]).id()
	for name, text := range map[string]string{
		"base64":                 base64.StdEncoding.EncodeToString(raw[:]),
		"base64, no padding":     base64.RawStdEncoding.EncodeToString(raw[:]),
		"base64url":              base64.URLEncoding.EncodeToString(raw[:]),
		"hex":                    hex.EncodeToString(raw[:]),
		"upper-case hex":         strings.ToUpper(hex.EncodeToString(raw[:])),
		"line break":             base64.StdEncoding.EncodeToString(raw[:]) + "\r\n",
		"byte order mark":        "\ufeff" + base64.StdEncoding.EncodeToString(raw[:]),
		"comments and gaps":      "# one\n\n  \t\n" + hex.EncodeToString(raw[:]) + "  # made in 2026\n#end",
		"comment directly after": hex.EncodeToString(raw[:]) + "#x",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ParseMasterKeys(text)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.keys) != 1 || s.keys[0].id != want {
				t.Error("read another key")
			}
		})
	}
}

func TestParseMasterKeysRefuses(t *testing.T) {
	good := NewMasterKey().Reveal()
	tests := map[string]struct{ text, want string }{
		"nothing":            {"", "no key found"},
		"comments only":      {"# " + good, "no key found"},
		"a short key":        {"\n" + good[:40], "line 2"},
		"a long key":         {good + good, "line 1"},
		"two on one line":    {good + " " + good, "line 1"},
		"a pass phrase":      {"correct horse battery staple", "line 1"},
		"bad hex":            {strings.Repeat("0g", 32), "line 1"},
		"zeros":              {strings.Repeat("00", 32), "line 1"},
		"a second bad line":  {good + "\nsesame\n", "line 2"},
		"the same key twice": {good + "\n\n" + good, "line 3 repeats the key of line 1"},
		"stray base64 bits":  {good[:42] + "B=", "line 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseMasterKeys(test.text)
			if !errors.Is(err, ErrMasterKey) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want ErrMasterKey with %q", err, test.want)
			}
			for line := range strings.Lines(test.text) {
				if line = strings.TrimSpace(line); line != "" && strings.Contains(err.Error(), line) {
					t.Errorf("the error tells the content: %v", err)
				}
			}
		})
	}
}

func FuzzParseMasterKeys(f *testing.F) {
	f.Add(goldenKey().Reveal())
	f.Add("# c\n" + strings.Repeat("ab", 32) + "\r\n" + goldenKey().Reveal())
	f.Add("\ufeff\n\x00")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseMasterKeys(text)
		if err != nil {
			if !errors.Is(err, ErrMasterKey) || s != nil {
				t.Fatalf("bad refusal: %v", err)
			}
			return
		}
		if got, err := s.Open(s.Seal([]byte("x"), nil), nil); err != nil || string(got) != "x" {
			t.Fatalf("accepted keys do not work: %v", err)
		}
	})
}
