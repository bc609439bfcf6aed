package caddymodule

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// StoreModule is a guest module in the namespace gatehouse.stores.
type StoreModule interface {
	// Key identifies the store, whatever its other options: two configurations
	// that lead to the same data have the same key.
	Key() string
	// Options is compared when a reload finds the store open.
	Options() string
	// Open opens the driver. It is called at the first need, never while a
	// configuration is only checked.
	Open(logger *slog.Logger) (tokenstore.Driver, error)
	// MasterKeyFile is where a master key is made that no option names.
	MasterKeyFile() string
}

// usageInterval is how often last uses are written.
const usageInterval = 30 * time.Second

// stores holds the open stores of the process: a reload provisions the new
// configuration before the old one is cleaned up, and Badger's directory can be
// open only once.
var stores = caddy.NewUsagePool()

// pooledStore is a store that opens at its first use and closes when no
// configuration refers to it any more. It outlives configurations, so it takes
// nothing of theirs: no context, no logger, no registry.
type pooledStore struct {
	module StoreModule

	// Guarded by the lock of the module's key.
	closed  bool
	backend *schemes.Backend
	stop    func()
}

// directories serialises opening and closing by store. Destruct runs after the
// pool has forgotten the key, so a new entry of the same key may want to open
// while the old one still closes: the lock is taken before the pool forgets.
var directories sync.Map // key -> *sync.Mutex

func lockOf(key string) *sync.Mutex {
	lock, _ := directories.LoadOrStore(key, new(sync.Mutex))
	return lock.(*sync.Mutex)
}

// open returns the open store. After a failure the next call tries again.
func (p *pooledStore) open() (*schemes.Backend, error) {
	lock := lockOf(p.module.Key())
	lock.Lock()
	defer lock.Unlock()
	if p.closed {
		return nil, tokenstore.ErrClosed
	}
	if p.backend != nil {
		return p.backend, nil
	}
	logger := newProcessLog("gatehouse.store")
	pool, err := keyring.NewPool(keyring.PoolOptions{Logger: newProcessLog("gatehouse.issuer")})
	if err != nil {
		return nil, err
	}
	driver, err := p.module.Open(logger)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	store := tokenstore.New(driver, tokenstore.Options{})
	backend := &schemes.Backend{
		Store: store, Identities: schemes.NewIdentityCache(store, 0), Limiter: schemes.NewLimiter(0, nil),
		Issuers: schemes.NewIssuers(store, pool, newProcessLog("gatehouse.issuer")), Parts: new(schemes.Parts),
	}

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	report := func(err error) {
		logger.Error("maintaining the store; it is tried again", "error", err)
	}
	running.Go(func() { store.Maintain(ctx, usageInterval, report) })
	running.Go(func() { store.Follow(ctx, report) })
	p.stop = func() {
		cancel()
		running.Wait()
	}
	p.backend = backend
	return backend, nil
}

// Destruct implements caddy.Destructor. It is called by release, which holds the
// lock.
func (p *pooledStore) Destruct() error {
	p.closed = true
	if p.backend == nil {
		return nil
	}
	p.stop()
	p.backend.Parts.Close()
	p.backend.Issuers.Close()
	p.backend.Identities.Close()
	return p.backend.Store.Close()
}

// storeRef is one configuration's hold on a pooled store.
type storeRef struct {
	key  string
	pool *pooledStore
	once sync.Once
}

// holdStore takes a reference, without opening anything.
func holdStore(module StoreModule, logger *zap.Logger) (*storeRef, error) {
	value, loaded, err := stores.LoadOrNew(module.Key(), func() (caddy.Destructor, error) {
		return &pooledStore{module: module}, nil
	})
	if err != nil {
		return nil, err
	}
	pool := value.(*pooledStore)
	if loaded && pool.module.Options() != module.Options() {
		logger.Warn("the store is open with other options; the new ones take effect after a restart",
			zap.String("store", module.Key()))
	}
	return &storeRef{key: module.Key(), pool: pool}, nil
}

// release gives the reference back, once, however often it is called: an
// unmatched Delete would release somebody else's.
func (r *storeRef) release() (err error) {
	r.once.Do(func() {
		lock := lockOf(r.key)
		lock.Lock()
		defer lock.Unlock()
		_, err = stores.Delete(r.key)
	})
	return err
}

// masterKey returns the key made in the store's folder, and makes it if need be.
func masterKey(module StoreModule, logger *zap.Logger) (*secret.Sealer, error) {
	path := module.MasterKeyFile()
	lock := lockOf(path)
	lock.Lock()
	defer lock.Unlock()
	sealer, created, err := secret.LoadOrCreateMasterKey(path)
	if err != nil {
		return nil, fmt.Errorf("loading the master key: %w", err)
	}
	if created {
		logger.Warn("made a master key in the store's folder; whoever copies the folder has both: name a key elsewhere with the option master_key",
			zap.String("file", path))
	}
	return sealer, nil
}
