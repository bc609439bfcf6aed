package password

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Of "password", made by others: a test vector of the reference implementation of
// argon2, and the bcrypt of libxcrypt.
const (
	someArgon2id = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	someBcrypt   = "$2y$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm"
)

func TestHashDoesNotPrintItself(t *testing.T) {
	type account struct{ Password Hash }
	h := Hash(someArgon2id)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "hash", h, "in", account{h})
	asJSON, err := json.Marshal(map[string]any{"of": account{h}, "is": h, "all": []Hash{h}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"log":            log.String(),
		"JSON":           string(asJSON),
		"String":         h.String(),
		"concatenation":  fmt.Sprint("hash: ", h),
		"error":          fmt.Errorf("of %w: %v", errors.ErrUnsupported, h).Error(),
		"nested":         fmt.Sprintf("%+v %#v", account{h}, &account{h}),
		"in a slice":     fmt.Sprintf("%v %q %x", []Hash{h}, []Hash{h}, []Hash{h}),
		"every verb":     fmt.Sprintf("%v %+v %#v %s %q %x %X %d %z %5.3s", h, h, h, h, h, h, h, h, h, h),
		"error of Parse": fmt.Sprint(ParseHash(someArgon2id + "!")),
	} {
		for _, part := range []string{"argon2id$v", "c29tZXNhbHQ", "CTFhFdXP", fmt.Sprintf("%x", "argon2id")} {
			if strings.Contains(text, part) {
				t.Errorf("%s shows %q: %s", name, part, text)
			}
		}
		if !strings.Contains(text, hidden) && name != "error of Parse" {
			t.Errorf("%s does not say what it hides: %s", name, text)
		}
	}
}

// A store that wrote the placeholder would lose every password without a sound.
func TestStoredHashIsTheHash(t *testing.T) {
	type record struct {
		Password Hash `cbor:"1,keyasint"`
	}
	mode, err := cbor.EncOptions{Sort: cbor.SortCoreDeterministic}.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	data, err := mode.Marshal(record{someArgon2id})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(someArgon2id)) {
		t.Errorf("stored as %q", data)
	}
	var back record
	if err := cbor.Unmarshal(data, &back); err != nil || back.Password.Reveal() != someArgon2id {
		t.Errorf("read back as %q, %v", back.Password.Reveal(), err)
	}
}

func TestParseHash(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	long := strings.Repeat("A", 86) // 64 bytes
	phc := func(params, salt, key string) string { return "$argon2id$v=19$" + params + "$" + salt + "$" + key }
	for _, tc := range []struct {
		name, text string
		ok         bool
	}{
		{"argon2id", someArgon2id, true},
		{"least parameters", phc("m=8,t=1,p=1", salt, key), true},
		{"most parameters", phc("m=51882,t=6,p=4", long, long), true},
		{"what RFC 9106 recommends for little memory", phc("m=65536,t=3,p=4", salt, key), true},
		{"most memory", phc("m=65536,t=4,p=1", salt, key), true},
		{"too much memory times passes", phc("m=51883,t=6,p=1", salt, key), false},
		{"the most of both", phc("m=65536,t=6,p=4", salt, key), false},
		{"bcrypt", someBcrypt, true},
		{"bcrypt 2b", "$2b" + someBcrypt[3:], true},
		{"bcrypt 2y", "$2y" + someBcrypt[3:], true},
		{"bcrypt of cost 14", "$2a$14" + someBcrypt[6:], true},
		{"bcrypt of cost 15", "$2a$15" + someBcrypt[6:], false},
		{"bcrypt of cost 31", "$2a$31" + someBcrypt[6:], false},
		{"bcrypt of cost 3", "$2a$03" + someBcrypt[6:], false},
		{"bcrypt 2x, made by a faulty version", "$2x" + someBcrypt[3:], false},
		{"bcrypt with a line end", someBcrypt + "\n", false},
		{"bcrypt that is cut", someBcrypt[:59], false},
		{"nothing", "", false},
		{"a password", "secret", false},
		{"argon2i", strings.Replace(someArgon2id, "argon2id", "argon2i", 1), false},
		{"argon2d", strings.Replace(someArgon2id, "argon2id", "argon2d", 1), false},
		{"old version", strings.Replace(someArgon2id, "v=19", "v=16", 1), false},
		{"no version", strings.Replace(someArgon2id, "v=19$", "", 1), false},
		{"too much memory", phc("m=65537,t=1,p=1", salt, key), false},
		{"memory beyond 32 bits", phc("m=4294967304,t=2,p=1", salt, key), false},
		{"less memory than threads need", phc("m=15,t=2,p=2", salt, key), false},
		{"no memory", phc("m=0,t=2,p=1", salt, key), false},
		{"too many passes", phc("m=8,t=7,p=1", salt, key), false},
		{"no pass", phc("m=8,t=0,p=1", salt, key), false},
		{"too many threads", phc("m=65536,t=1,p=5", salt, key), false},
		{"threads beyond 8 bits", phc("m=65536,t=1,p=257", salt, key), false},
		{"no thread", phc("m=8,t=1,p=0", salt, key), false},
		{"negative", phc("m=-8,t=1,p=1", salt, key), false},
		{"with a plus", phc("m=+8,t=1,p=1", salt, key), false},
		{"leading zero", phc("m=08,t=1,p=1", salt, key), false},
		{"other order", phc("t=1,m=8,p=1", salt, key), false},
		{"a parameter twice", phc("m=8,m=8,t=1,p=1", salt, key), false},
		{"a parameter too few", phc("m=8,t=1", salt, key), false},
		{"a parameter too many", phc("m=8,t=1,p=1,keyid=AA", salt, key), false},
		{"short salt", phc("m=8,t=1,p=1", "c29tZXNhbA", key), false},
		{"long salt", phc("m=8,t=1,p=1", long+"A", key), false},
		{"short key", phc("m=8,t=1,p=1", salt, "AAAAAAAAAAAAAAAAAAAA"), false},
		{"long key", phc("m=8,t=1,p=1", salt, long+"A"), false},
		{"no key", phc("m=8,t=1,p=1", salt, ""), false},
		{"a field too few", "$argon2id$v=19$m=8,t=1,p=1$" + salt, false},
		{"a field too many", someArgon2id + "$", false},
		{"something before", "x" + someArgon2id, false},
		{"padded base64", phc("m=8,t=1,p=1", salt+"=", key), false},
		{"base64 with other spare bits", phc("m=8,t=1,p=1", "c29tZXNhbHR", key), false},
		{"base64 of URLs", phc("m=8,t=1,p=1", "c29tZXNh_-Q", key), false},
		{"line break in base64", phc("m=8,t=1,p=1", "c29tZ\nXNhbHQ", key), false},
		{"a megabyte", someArgon2id + strings.Repeat("A", 1<<20), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, err := ParseHash(tc.text)
			if tc.ok && (err != nil || h.Reveal() != tc.text) {
				t.Errorf("refused: %v", err)
			}
			if !tc.ok && (!errors.Is(err, ErrHash) || !h.IsZero()) {
				t.Errorf("got %q, %v; want ErrHash", h.Reveal(), err)
			}
		})
	}
}

// Strangers make the gateway verify hashes: none may cost much more than those that it
// makes itself. What is refused is told what would do.
func TestImportedHashCostsAnAttemptNoMoreThanEightOfTheDefault(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for memory := uint32(8); memory <= 1<<20; memory *= 2 {
		for time := uint32(1); time <= 20; time++ {
			text := fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", memory, time, salt, key)
			if _, err := ParseHash(text); err == nil && memory*time > 8*DefaultParams.Memory*DefaultParams.Time {
				t.Errorf("m=%d, t=%d is taken", memory, time)
			}
		}
	}
	_, err := ParseHash("$argon2id$v=19$m=262144,t=16,p=16$" + salt + "$" + key)
	if want := "64 MiB, 6 passes, 4 threads"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
}

func FuzzParseHash(f *testing.F) {
	for _, seed := range []string{someArgon2id, someBcrypt, "", "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHash(text)
		if err != nil {
			if !errors.Is(err, ErrHash) || !h.IsZero() {
				t.Fatalf("%q with error %v", h.Reveal(), err)
			}
			return
		}
		if h.Reveal() != text {
			t.Fatal("another text")
		}
		if isBcrypt(text) {
			return
		}
		parts, err := parsePHC(text)
		if err != nil {
			t.Fatal(err)
		}
		if !parts.valid() || parts.Memory > 64<<10 || parts.Memory*parts.Time > 304<<10 || parts.Threads > 4 || len(parts.key) < 16 || len(parts.salt) < 8 {
			t.Fatalf("out of bounds: %+v", parts.Params)
		}
		if parts.hash().Reveal() != text {
			t.Fatal("two spellings of one hash")
		}
	})
}
