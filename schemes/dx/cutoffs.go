package dx

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// part is what the scheme keeps for as long as the store is open, for all sites.
type part struct {
	// cutOffs of users that called of late; the zero one of those who have none.
	cutOffs *schemes.Cache[user, tokenstore.CutOff]
}

// user is whose tokens a cut-off ends.
type user struct{ realm, id string }

func partOf(b *schemes.Backend) *part {
	return b.Parts.Of(Name, func() io.Closer {
		return &part{schemes.NewCache[user, tokenstore.CutOff](b.Store, 0)}
	}).(*part)
}

// Close implements io.Closer.
func (p *part) Close() error {
	p.cutOffs.Close()
	return nil
}

// checkCutOffs refuses a token that was revoked since it was issued: those of its user, of
// the one for whom it acts, or of these two together.
func (s *Scheme) checkCutOffs(ctx context.Context, b *schemes.Backend, id *schemes.Identity) error {
	token := id.Session.(*standing)
	for _, end := range []struct{ user, delegator string }{
		{token.subject, token.delegator},
		{token.delegator, ""},
	} {
		if end.user == "" {
			continue
		}
		cut, err := s.cutOffOf(ctx, b, end.user)
		if err != nil {
			return schemes.Unavailable(err)
		}
		if cut.Covers(token.issued, end.delegator) {
			return notAuthorized(faultRevoked)
		}
	}
	return nil
}

// cutOffOf returns the cut-off of a user, by its folded name, from the cache if it can.
func (s *Scheme) cutOffOf(ctx context.Context, b *schemes.Backend, id string) (tokenstore.CutOff, error) {
	cache, key := partOf(b).cutOffs, user{s.config.Realm, id}
	if cut, ok := cache.Get(key, b.Store.Now()); ok {
		return cut, nil
	}
	cut, revision, err := b.Store.CutOffOf(ctx, key.realm, key.id)
	if err != nil {
		return tokenstore.CutOff{}, err
	}
	cache.Add(key, schemes.Subject{Realm: key.realm, ID: key.id}, cut, time.Time{}, revision)
	return cut, nil
}

// RevokeUser ends all tokens of a user that were issued until now, whether the user is
// their subject or the one for whom it acts; if delegator is not empty, only those in
// which the user acts for that one. Case does not count in either. Since the issuer's
// clock may run ahead, so far as its tokens are taken, it ends those of the next 30 seconds
// too. The error is tokenstore.ErrInvalid for what is no user.
func (s *Scheme) RevokeUser(ctx context.Context, user, delegator, actor string) (tokenstore.CutOff, error) {
	user, isUser := userOf(user)
	actsFor, isDelegator := userOf(delegator)
	if !isUser || delegator != "" && !isDelegator {
		return tokenstore.CutOff{}, fmt.Errorf("%w: a user's id is what tokens have as sub or did, such as 6c796c29-fa9e-4678-9c0b-e48956f22bcc", tokenstore.ErrInvalid)
	}
	b, err := s.open(ctx)
	if err != nil {
		return tokenstore.CutOff{}, err
	}
	return b.Store.CutOff(ctx, s.config.Realm, user, actsFor, b.Store.Now().Add(keyring.DefaultLeeway), actor)
}

// IsIssuer tells whether an id is that of AAA itself, whose own tokens can be revoked as a
// user's can.
func (s *Scheme) IsIssuer(id string) bool { return keyring.SameName(id, s.config.Issuer) }

// RevokedUsers returns up to limit cut-offs of the site's realm by their users, after the
// given one; next is empty at the end.
func (s *Scheme) RevokedUsers(ctx context.Context, after string, limit int) (list []tokenstore.CutOff, next string, err error) {
	b, err := s.open(ctx)
	if err != nil {
		return nil, "", err
	}
	return b.Store.CutOffs(ctx, s.config.Realm, after, limit)
}
