package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// Token is a bearer token that was issued, without its secret. The record is
// kept for a while after its end, so that a refusal can say why.
type Token struct {
	Accessor string `cbor:"1,keyasint"`
	Realm    string `cbor:"2,keyasint"`
	Subject  string `cbor:"3,keyasint"` // id of the recipient
	// CreatedAt is when its activation link was made, IssuedAt when it was minted.
	CreatedAt time.Time `cbor:"4,keyasint"`
	IssuedAt  time.Time `cbor:"5,keyasint"`
	ExpiresAt time.Time `cbor:"6,keyasint"`
	// RotatedAt is when a newer token took its place; zero if none did.
	RotatedAt time.Time `cbor:"7,keyasint,omitzero"`
	// RevokedAt is when it was revoked; zero if it was not.
	RevokedAt time.Time `cbor:"8,keyasint,omitzero"`
	// Epoch is the realm's epoch under which it was issued.
	Epoch uint64 `cbor:"9,keyasint,omitempty"`
}

// whole tells whether a stored token is complete: one without its expiry would
// never end.
func (t Token) whole() bool {
	return t.Accessor != "" && t.Realm != "" && t.Subject != "" && !t.ExpiresAt.IsZero()
}

// EndReason is why a token is no longer valid.
type EndReason string

// The reasons, as they are told to the one who holds the token.
const (
	Expired EndReason = "expired"
	Rotated EndReason = "rotated"
	Revoked EndReason = "revoked"
)

// EndedError says that a token was issued once and is no longer valid. Only who
// presented the token itself may be told.
type EndedError struct {
	Reason EndReason
	At     time.Time
	Token  Token
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("token %s was %s at %s", e.Token.Accessor, e.Reason, e.At.UTC().Format(time.RFC3339))
}

// end tells whether the token is over at now, and why. The earliest cause counts.
func (t Token) end(now time.Time, e Epoch) *EndedError {
	revoked := earlier(t.RevokedAt, e.ended(t.Epoch))
	switch {
	case ended(t.ExpiresAt, now) && (revoked.IsZero() || !t.ExpiresAt.After(revoked)):
		if !t.RotatedAt.IsZero() {
			return &EndedError{Rotated, t.ExpiresAt, t}
		}
		return &EndedError{Expired, t.ExpiresAt, t}
	case !revoked.IsZero():
		return &EndedError{Revoked, revoked, t}
	}
	return nil
}

// DisabledError says that a token is good but its recipient is disabled.
type DisabledError struct {
	Token     Token
	Recipient Recipient
}

func (e *DisabledError) Error() string {
	return fmt.Sprintf("recipient %s is disabled", e.Recipient.Name)
}

// Holder is a valid token with the recipient that holds it, as of a revision.
type Holder struct {
	Token     Token
	Recipient Recipient
	Revision  Revision
}

// TokenHolder looks a token up by its digest. The errors are ErrNotFound if no
// such token was issued in the realm (or it was pruned), *EndedError, and
// *DisabledError; any other means that the store could not tell.
func (s *Store) TokenHolder(ctx context.Context, realm string, digest secret.Digest) (Holder, error) {
	var h Holder
	now := s.clock()
	err := s.driver.View(ctx, func(r Reader) error {
		h = Holder{Revision: r.Revision()}
		if err := get(r, tokenKey(digest), versionToken, &h.Token); err != nil {
			return err
		}
		if h.Token.Realm != realm {
			return ErrNotFound // a token is worth nothing in another realm
		}
		e, err := epoch(r, realm)
		if err != nil {
			return err
		}
		if end := h.Token.end(now, e); end != nil {
			return end
		}
		err = get(r, recipientKey(realm, h.Token.Subject), versionRecipient, &h.Recipient)
		if errors.Is(err, ErrNotFound) {
			// Deleting a recipient revokes its tokens, so this cannot be; if it is,
			// nobody holds the token.
			return &EndedError{Revoked, now, h.Token}
		}
		if err != nil {
			return err
		}
		if h.Recipient.Disabled {
			return &DisabledError{h.Token, h.Recipient}
		}
		return nil
	})
	return h, err
}

// TokenInfo is what an operator may see of a token.
type TokenInfo struct {
	Token
	Status    string // "active", "rotated" (in its overlap), "expired" or "revoked"
	EndedAt   time.Time
	Recipient string // name; empty once the recipient is deleted
	Use       Use
}

// Status words of a token beside the end reasons.
const StatusActive = "active"

// Status is the token's state in a word, and when it ended if it did.
func (t Token) status(now time.Time, e Epoch) (status string, at time.Time) {
	if end := t.end(now, e); end != nil {
		if end.Reason == Rotated {
			return string(Expired), end.At
		}
		return string(end.Reason), end.At
	}
	if !t.RotatedAt.IsZero() {
		return string(Rotated), time.Time{}
	}
	return StatusActive, time.Time{}
}

// tokenInfo completes what is known of a token.
func (s *Store) tokenInfo(r Reader, token Token) (TokenInfo, error) {
	info := TokenInfo{Token: token}
	e, err := epoch(r, token.Realm)
	if err != nil {
		return info, err
	}
	info.Status, info.EndedAt = token.status(s.clock(), e)
	var recipient Recipient
	err = get(r, recipientKey(token.Realm, token.Subject), versionRecipient, &recipient)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return info, err
	}
	info.Recipient = recipient.Name
	info.Use, err = s.lastUse(r, token.Accessor)
	return info, err
}

// TokenByAccessor returns what is known of a token. ErrNotFound if there is no
// such accessor, or its link was not used yet.
func (s *Store) TokenByAccessor(ctx context.Context, accessor string) (TokenInfo, error) {
	var info TokenInfo
	err := s.driver.View(ctx, func(r Reader) error {
		token, _, err := tokenByAccessor(r, accessor)
		if err != nil {
			return err
		}
		info, err = s.tokenInfo(r, token)
		return err
	})
	return info, err
}

func tokenByAccessor(r Reader, accessor string) (Token, secret.Digest, error) {
	var (
		at    index
		token Token
	)
	if err := get(r, accessorKey(accessor), versionIndex, &at); err != nil {
		return token, secret.Digest{}, err
	}
	digest, err := digestFrom(at.Digest)
	if err != nil {
		return token, digest, err
	}
	return token, digest, get(r, tokenKey(digest), versionToken, &token)
}

// Tokens returns up to limit tokens in the order of their accessors, after the
// given one; next is empty at the end.
func (s *Store) Tokens(ctx context.Context, after string, limit int) (tokens []TokenInfo, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		tokens, next = nil, ""
		found, err := r.Scan([]byte{keyAccessor}, cursor(accessorKey, after), limit)
		if err != nil {
			return err
		}
		for _, entry := range found {
			accessor := string(entry.Key[1:])
			token, _, err := tokenByAccessor(r, accessor)
			if err != nil {
				return err
			}
			info, err := s.tokenInfo(r, token)
			if err != nil {
				return err
			}
			tokens = append(tokens, info)
		}
		if len(found) == limit {
			next = string(found[limit-1].Key[1:])
		}
		return nil
	})
	return tokens, next, err
}

// cursor is the key after which a scan goes on; nil at the beginning.
func cursor(key func(string) []byte, after string) []byte {
	if after == "" {
		return nil
	}
	return key(after)
}
