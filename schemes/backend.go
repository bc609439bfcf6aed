package schemes

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Backend is what the schemes of a process share.
type Backend struct {
	Store      *tokenstore.Store
	Identities *IdentityCache
	Limiter    *Limiter
	Issuers    *Issuers
	// Sealer keeps what must be shown again, such as the code of a pending link.
	Sealer *secret.Sealer
	// Parts are what single schemes keep besides.
	Parts *Parts
}

// Opener returns the backend, and opens it at the first call: a store is never
// opened while a configuration is only checked. An error means that the store
// cannot be reached now; a later call tries again. It may be called
// concurrently.
type Opener func(context.Context) (*Backend, error)
