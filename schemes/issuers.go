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
// fetched from when a policy names it until the last one is gone. Nothing that a
// token says causes a fetch, and no token costs a read of the store for its issuer
// as long as no recipient of its realm changes.
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

	loading sync.Mutex // held while one realm is read and the pool brought in line

	mu       sync.RWMutex
	realms   map[string]*realmIssuers
	reported time.Time
}

// realmIssuers is what the policies of a realm name, as of some time.
type realmIssuers struct {
	named map[string]namedIssuer // replaced, never changed
	// changes counts those of the realm; read is the count as of which named was read.
	changes, read uint64
}

type namedIssuer struct {
	jwks      string
	audiences []string
}

// NewIssuers returns the issuers of a store, without any realm yet. Close closes the
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

// Follow begins to keep the issuers of a realm in the background, so that their keys
// are there when the first token comes. To follow a realm twice does nothing.
func (i *Issuers) Follow(realm string) {
	i.mu.Lock()
	i.realm(realm)
	i.mu.Unlock()
	i.wake()
}

// realm returns the entry of a realm; an unknown one begins as changed.
func (i *Issuers) realm(realm string) *realmIssuers {
	entry := i.realms[realm]
	if entry == nil {
		entry = &realmIssuers{changes: 1}
		i.realms[realm] = entry
	}
	return entry
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
// keyring.ErrInvalidToken and keyring.ErrUnavailable; any other means that the store
// could not tell.
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
		return Verified{}, true, keyring.ErrUnavailable // the pool is full, or closed
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

// load reads the issuers of a realm, and has the pool hold them and drop those that
// no realm names any more.
func (i *Issuers) load(ctx context.Context, realm string) (map[string]namedIssuer, error) {
	i.loading.Lock()
	defer i.loading.Unlock()
	if named, ok := i.remembered(realm); ok {
		return named, nil // another caller was faster
	}
	i.mu.Lock()
	before := i.realm(realm).changes // what changes from now on makes it old again
	i.mu.Unlock()

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
			break
		}
		after = next
	}
	for issuer, source := range named {
		if _, err := i.pool.Get(issuer, source.jwks); err != nil {
			i.logger.Error("an issuer of a federation policy cannot be used; its tokens are refused", "realm", realm, "issuer", issuer, "error", err)
		}
	}
	i.mu.Lock()
	entry := i.realm(realm)
	old := entry.named
	entry.named, entry.read = named, before
	var gone []string
	for issuer, source := range old {
		if !i.namesAny(issuer, source.jwks) {
			gone = append(gone, issuer)
		}
	}
	i.mu.Unlock()
	for _, issuer := range gone {
		i.pool.Drop(issuer, old[issuer].jwks)
	}
	return named, nil
}

// namesAny tells whether any realm names an issuer with its keys there.
func (i *Issuers) namesAny(issuer, jwks string) bool {
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
