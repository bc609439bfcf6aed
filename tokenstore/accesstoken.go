package tokenstore

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// keepAccess is how long an access token is known after its end. There are many:
// a client takes one an hour.
const keepAccess = 24 * time.Hour

// NewAccessToken is an access token to be stored.
type NewAccessToken struct {
	Accessor string
	Digest   secret.Digest
	// Lifetime is cut short by the end of the client secret, and the recipient's.
	Lifetime time.Duration
}

// IssueAccessToken stores an access token for the holder of a client secret. The
// errors are ErrNotFound if the secret is not one of the recipient whose id is
// given, *EndedError, *DisabledError and ErrInvalid. Nothing of it is audited in the store: the
// token's own record tells who got it and when.
func (s *Store) IssueAccessToken(ctx context.Context, realm, recipientID string, clientSecret secret.Digest, n NewAccessToken) (Holder, error) {
	if err := validLifetime(n.Lifetime); err != nil || n.Lifetime == 0 {
		return Holder{}, cmp.Or(err, fmt.Errorf("%w: an access token has a lifetime", ErrInvalid))
	}
	var issued Holder
	err := s.update(ctx, func(t *transaction) error {
		holder, err := holderOf(t, realm, clientSecret, t.now, ClientSecret)
		if err != nil {
			return err
		}
		if holder.Recipient.ID != recipientID {
			return ErrNotFound
		}
		e, err := epoch(t, realm)
		if err != nil {
			return err
		}
		token := Token{
			Accessor: n.Accessor, Realm: realm, Subject: recipientID, Epoch: e.Number,
			CreatedAt: t.now, IssuedAt: t.now, ExpiresAt: earlier(t.now.Add(n.Lifetime), holder.Token.ExpiresAt),
			Kind: AccessToken, Parent: clientSecret[:],
		}
		issued = Holder{Token: token, Root: holder.Root, Recipient: holder.Recipient}
		return t.addToken(n.Digest, token)
	})
	return issued, err
}

// ClientSecretHolder looks a client secret up by its digest; the errors are those
// of TokenHolder.
func (s *Store) ClientSecretHolder(ctx context.Context, realm string, digest secret.Digest) (Holder, error) {
	return s.holder(ctx, realm, digest, ClientSecret)
}
