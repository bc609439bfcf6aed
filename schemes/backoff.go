package schemes

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// The waiting times of Backoff.
const (
	backoffLongest = 15 * time.Minute
	backoffForgets = time.Hour // after the last failure

	// pressureFailures of an account within pressureWindow are what people do
	// themselves; more are an attack.
	pressureFailures = 20
	pressureWindow   = 15 * time.Minute
)

// allowance says how many failures are free, and how long to wait after the last of
// them. Every further failure doubles that.
type allowance struct {
	free  int
	first time.Duration
}

var (
	usualAllowance    = allowance{free: 5, first: time.Second}
	pressureAllowance = allowance{free: 1, first: 30 * time.Second}
	// widerAllowance is that of an IPv6 /48: one customer at some providers, many at others.
	widerAllowance = allowance{free: 30, first: time.Second}
)

// BackoffKey is what failed sign-ins are counted by.
type BackoffKey struct {
	Realm string
	// Account is its id, whatever name was tried: else every invented one would begin with
	// no failures.
	Account string
	// Network is where the call comes from, as NetworkOf says it.
	Network string
}

// Backoff counts failed sign-ins, and says how long to wait before the next. It
// outlives configurations, so that a reload forgives nothing; a restart does.
//
// Two counts must both allow an attempt: that of its network, whatever account it was
// for, and that of the network with this account. In each, five failures are free; then
// the wait is a second, and doubles to a quarter of an hour; an hour without a failure
// forgets all. Attempts that nobody has ended yet count as failures, so a thousand
// guesses at once are five. A success takes back what its own account's failures
// counted, and no more: with an account of one's own one cannot clear the way to
// another.
//
// Of IPv6, the wider network counts too, as WiderNetwork says it, whatever account an
// attempt was for: else one customer with a /48 would be 65,536 networks. There, thirty
// failures are free, for it can be many customers.
//
// An account with more than 20 failures in a quarter of an hour, from wherever, is
// under pressure: a network that it does not know has one free failure, and then waits
// from 30 seconds upwards. That slows down those who come from many networks. It does
// not stop those who come from very many, for an attempt from a network without
// failures is never refused, if its wider network has none either; and one from a
// network that the account knows is refused for the failures of that network at that
// account alone. So nobody can keep an owner out without sharing a network with that
// owner, or, where the account was not signed in to from of late, a wider network.
//
// It is bounded: of the networks, of the wider ones, of the accounts, and of the pairs
// of account and network, the 50,000 that were last tried are counted (some 75 MB at the
// very most). To have its own count forgotten, an attack must fail from 50,000 other
// networks: a refused attempt adds nothing to what is counted, and keeps its own counts
// from being forgotten; and one network can add five pairs before it must wait. Whoever
// has so many networks has five free guesses with each anyway, and gains nothing that
// going round did not give.
//
// All methods may be called concurrently.
type Backoff struct {
	now   func() time.Time
	start time.Time // all moments below are counted from here

	mu       sync.Mutex
	networks *simplelru.LRU[BackoffKey, *attempts] // without an account
	wider    *simplelru.LRU[BackoffKey, *attempts] // likewise
	pairs    *simplelru.LRU[BackoffKey, *attempts]
	accounts *simplelru.LRU[BackoffKey, *attempts] // without a network
}

// attempts are those of one key.
type attempts struct {
	failures int // since the last pause of backoffForgets
	running  int
	failed   time.Duration // when the last failure was
	begun    time.Duration // when the last attempt began

	// recent are the last failures within pressureWindow, oldest first; only of
	// accounts, and not more than tell of pressure.
	recent []time.Duration
}

// DefaultBackoffCapacity is how many networks, wider networks, accounts and pairs are
// counted, each.
const DefaultBackoffCapacity = 50_000

// NewBackoff returns a Backoff. A capacity below 1 means the default, a nil clock
// time.Now.
func NewBackoff(capacity int, now func() time.Time) *Backoff {
	if capacity < 1 {
		capacity = DefaultBackoffCapacity
	}
	if now == nil {
		now = time.Now
	}
	counts := func() *simplelru.LRU[BackoffKey, *attempts] {
		lru, err := simplelru.NewLRU[BackoffKey, *attempts](capacity, nil)
		if err != nil {
			panic(err) // only for a size below 1
		}
		return lru
	}
	return &Backoff{now: now, start: now(), networks: counts(), wider: counts(), pairs: counts(), accounts: counts()}
}

// Attempt asks, before the password is looked at, whether there may be an attempt now.
// known says that the account was signed in to from this network before. If ok, the
// attempt counts as a failure until Failed, Succeeded or Dropped ends it, of which
// exactly one must be called; else retryAfter says when to try again, in whole seconds.
func (b *Backoff) Attempt(key BackoffKey, known bool) (retryAfter time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now().Sub(b.start)
	allow := usualAllowance
	if !known && look(b.accounts, key.account(), now).pressed(now) {
		allow = pressureAllowance
	}
	wait := look(b.pairs, key, now).wait(now, allow)
	if !known {
		wait = max(wait, look(b.networks, key.network(), now).wait(now, usualAllowance))
		if wider, ok := key.wider(); ok {
			wait = max(wait, look(b.wider, wider, now).wait(now, widerAllowance))
		}
	}
	if wait > 0 {
		return (wait + time.Second - 1).Truncate(time.Second), false
	}
	for _, a := range b.counted(key, now) {
		a.running++
		a.begun = now
	}
	return 0, true
}

// Failed ends an attempt whose password was wrong.
func (b *Backoff) Failed(key BackoffKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now().Sub(b.start)
	for _, a := range b.counted(key, now) {
		a.running = max(a.running-1, 0)
		a.failures++
		a.failed = now
	}
	account, _ := b.accounts.Peek(key.account())
	if len(account.recent) > pressureFailures {
		account.recent = slices.Delete(account.recent, 0, 1)
	}
	account.recent = append(account.recent, now)
}

// Succeeded ends an attempt whose password was right.
func (b *Backoff) Succeeded(key BackoffKey) { b.ended(key, true) }

// Dropped ends an attempt that came to no verdict: the caller went away, or something
// of ours failed.
func (b *Backoff) Dropped(key BackoffKey) { b.ended(key, false) }

func (b *Backoff) ended(key BackoffKey, forgive bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now().Sub(b.start)
	for _, a := range b.counted(key, now) {
		a.running = max(a.running-1, 0)
	}
	pair, _ := b.pairs.Peek(key)
	network, _ := b.networks.Peek(key.network())
	wider, isWider := key.wider()
	if forgive {
		network.failures = max(network.failures-pair.failures, 0)
		if isWider {
			around, _ := b.wider.Peek(wider)
			around.failures = max(around.failures-pair.failures, 0)
		}
		pair.failures = 0
	}
	// Those who mean well do not push attackers out of what is counted.
	forget(b.pairs, key)
	forget(b.networks, key.network())
	if isWider {
		forget(b.wider, wider)
	}
	forget(b.accounts, key.account())
}

// counted returns the attempts of a network, of a pair, of an account, and of the wider
// network if there is one, and makes room for them if need be.
func (b *Backoff) counted(key BackoffKey, now time.Duration) []*attempts {
	all := append(make([]*attempts, 0, 4),
		obtain(b.networks, key.network(), now),
		obtain(b.pairs, key, now),
		obtain(b.accounts, key.account(), now),
	)
	if wider, ok := key.wider(); ok {
		all = append(all, obtain(b.wider, wider, now))
	}
	return all
}

func (k BackoffKey) network() BackoffKey { return BackoffKey{Realm: k.Realm, Network: k.Network} }
func (k BackoffKey) account() BackoffKey { return BackoffKey{Realm: k.Realm, Account: k.Account} }

// wider is the network around the network, if that is another one.
func (k BackoffKey) wider() (BackoffKey, bool) {
	wider := WiderNetwork(k.Network)
	return BackoffKey{Realm: k.Realm, Network: wider}, wider != k.Network
}

// look returns the attempts of a key, or nil. Looking is enough for them not to be
// forgotten.
func look(counts *simplelru.LRU[BackoffKey, *attempts], key BackoffKey, now time.Duration) *attempts {
	a, _ := counts.Get(key)
	if a != nil {
		a.age(now)
	}
	return a
}

func obtain(counts *simplelru.LRU[BackoffKey, *attempts], key BackoffKey, now time.Duration) *attempts {
	a := look(counts, key, now)
	if a == nil {
		a = new(attempts)
		counts.Add(key, a)
	}
	return a
}

// forget removes attempts of which none failed or is running.
func forget(counts *simplelru.LRU[BackoffKey, *attempts], key BackoffKey) {
	if a, _ := counts.Peek(key); a != nil && a.failures == 0 && a.running == 0 {
		counts.Remove(key)
	}
}

// age forgets what is over: also attempts that nobody ended, which a panic can leave.
func (a *attempts) age(now time.Duration) {
	a.failed, a.begun = min(a.failed, now), min(a.begun, now) // if the clock was set back
	if now-a.failed >= backoffForgets {
		a.failures = 0
	}
	if now-a.begun >= backoffForgets {
		a.running = 0
	}
	over := 0
	for over < len(a.recent) && now-a.recent[over] >= pressureWindow {
		over++
	}
	a.recent = slices.Delete(a.recent, 0, over)
}

// pressed tells whether an account is under pressure.
func (a *attempts) pressed(now time.Duration) bool {
	return a != nil && len(a.recent)+a.running > pressureFailures
}

// wait tells how long the next attempt has to wait; 0 or less is not at all.
func (a *attempts) wait(now time.Duration, allow allowance) time.Duration {
	if a == nil || a.failures+a.running < allow.free {
		return 0
	}
	last := a.failed
	if a.running > 0 {
		last = now
	}
	return last + allow.delay(a.failures+a.running) - now
}

// delay is how long to wait after so many failures.
func (l allowance) delay(failures int) time.Duration {
	doublings := min(failures-l.free, 20)
	return min(l.first<<doublings, backoffLongest)
}
