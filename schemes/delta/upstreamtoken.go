package delta

import (
	"context"
	"errors"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// UpstreamTokenHolder returns the name of the recipient that brought the server's own
// token and can use it now, or could if it were not disabled; empty if none did.
func (s *Scheme) UpstreamTokenHolder(ctx context.Context) (string, error) {
	backend, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	holder, err := backend.Store.TokenHolder(ctx, s.config.Realm, secret.DigestOf(s.config.UpstreamToken.Reveal()))
	if _, over := errors.AsType[*tokenstore.EndedError](err); over || errors.Is(err, tokenstore.ErrNotFound) {
		return "", nil
	}
	if _, disabled := errors.AsType[*tokenstore.DisabledError](err); err != nil && !disabled {
		return "", err
	}
	return holder.Recipient.Name, nil
}
