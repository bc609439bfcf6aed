package schemes

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Issuers are the foreign issuers that federation policies of a store name, realm by
// realm, with their keys. It follows the store's changes: the keys of an issuer are
// fetched from when a policy of a realm that is followed names it until the last one,
// or the last who follows such a realm, is gone. Nothing that a token says causes a
// fetch, and no token costs a read of the store for its issuer as long as its realm is
// followed and no recipient of it changes.
//
// Who is recognised is the store's to say, at each look-up. What is remembered here
// only chooses the keys, so that an old answer can refuse, but never let in.
type Issuers struct {
	store  *tokenstore.Store
	pool   *keyring.Pool
	logger *slog.Logger

	unsubscribe func()
	stop        context.CancelFunc
	running     sync.WaitGroup
	changed     chan struct{} // wakes run; holds one signal

	loading sync.Mutex // held while one realm is read or let go and the pool brought in line

	mu       sync.RWMutex
	realms   map[string]*realmIssuers // that are followed
	reported time.Time
}

// realmIssuers is what the policies of a realm name, as of some time.
type realmIssuers struct {
	followers int                    // at least 1
	named     map[string]namedIssuer // replaced, never changed
	// changes counts those of the realm; read is the count as of which named was read.
	changes, read uint64
}

type namedIssuer struct {
	jwks      string
	audiences []string
}

// NewIssuers returns the issuers of a store, which follows no realm yet. Close closes the
// pool too. A nil logger discards.
func NewIssuers(store *tokenstore.Store, pool *keyring.Pool, logger *slog.Logger) *Issuers {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	i := &Issuers{
		store: store, pool: pool, logger: logger, stop: stop,
		changed: make(chan struct{}, 1), realms: make(map[string]*realmIssuers),
	}
	i.unsubscribe = store.Subscribe(i)
	i.running.Go(func() { i.run(ctx) })
	return i
}

// Close ends all fetches and waits for them. No token is verified afterwards.
func (i *Issuers) Close() {
	i.unsubscribe()
	i.stop()
	i.running.Wait()
	i.pool.Close()
}

// Follow keeps the issuers of realms in the background, so that their keys are there
// when the first token comes, until release is called. Several may follow a realm, as
// two configurations do during a reload: it is let go with the last of them, and the
// keys of issuers that only its policies name are not fetched any more.
func (i *Issuers) Follow(realms ...string) (release func()) {
	i.mu.Lock()
	for _, realm := range realms {
		entry := i.realms[realm]
		if entry == nil {
			entry = &realmIssuers{changes: 1} // to be read
			i.realms[realm] = entry
		}
		entry.followers++
	}
	i.mu.Unlock()
	i.wake()
	return sync.OnceFunc(func() { i.letGo(realms) })
}

func (i *Issuers) letGo(realms []string) {
	i.loading.Lock()
	defer i.loading.Unlock()
	i.mu.Lock()
	var old []map[string]namedIssuer
	for _, realm := range realms {
		entry := i.realms[realm]
		if entry.followers--; entry.followers == 0 {
			delete(i.realms, realm)
			old = append(old, entry.named)
		}
	}
	i.mu.Unlock()
	for _, named := range old {
		i.drop(named)
	}
}

// Invalidate implements tokenstore.Subscriber.
func (i *Issuers) Invalidate(topic tokenstore.Topic, _ tokenstore.Revision) {
	i.mu.Lock()
	for realm, entry := range i.realms {
		if topic.Realm == "" || topic.Realm == realm {
			entry.changes++
		}
	}
	i.mu.Unlock()
	i.wake()
}

func (i *Issuers) wake() {
	select {
	case i.changed <- struct{}{}:
	default:
	}
}

// run brings the pool in line with the store after changes.
func (i *Issuers) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.changed:
		}
		for _, realm := range i.behind() {
			if _, err := i.load(ctx, realm); err != nil && ctx.Err() == nil {
				i.logger.Warn("reading the issuers of federation policies; it is tried again with the next token", "realm", realm, "error", err)
			}
		}
	}
}

// behind lists the realms that changed since they were read.
func (i *Issuers) behind() []string {
	i.mu.RLock()
	defer i.mu.RUnlock()
	var realms []string
	for realm, entry := range i.realms {
		if entry.read != entry.changes {
			realms = append(realms, realm)
		}
	}
	return realms
}

// Check tells what is wrong with the addresses of an issuer, without a fetch.
func (i *Issuers) Check(issuer, jwks string) error { return i.pool.Check(issuer, jwks) }

// Generation is keyring.Pool's: who remembers what Verify said must remember it with
// this number as it was before.
func (i *Issuers) Generation() uint64 { return i.pool.Generation() }

// Verified is a token that an issuer of a realm's policies signed.
type Verified struct {
	Claims keyring.Claims
	// KeysUntil is until when the keys that verified it may be used; zero: nothing
	// of it may be remembered.
	KeysUntil time.Time
}

// Verify verifies a token that says it is of an issuer. known is false, without an
// error, if no policy of the realm names the issuer. The errors are
// keyring.ErrInvalidToken and keyring.ErrUnavailable, which it is too if nobody follows
// the realm; any other means that the store could not tell.
func (i *Issuers) Verify(ctx context.Context, realm, issuer, token string) (verified Verified, known bool, err error) {
	named, err := i.namedIn(ctx, realm)
	if err != nil {
		return Verified{}, false, err
	}
	source, known := named[issuer]
	if !known {
		return Verified{}, false, nil
	}
	keys, ok := i.pool.Find(issuer, source.jwks)
	if !ok {
		return Verified{}, true, keyring.ErrUnavailable // not followed, or the pool is full or closed
	}
	claims, err := keys.VerifyFor(ctx, token, source.audiences)
	return Verified{claims, keys.KeysUntil()}, true, err
}

// namedIn returns the issuers that policies of a realm name.
func (i *Issuers) namedIn(ctx context.Context, realm string) (map[string]namedIssuer, error) {
	if named, ok := i.remembered(realm); ok {
		return named, nil
	}
	return i.load(ctx, realm)
}

func (i *Issuers) remembered(realm string) (named map[string]namedIssuer, ok bool) {
	if !i.store.Fresh() {
		return nil, false
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	entry := i.realms[realm]
	if entry == nil || entry.read != entry.changes {
		return nil, false
	}
	return entry.named, true
}

// issuerBatch is how many issuers are read at a time.
const issuerBatch = 1000

// load reads the issuers of a realm and, if the realm is followed, has the pool hold
// them and drop those that no realm names any more.
func (i *Issuers) load(ctx context.Context, realm string) (map[string]namedIssuer, error) {
	i.loading.Lock()
	defer i.loading.Unlock()
	if named, ok := i.remembered(realm); ok {
		return named, nil // another caller was faster
	}
	i.mu.RLock()
	entry := i.realms[realm] // the same until loading is unlocked
	var before uint64
	if entry != nil {
		before = entry.changes // what changes from now on makes it old again
	}
	i.mu.RUnlock()
	named, err := i.read(ctx, realm)
	if err != nil || entry == nil {
		return named, err
	}
	for issuer, source := range named {
		if _, err := i.pool.Get(issuer, source.jwks); err != nil {
			i.logger.Error("an issuer of a federation policy cannot be used; its tokens are refused", "realm", realm, "issuer", issuer, "error", err)
		}
	}
	i.mu.Lock()
	old := entry.named
	entry.named, entry.read = named, before
	i.mu.Unlock()
	i.drop(old)
	return named, nil
}

// read returns what the store says of a realm.
func (i *Issuers) read(ctx context.Context, realm string) (map[string]namedIssuer, error) {
	named := make(map[string]namedIssuer)
	for after := ""; ; {
		found, next, err := i.store.Issuers(ctx, realm, after, issuerBatch)
		if err != nil {
			return nil, err
		}
		for issuer, record := range found {
			named[issuer] = namedIssuer{record.JWKS, record.AudienceList()}
		}
		if next == "" {
			return named, nil
		}
		after = next
	}
}

// drop has the pool drop those of the issuers that no realm names any more. It is
// called with loading held, so that none is named meanwhile.
func (i *Issuers) drop(old map[string]namedIssuer) {
	for issuer, source := range old {
		if !i.namesAny(issuer, source.jwks) {
			i.pool.Drop(issuer, source.jwks)
		}
	}
}

// namesAny tells whether any realm names an issuer with its keys there.
func (i *Issuers) namesAny(issuer, jwks string) bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	for _, entry := range i.realms {
		if source, ok := entry.named[issuer]; ok && source.jwks == jwks {
			return true
		}
	}
	return false
}

// reportEvery bounds what is logged of tokens: whoever has one can send it as often
// as it likes.
const reportEvery = time.Minute

// Report logs why the tokens of an issuer are refused that an operator must see to,
// at most once a minute.
func (i *Issuers) Report(realm, issuer string, err error) {
	now := i.store.Now()
	i.mu.Lock()
	due := i.reported.IsZero() || now.Sub(i.reported) >= reportEvery || now.Before(i.reported)
	if due {
		i.reported = now
	}
	i.mu.Unlock()
	if due {
		i.logger.Warn("a token of a foreign issuer is refused", "realm", realm, "issuer", issuer, "error", err)
	}
}
