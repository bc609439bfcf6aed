package schemes

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// KeyKeeper keeps the keys of a site's foreign issuers in the store, so that a restart needs
// none of them, and has them fetched in the background. All methods may be called
// concurrently.
type KeyKeeper struct {
	logger    *slog.Logger
	store     atomic.Pointer[tokenstore.Store] // nil until it is open
	restoring sync.Mutex
	restored  atomic.Bool
}

// NewKeyKeeper returns a keeper. A nil logger means none.
func NewKeyKeeper(logger *slog.Logger) *KeyKeeper {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &KeyKeeper{logger: logger}
}

// Of is what keeps the keys of one issuer. The source says where they come from: keys of
// another one are never taken for its.
func (k *KeyKeeper) Of(source string) keyring.Keeper { return keptKeys{k, source} }

// Restore takes the kept keys of all issuers, once. It is called by whoever needs them first:
// Caddy may let requests in before a scheme is started.
func (k *KeyKeeper) Restore(ctx context.Context, store *tokenstore.Store, issuers ...*keyring.Issuer) {
	if k.restored.Load() {
		return
	}
	k.restoring.Lock()
	defer k.restoring.Unlock()
	if k.restored.Load() {
		return
	}
	k.store.Store(store)
	for _, issuer := range issuers {
		if err := issuer.Restore(ctx); err != nil {
			if ctx.Err() != nil {
				return // the next one tries again
			}
			k.logger.Warn("the kept keys of an issuer are not used; they are fetched", "error", err)
		}
	}
	k.restored.Store(true)
}

// Start fetches the keys in the background, until stop is called; that waits.
func (k *KeyKeeper) Start(store *tokenstore.Store, issuers ...*keyring.Issuer) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		k.Restore(ctx, store, issuers...) // before Run saves what it fetched
		for _, issuer := range issuers {
			running.Go(func() { issuer.Run(ctx) })
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// keptKeys are those of one source.
type keptKeys struct {
	keeper *KeyKeeper
	source string
}

var errNoStore = errors.New("the store is not open")

// Load implements keyring.Keeper.
func (k keptKeys) Load(ctx context.Context) (document []byte, fetched time.Time, err error) {
	store := k.keeper.store.Load()
	if store == nil {
		return nil, time.Time{}, errNoStore
	}
	kept, err := store.KeptKeysOf(ctx, k.source)
	if errors.Is(err, tokenstore.ErrNotFound) {
		return nil, time.Time{}, nil
	}
	return kept.Document, kept.FetchedAt, err
}

// Save implements keyring.Keeper.
func (k keptKeys) Save(ctx context.Context, document []byte, fetched time.Time) error {
	store := k.keeper.store.Load()
	if store == nil {
		return errNoStore
	}
	return store.KeepKeys(ctx, k.source, tokenstore.KeptKeys{Document: document, FetchedAt: fetched})
}
