package tokenstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// Revoke ends every token and the pending link of a recipient at once, and of its
// identity provider those issued until now. Its grants, its management key and its
// federation policies stay. ErrNotFound.
func (s *Store) Revoke(ctx context.Context, realm, name, actor string) (Recipient, error) {
	return s.revoke(ctx, realm, name, nil, actor)
}

func (s *Store) revoke(ctx context.Context, realm, name string, check Check, actor string) (Recipient, error) {
	return s.withRecipient(ctx, realm, name, actor, func(t *transaction, recipient *Recipient) error {
		live, err := credentials(t, *recipient, t.now)
		if err != nil {
			return err
		}
		if err := check.ask(recipient, live); err != nil {
			return err
		}
		if err := t.revokeCredentials(recipient, live); err != nil {
			return err
		}
		// A clock that was set back would let in again what the last revocation ended.
		recipient.RevokedAt = later(recipient.RevokedAt, t.now)
		return t.auditRecipient(*recipient, actor, "revokeRecipientTokens", "")
	})
}

// RevokeToken ends one token at once, by its accessor. Revoking what has ended
// already is no error and changes nothing. ErrNotFound, also while the token's
// link waits to be used: then there is no token.
func (s *Store) RevokeToken(ctx context.Context, accessor, actor string) (TokenInfo, error) {
	var info TokenInfo
	err := s.update(ctx, func(t *transaction) error {
		token, digest, err := tokenByAccessor(t, accessor)
		if err != nil {
			return err
		}
		e, err := epoch(t, token.Realm)
		if err != nil {
			return err
		}
		switch {
		case token.Kind == FamilyToken:
			// One that expired may live on in what was asked for with it.
			if token.RevokedAt.IsZero() {
				err = t.revokeFamily(&token, digest, actor)
			}
			if err != nil {
				return err
			}
		case token.Kind.isBroker():
			if err := t.revokeBroker(token, digest, "revokeToken", actor); err != nil {
				return err
			}
			// Again, as it is stored now.
			if token, _, err = tokenByAccessor(t, accessor); err != nil {
				return err
			}
		case token.end(t.now, e) == nil:
			// Not found is the recipient of an access token, deleted since: its client
			// secret has ended then, and it with it.
			if err := t.revokeToken(&token, digest, actor); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		info, err = s.tokenInfo(t, token)
		return err
	})
	return info, err
}

func (t *transaction) revokeToken(token *Token, digest secret.Digest, actor string) error {
	// The recipient's record is the head of its set of tokens: writing it makes this
	// conflict with a rotation under way.
	var recipient Recipient
	if err := get(t, recipientKey(token.Realm, token.Subject), versionRecipient, &recipient); err != nil {
		return err
	}
	recipient.UpdatedAt, recipient.UpdatedBy = t.now, actor
	token.RevokedAt = t.now
	if err := t.putToken(digest[:], *token); err != nil {
		return err
	}
	if err := t.putRecipient(recipient); err != nil {
		return err
	}
	if err := t.audit(AuditEntry{
		Actor: actor, Action: "revokeToken", Accessor: token.Accessor,
		Realm: token.Realm, Subject: token.Subject, Name: recipient.Name,
	}); err != nil {
		return err
	}
	return t.changed(token.Realm, token.Subject)
}

// revokeCredentials writes the end of each live credential and empties the slots.
func (t *transaction) revokeCredentials(recipient *Recipient, live []Credential) error {
	for _, c := range live {
		var err error
		if c.Link != nil {
			err = t.revokeLink(c)
		} else {
			c.Token.RevokedAt = t.now
			err = t.putToken(c.Digest, *c.Token)
		}
		if err != nil {
			return fmt.Errorf("revoking %s: %w", c.Accessor, err)
		}
	}
	return t.keep(recipient, nil)
}

func (t *transaction) revokeLink(c Credential) error {
	c.Link.RevokedAt = t.now
	c.Link.Sealed = nil
	return t.putLink(c.Digest, *c.Link)
}
