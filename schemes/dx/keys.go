package dx

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// issuers are those whose tokens a site takes, with their keys.
type issuers struct {
	aaa      *keyring.Issuer
	keycloak *keyring.Issuer // nil if its tokens are not taken
	settings uint64          // of what, beside the keys, decides who a token is
	logger   *slog.Logger

	store     atomic.Pointer[tokenstore.Store] // for the kept keys; nil until it is open
	restoring sync.Mutex
	restored  atomic.Bool
}

// newIssuers reads keys from a file, if that is where they are, and touches neither network
// nor store. The errors name the option.
func newIssuers(c *Config, now func() time.Time) (*issuers, error) {
	i := &issuers{settings: c.settings(), logger: c.Logger}
	if i.logger == nil {
		i.logger = slog.New(slog.DiscardHandler)
	}
	aaa := keyring.IssuerConfig{
		Issuer: c.Issuer, FoldIssuer: true, AudiencePerCall: true, Algorithms: []string{"ES256"},
		JWKS: c.Keys.JWKS, Certificate: c.Keys.Certificate, File: c.Keys.File,
		// Tokens name no key, and every key set calls its one key the same.
		IgnoreKeyIDs: true, Overlap: c.KeyOverlap, NoRedirects: true,
		Now: now, Logger: i.logger,
	}
	switch {
	case c.Keys.JWKS != "":
		aaa.Keep = keeper{i, "jwks " + c.Keys.JWKS}
	case c.Keys.Certificate != "":
		aaa.Keep = keeper{i, "certificate " + c.Keys.Certificate}
	}
	var err error
	if i.aaa, err = keyring.NewIssuer(aaa); err != nil {
		return nil, optionError{c.Keys.option(), err}
	}
	if k := c.Keycloak; k != nil {
		i.keycloak, err = keyring.NewIssuer(keyring.IssuerConfig{
			Issuer: k.Issuer, Audience: k.Audience, JWKS: k.JWKS, Algorithms: []string{"RS256"},
			Keep: keeper{i, "openid " + k.Issuer + " " + k.JWKS}, Now: now, Logger: i.logger,
		})
		if err != nil {
			return nil, optionError{"keycloak", err}
		}
	}
	return i, nil
}

// optionError names the option that an error is about.
type optionError struct {
	option string
	error
}

func (e optionError) Error() string { return e.option + ": " + e.error.Error() }
func (e optionError) Unwrap() error { return e.error }

// all are the issuers that there are.
func (i *issuers) all() []*keyring.Issuer {
	if i.keycloak == nil {
		return []*keyring.Issuer{i.aaa}
	}
	return []*keyring.Issuer{i.aaa, i.keycloak}
}

// fingerprint is another number whenever a token that was verified might be another's
// now, or nobody's: with other keys, and after a reload with other settings.
func (i *issuers) fingerprint() uint64 {
	number := i.settings
	for _, issuer := range i.all() {
		number = (number ^ issuer.Fingerprint()) * 0x9e3779b97f4a7c15 // odd: no number is lost
		number ^= number >> 29
	}
	return number
}

// restore takes the kept keys, once. It is called by whoever needs them first: Caddy may
// let requests in before Start.
func (i *issuers) restore(ctx context.Context, store *tokenstore.Store) {
	if i.restored.Load() {
		return
	}
	i.restoring.Lock()
	defer i.restoring.Unlock()
	if i.restored.Load() {
		return
	}
	i.store.Store(store)
	for _, issuer := range i.all() {
		if err := issuer.Restore(ctx); err != nil {
			if ctx.Err() != nil {
				return // the next one tries again
			}
			i.logger.Warn("the kept keys of an issuer are not used; they are fetched", "error", err)
		}
	}
	i.restored.Store(true)
}

// Start implements schemes.Starter: keys are fetched in the background.
func (s *Scheme) Start(b *schemes.Backend) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		s.keys.restore(ctx, b.Store) // before Run saves what it fetched
		for _, issuer := range s.keys.all() {
			running.Go(func() { issuer.Run(ctx) })
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// keeper keeps the keys of one issuer in the store.
type keeper struct {
	issuers *issuers
	source  string
}

var errNoStore = errors.New("the store is not open")

// Load implements keyring.Keeper.
func (k keeper) Load(ctx context.Context) (document []byte, fetched time.Time, err error) {
	store := k.issuers.store.Load()
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
func (k keeper) Save(ctx context.Context, document []byte, fetched time.Time) error {
	store := k.issuers.store.Load()
	if store == nil {
		return errNoStore
	}
	return store.KeepKeys(ctx, k.source, tokenstore.KeptKeys{Document: document, FetchedAt: fetched})
}

// faults are what keyring finds wrong with a token, by its words.
var faults = map[string]fault{
	"expired":                      faultExpired,
	"no expiry":                    faultNoExpiry,
	"no time of issue":             faultNoIssueTime,
	"issued in the future":         faultFuture,
	"not valid yet":                faultNotYet,
	"another issuer":               faultIssuer,
	"no issuer":                    faultIssuer,
	"another audience":             faultAudience,
	"subject is not a text":        faultSubject,
	"another type of token":        faultTokenType,
	"unknown key":                  faultUnknownKey,
	"wrong signature or algorithm": faultSignature,
}

// faultOf is the fault of a token that keyring refuses.
func faultOf(err error) fault {
	if f, ok := faults[keyring.Reason(err)]; ok {
		return f
	}
	return faultMalformed
}
