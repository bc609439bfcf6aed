package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"regexp"
	"runtime"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Params say how much an argon2id hash costs (RFC 9106).
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes over the memory
	Threads uint8
}

// DefaultParams are what OWASP's Password Storage Cheat Sheet recommends.
var DefaultParams = Params{Memory: defaultMemory, Time: defaultTime, Threads: 1}

const (
	defaultMemory = 19 << 10 // KiB
	defaultTime   = 2
)

func (p Params) valid() bool {
	return p.Time >= 1 && p.Time <= maxTime && p.Threads >= 1 && p.Threads <= maxThreads &&
		p.Memory >= memoryEachThread*uint32(p.Threads) && p.Memory <= maxMemory && p.Memory*p.Time <= maxWork
}

const (
	saltLen = 16
	keyLen  = 32

	// DefaultWaiting is how many callers may wait in each lane.
	DefaultWaiting = 32

	// bcryptLen is how much of a password bcrypt looks at, in bytes.
	bcryptLen = 72
)

// bcryptForm allows costs of 4 to 14: 14 is about a second.
var bcryptForm = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$`)

func isBcrypt(text string) bool { return bcryptForm.MatchString(text) }

// Options say how much a Hasher may take.
type Options struct {
	// Slots is how many passwords are hashed at a time; below 1 it is half of
	// GOMAXPROCS, at least one. Slots times the memory of a hash is the memory bound.
	Slots int
	// Waiting is how many callers may wait in each lane; below 1 it is
	// DefaultWaiting.
	Waiting int
	// Params are those of new hashes; the zero Params mean DefaultParams.
	Params Params
}

// Hasher hashes and verifies passwords, a few at a time. A hash takes some tens of
// milliseconds of one processor and cannot be interrupted. The slots leave half of the
// processors to everything else, so that sign-ins, however many, do not starve the
// calls that are proxied. On a single processor they share it, in turns of 10 ms, and
// every call waits for some of those. All work is done in the goroutine of the caller. All methods may be called concurrently.
type Hasher struct {
	params Params
	slots  *slots
	decoy  phc // what nobody's password is compared with

	// For tests, which count the calls.
	argon2id func(plain, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
	bcrypt   func(hash, plain []byte) error
}

// NewHasher returns a hasher. It panics for Params that a stored hash may not have.
func NewHasher(o Options) *Hasher {
	if o.Slots < 1 {
		o.Slots = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Waiting < 1 {
		o.Waiting = DefaultWaiting
	}
	if o.Params == (Params{}) {
		o.Params = DefaultParams
	}
	if !o.Params.valid() {
		panic("password: parameters out of bounds")
	}
	return &Hasher{
		params:   o.Params,
		slots:    newSlots(o.Slots, o.Waiting),
		decoy:    phc{Params: o.Params, salt: random(saltLen), key: random(keyLen)},
		argon2id: argon2.IDKey,
		bcrypt:   bcrypt.CompareHashAndPassword,
	}
}

// Hash hashes a new password with the present parameters. It waits in the lane of
// trusted callers: whoever sets a password has been recognised. Errors are ErrBusy and
// those of ctx.
func (h *Hasher) Hash(ctx context.Context, plain string) (Hash, error) {
	if err := h.slots.take(ctx, true); err != nil {
		return "", err
	}
	defer h.slots.free()
	made := phc{Params: h.params, salt: random(saltLen)}
	made.key = h.derive(made, plain, keyLen)
	return made.hash(), nil
}

// Verify tells whether plain is the password of hash. The empty hash, for callers that
// know no such user, costs what a hash of the present parameters costs, and is never ok. After an ok,
// outdated says that the hash was made otherwise than Hash would now, and that the
// caller should store a new one of the same password.
//
// Trusted callers wait in a lane of their own, which gets every other turn: strangers,
// however many, keep them waiting for one hash, and never out. Errors are ErrBusy (too
// many wait already), those of ctx, which counts while waiting, and ErrHash.
func (h *Hasher) Verify(ctx context.Context, hash Hash, plain string, trusted bool) (ok, outdated bool, err error) {
	if isBcrypt(hash.Reveal()) {
		return h.verifyBcrypt(ctx, hash, plain, trusted)
	}
	want := h.decoy
	if !hash.IsZero() {
		if want, err = parsePHC(hash.Reveal()); err != nil {
			return false, false, err
		}
	}
	if err := h.slots.take(ctx, trusted); err != nil {
		return false, false, err
	}
	defer h.slots.free()
	got := h.derive(want, plain, uint32(len(want.key)))
	same := subtle.ConstantTimeCompare(got, want.key) == 1
	ok = same && !hash.IsZero()
	return ok, ok && (want.Params != h.params || len(want.salt) != saltLen || len(want.key) != keyLen), nil
}

// verifyBcrypt looks at the first 72 bytes of a password, as the server did that the
// hash comes from. A longer password is therefore not known whole: it is not outdated,
// since hashing what was typed now might fix a typing error behind them.
func (h *Hasher) verifyBcrypt(ctx context.Context, hash Hash, plain string, trusted bool) (ok, outdated bool, err error) {
	if err := h.slots.take(ctx, trusted); err != nil {
		return false, false, err
	}
	defer h.slots.free()
	ok = h.bcrypt([]byte(hash), []byte(plain[:min(len(plain), bcryptLen)])) == nil
	return ok, ok && len(plain) <= bcryptLen, nil
}

func (h *Hasher) derive(of phc, plain string, keyLen uint32) []byte {
	return h.argon2id([]byte(plain), of.salt, of.Time, of.Memory, of.Threads, keyLen)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return b
}
