package dx

import (
	"context"
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
	keeper   *schemes.KeyKeeper
}

// newIssuers reads keys from a file, if that is where they are, and touches neither network
// nor store. The errors name the option.
func newIssuers(c *Config, now func() time.Time) (*issuers, error) {
	i := &issuers{settings: c.settings(), keeper: schemes.NewKeyKeeper(c.Logger)}
	aaa := keyring.IssuerConfig{
		Issuer: c.Issuer, FoldIssuer: true, AudiencePerCall: true, Algorithms: []string{"ES256"},
		JWKS: c.Keys.JWKS, Certificate: c.Keys.Certificate, File: c.Keys.File,
		// Tokens name no key, and every key set calls its one key the same.
		IgnoreKeyIDs: true, Overlap: c.KeyOverlap, NoRedirects: true,
		Now: now, Logger: c.Logger,
	}
	switch {
	case c.Keys.JWKS != "":
		aaa.Keep = i.keeper.Of("jwks " + c.Keys.JWKS)
	case c.Keys.Certificate != "":
		aaa.Keep = i.keeper.Of("certificate " + c.Keys.Certificate)
	}
	var err error
	if i.aaa, err = keyring.NewIssuer(aaa); err != nil {
		return nil, optionError{c.Keys.option(), err}
	}
	if k := c.Keycloak; k != nil {
		i.keycloak, err = keyring.NewIssuer(keyring.IssuerConfig{
			Issuer: k.Issuer, Audience: k.Audience, JWKS: k.JWKS, Algorithms: []string{"RS256"},
			Keep: i.keeper.Of("openid " + k.Issuer + " " + k.JWKS), Now: now, Logger: c.Logger,
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

// restore takes the kept keys, once.
func (i *issuers) restore(ctx context.Context, store *tokenstore.Store) {
	i.keeper.Restore(ctx, store, i.all()...)
}

// Start implements schemes.Starter: keys are fetched in the background.
func (s *Scheme) Start(b *schemes.Backend) (stop func()) {
	return s.keys.keeper.Start(b.Store, s.keys.all()...)
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
