package caddymodule

import (
	"context"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
)

// issuers holds the OpenID Connect issuers of the process: a reload keeps their
// keys, instead of refusing every JWT until they are fetched anew.
var issuers = caddy.NewUsagePool()

// issuerKey is what makes two configurations mean the same issuer.
type issuerKey struct{ issuer, audience, keys string }

// pooledIssuer is an issuer whose keys are refreshed in the background, from when the first
// configuration that has it runs: one that is only checked fetches nothing.
type pooledIssuer struct {
	*keyring.Issuer
	start   func()
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Destruct implements caddy.Destructor.
func (p *pooledIssuer) Destruct() error {
	p.stop()
	p.running.Wait()
	return nil
}

// holdIssuer takes a reference, to be given back by issuers.Delete(key).
func holdIssuer(key issuerKey) (*pooledIssuer, error) {
	value, _, err := issuers.LoadOrNew(key, func() (caddy.Destructor, error) {
		issuer, err := keyring.NewIssuer(keyring.IssuerConfig{
			Issuer: key.issuer, Audience: key.audience, JWKS: key.keys, Logger: newProcessLog("gatehouse.issuer"),
		})
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		p := &pooledIssuer{Issuer: issuer, stop: cancel}
		p.start = sync.OnceFunc(func() { p.running.Go(func() { issuer.Run(ctx) }) })
		return p, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*pooledIssuer), nil
}
