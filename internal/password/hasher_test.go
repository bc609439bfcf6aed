package password

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// cheap are the least parameters that are allowed, for tests that hash often.
var cheap = Params{Memory: 8, Time: 1, Threads: 1}

func TestHashFitsItsPasswordOnly(t *testing.T) {
	h := NewHasher(Options{Params: cheap})
	for _, plain := range []string{"", "secret", "pä55wörd 😀", "nul\x00byte", strings.Repeat("x", 100_000)} {
		hash, err := h.Hash(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseHash(hash.Reveal()); err != nil {
			t.Errorf("what was made is not what is read: %q", hash.Reveal())
		}
		if ok, outdated, err := h.Verify(t.Context(), hash, plain, false); !ok || outdated || err != nil {
			t.Errorf("its own password: ok %t, outdated %t, %v", ok, outdated, err)
		}
		for _, other := range []string{plain + " ", plain + "\x00", "Secret", "x"} {
			if ok, _, err := h.Verify(t.Context(), hash, other, false); ok || err != nil {
				t.Errorf("%.20q fits the hash of %.20q (%v)", other, plain, err)
			}
		}
		again, _ := h.Hash(t.Context(), plain)
		if again == hash {
			t.Error("the same hash twice: no salt")
		}
	}
}

func TestDefaultsAreOWASPs(t *testing.T) {
	h := NewHasher(Options{})
	hash, err := h.Hash(t.Context(), "x")
	if err != nil || !strings.HasPrefix(hash.Reveal(), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%q, %v", hash.Reveal(), err)
	}
	if want := max(1, runtime.GOMAXPROCS(0)/2); h.slots.unused != want || h.slots.limit != 32 {
		t.Errorf("%d slots, %d waiting", h.slots.unused, h.slots.limit)
	}
}

func TestVerifyHashesOfOthers(t *testing.T) {
	h := NewHasher(Options{Params: cheap})
	// Made by libxcrypt, which as the server of personal data accounts looks at 72
	// bytes, of 80 times "x".
	const longBcrypt = "$2a$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, tc := range []struct {
		name         string
		hash         Hash
		plain        string
		ok, outdated bool
	}{
		{"argon2id of other parameters", someArgon2id, "password", true, true},
		{"argon2id, wrong", someArgon2id, "Password", false, false},
		{"bcrypt", someBcrypt, "password", true, true},
		{"bcrypt 2b", "$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu", "password", true, true},
		{"bcrypt, wrong", someBcrypt, "passwore", false, false},
		{"bcrypt, empty", someBcrypt, "", false, false},
		{"bcrypt of 80 bytes", longBcrypt, x(80), true, false},
		{"bcrypt of 80 bytes, wrong behind the 72nd", longBcrypt, x(72) + "y", true, false},
		{"bcrypt of 80 bytes, all that bcrypt sees", longBcrypt, x(72), true, true},
		{"bcrypt of 80 bytes, wrong in the 72nd", longBcrypt, x(71) + "y" + x(8), false, false},
		{"bcrypt of 80 bytes, 71 of them", longBcrypt, x(71), false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ok, outdated, err := h.Verify(t.Context(), tc.hash, tc.plain, false)
			if ok != tc.ok || outdated != tc.outdated || err != nil {
				t.Errorf("ok %t, outdated %t, %v; want %t, %t", ok, outdated, err, tc.ok, tc.outdated)
			}
		})
	}
}

func TestOutdatedIsWhatHashMakesOtherwise(t *testing.T) {
	old := NewHasher(Options{Params: cheap})
	hash, err := old.Hash(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Params{{Memory: 16, Time: 1, Threads: 1}, {Memory: 8, Time: 2, Threads: 1}, {Memory: 16, Time: 1, Threads: 2}} {
		h := NewHasher(Options{Params: p})
		if ok, outdated, err := h.Verify(t.Context(), hash, "x", false); !ok || !outdated || err != nil {
			t.Errorf("%+v: ok %t, outdated %t, %v", p, ok, outdated, err)
		}
		if ok, outdated, _ := h.Verify(t.Context(), hash, "y", false); ok || outdated {
			t.Errorf("%+v, wrong password: ok %t, outdated %t", p, ok, outdated)
		}
	}
}

func TestDamagedHashIsAnErrorAndNoPassword(t *testing.T) {
	h := NewHasher(Options{Params: cheap})
	for _, damaged := range []Hash{"x", Hash(someArgon2id[:60]), Hash(someBcrypt[:59]), hidden, "$argon2id$v=19$m=8,t=1,p=1$$"} {
		if ok, outdated, err := h.Verify(t.Context(), damaged, "", true); ok || outdated || !errors.Is(err, ErrHash) {
			t.Errorf("ok %t, outdated %t, %v", ok, outdated, err)
		}
	}
}

// cost is what one derivation is asked to do.
type cost struct {
	time, memory uint32
	threads      uint8
	salt, key    int
}

func TestUnknownUserCostsWhatAKnownOneCosts(t *testing.T) {
	h := NewHasher(Options{Params: Params{Memory: 16, Time: 2, Threads: 1}})
	known, err := h.Hash(t.Context(), "right")
	if err != nil {
		t.Fatal(err)
	}
	var costs []cost
	derive := h.argon2id
	h.argon2id = func(plain, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
		costs = append(costs, cost{time, memory, threads, len(salt), int(keyLen)})
		return derive(plain, salt, time, memory, threads, keyLen)
	}
	h.bcrypt = func(_, _ []byte) error { t.Error("bcrypt"); return nil }

	work := func(hash Hash, plain string, want bool) []cost {
		costs = nil
		if ok, _, err := h.Verify(t.Context(), hash, plain, false); ok != want || err != nil {
			t.Fatalf("ok %t, %v", ok, err)
		}
		return costs
	}
	right, wrong, nobody := work(known, "right", true), work(known, "wrong", false), work("", "wrong", false)
	if len(right) != 1 || len(wrong) != 1 || len(nobody) != 1 {
		t.Fatalf("derivations: right %d, wrong %d, nobody %d; want one each", len(right), len(wrong), len(nobody))
	}
	if right[0] != wrong[0] || wrong[0] != nobody[0] {
		t.Errorf("right %+v, wrong %+v, nobody %+v", right[0], wrong[0], nobody[0])
	}
	work("", "", false)
}

// Even if the stand-in could be guessed.
func TestNobodyHasNoPassword(t *testing.T) {
	h := NewHasher(Options{Params: cheap})
	h.argon2id = func([]byte, []byte, uint32, uint32, uint8, uint32) []byte { return h.decoy.key }
	if ok, outdated, err := h.Verify(t.Context(), "", "whatever", true); ok || outdated || err != nil {
		t.Errorf("ok %t, outdated %t, %v", ok, outdated, err)
	}
}

func TestNewHasherPanicsForParametersThatAreNotRead(t *testing.T) {
	for _, p := range []Params{{Memory: 8, Time: 1}, {Memory: 8, Threads: 1}, {Memory: 7, Time: 1, Threads: 1}, {Memory: 64<<10 + 1, Time: 1, Threads: 1}, {Memory: 64 << 10, Time: 5, Threads: 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for %+v: it would make hashes that it refuses", p)
				}
			}()
			NewHasher(Options{Params: p})
		}()
	}
}

// The memory and the processors that sign-ins take are bounded by nothing else.
func TestWorkIsDoneInASlot(t *testing.T) {
	h := NewHasher(Options{Params: cheap, Slots: 3})
	worked := 0
	work := func() {
		if worked++; h.slots.unused != 2 {
			t.Errorf("%d slots unused, want 2", h.slots.unused)
		}
	}
	h.argon2id = func(_, _ []byte, _, _ uint32, _ uint8, keyLen uint32) []byte { work(); return make([]byte, keyLen) }
	h.bcrypt = func(_, _ []byte) error { work(); return errors.New("wrong") }
	if _, err := h.Hash(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	for _, hash := range []Hash{"", someArgon2id, someBcrypt} {
		if _, _, err := h.Verify(t.Context(), hash, "x", true); err != nil {
			t.Error(err)
		}
	}
	if worked != 4 || h.slots.unused != 3 {
		t.Errorf("worked %d times, %d slots unused afterwards", worked, h.slots.unused)
	}
}

// A panic in the middle of a hash must not cost a slot.
func TestPanicGivesTheSlotBack(t *testing.T) {
	h := NewHasher(Options{Params: cheap, Slots: 1})
	derive := h.argon2id
	h.argon2id = func([]byte, []byte, uint32, uint32, uint8, uint32) []byte { panic("x") }
	func() {
		defer func() { _ = recover() }()
		h.Hash(t.Context(), "x") //nolint:errcheck // it panics
	}()
	h.argon2id = derive
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("hashed for a caller that is gone: %v", err)
	}
	if _, err := h.Hash(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if h.slots.unused != 1 {
		t.Errorf("%d slots unused", h.slots.unused)
	}
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher(Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "correct horse battery staple"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	h := NewHasher(Options{})
	argon2id, err := h.Hash(b.Context(), "correct horse battery staple")
	if err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name string
		hash Hash
	}{
		{"argon2id", argon2id},
		{"nobody", ""},
		{"bcrypt of cost 12", "$2a$12$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := h.Verify(b.Context(), bc.hash, "wrong", false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyParallel tells what a hasher does when more ask than it takes.
func BenchmarkVerifyParallel(b *testing.B) {
	h := NewHasher(Options{})
	var busy atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := h.Verify(b.Context(), "", "wrong", false); errors.Is(err, ErrBusy) {
				busy.Add(1)
			}
		}
	})
	b.ReportMetric(float64(busy.Load())/float64(b.N), "busy/op")
}
