package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// TokenKind is what a token is good for. One kind is never accepted where
// another is asked for.
type TokenKind uint8

// The kinds of tokens.
const (
	// BearerToken is what a credential file of version 1 holds.
	BearerToken TokenKind = iota
	// ClientSecret is what an OAuth client presents at the token endpoint, and
	// nowhere else (RFC 6749 section 4.4).
	ClientSecret
	// AccessToken is what the token endpoint issues. It ends with its client
	// secret at the latest.
	AccessToken
	// FamilyToken stands for all tokens of one family: those that were signed for one
	// sign-in, or for one application (family.go).
	FamilyToken
	// CoordinatorToken, ContributorToken and ConsumerToken are a BitBroker's, each for one
	// of its APIs (brokertoken.go).
	CoordinatorToken
	ContributorToken
	ConsumerToken
)

// String returns the kind in a word or two.
func (k TokenKind) String() string {
	switch k {
	case BearerToken:
		return "bearer token"
	case ClientSecret:
		return "client secret"
	case AccessToken:
		return "access token"
	case FamilyToken:
		return "token family"
	case CoordinatorToken:
		return "coordinator token"
	case ContributorToken:
		return "contributor token"
	case ConsumerToken:
		return "consumer token"
	default:
		return "unknown kind"
	}
}

// Token is a bearer token that was issued, without its secret. The record is
// kept for a while after its end, so that a refusal can say why.
type Token struct {
	Accessor string `cbor:"1,keyasint"`
	Realm    string `cbor:"2,keyasint"`
	Subject  string `cbor:"3,keyasint"` // id of the recipient or the account; of a BitBroker's token see Broker
	// CreatedAt is when its activation link was made, IssuedAt when it was minted.
	CreatedAt time.Time `cbor:"4,keyasint"`
	IssuedAt  time.Time `cbor:"5,keyasint"`
	ExpiresAt time.Time `cbor:"6,keyasint"`
	// RotatedAt is when a newer token took its place; zero if none did.
	RotatedAt time.Time `cbor:"7,keyasint,omitzero"`
	// RevokedAt is when it was revoked; zero if it was not.
	RevokedAt time.Time `cbor:"8,keyasint,omitzero"`
	// Epoch is the realm's epoch under which it was issued.
	Epoch uint64    `cbor:"9,keyasint,omitempty"`
	Kind  TokenKind `cbor:"10,keyasint,omitempty"`
	// Imported says that the token was made elsewhere, so that several clients may
	// be using it.
	Imported bool `cbor:"11,keyasint,omitempty"`
	// Parent is the digest of the client secret that an access token came from, or of
	// the family with which this one was asked for.
	Parent []byte `cbor:"12,keyasint,omitempty"`
	// CreatedBy is who made the token or its link, as the audit names actors.
	CreatedBy string `cbor:"13,keyasint,omitempty"`
	// Family is set for a token family, and for nothing else.
	Family Family `cbor:"14,keyasint,omitzero"`
	// Broker is set for a BitBroker's token, and for nothing else.
	Broker Broker `cbor:"15,keyasint,omitzero"`
}

// whole tells whether a stored token is complete: one without its expiry would
// never end, an access token without its client secret would outlive it.
func (t Token) whole() bool {
	return t.Accessor != "" && t.Realm != "" && t.Subject != "" && !t.ExpiresAt.IsZero() &&
		t.Kind <= ConsumerToken && (t.Kind == FamilyToken) == t.Family.whole() && t.Broker.whole(t.Kind) &&
		(t.Kind == FamilyToken || (t.Kind == AccessToken) == (len(t.Parent) > 0))
}

// EndReason is why a token is no longer valid.
type EndReason string

// The reasons, as they are told to the one who holds the token.
const (
	Expired EndReason = "expired"
	Rotated EndReason = "rotated"
	Revoked EndReason = "revoked"
	// SignedOut ends a token family, but not what was asked for with it.
	SignedOut EndReason = "signed out"
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
	Token Token
	// Root is the token in the recipient's slot: the client secret of an access
	// token, else the token itself.
	Root      Token
	Recipient Recipient
	Revision  Revision
}

// TokenHolder looks the token of a data call up by its digest: a bearer token or
// an access token. The token's expiry is the earliest of its own, its client
// secret's and its recipient's. The errors are ErrNotFound if no such token was issued in the
// realm (or it was pruned), *EndedError, and *DisabledError; any other means that
// the store could not tell.
func (s *Store) TokenHolder(ctx context.Context, realm string, digest secret.Digest) (Holder, error) {
	return s.holder(ctx, realm, digest, BearerToken, AccessToken)
}

func (s *Store) holder(ctx context.Context, realm string, digest secret.Digest, kinds ...TokenKind) (Holder, error) {
	var h Holder
	now := s.clock()
	err := s.driver.View(ctx, func(r Reader) (err error) {
		h, err = holderOf(r, realm, digest, now, kinds...)
		return err
	})
	return h, err
}

// holderOf is who holds a valid token of one of the kinds.
func holderOf(r Reader, realm string, digest secret.Digest, now time.Time, kinds ...TokenKind) (Holder, error) {
	h := Holder{Revision: r.Revision()}
	if err := get(r, tokenKey(digest), versionToken, &h.Token); err != nil {
		return h, err
	}
	// A token is worth nothing in another realm, or as another kind.
	if h.Token.Realm != realm || !slices.Contains(kinds, h.Token.Kind) {
		return h, ErrNotFound
	}
	e, err := epoch(r, realm)
	if err != nil {
		return h, err
	}
	if h.Root, err = rootOf(r, h.Token); err != nil {
		return h, err
	}
	err = get(r, recipientKey(realm, h.Token.Subject), versionRecipient, &h.Recipient)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return h, err
	}
	h.Token = h.Token.within(h.Root, h.Recipient, e)
	if end := h.Token.end(now, e); end != nil {
		return h, end
	}
	// The recipient's record is what counts: a token that is in none of its slots,
	// as after a deletion, is nobody's.
	if !h.Recipient.holds(h.Root) {
		return h, &EndedError{Revoked, now, h.Token}
	}
	if h.Recipient.Disabled {
		return h, &DisabledError{h.Token, h.Recipient}
	}
	return h, nil
}

// rootOf is the token that stands in a recipient's slot: the client secret of an
// access token, else the token itself.
func rootOf(r Reader, token Token) (Token, error) {
	if token.Kind != AccessToken {
		return token, nil
	}
	digest, err := digestFrom(token.Parent)
	if err != nil {
		return Token{}, err
	}
	var root Token
	err = get(r, tokenKey(digest), versionToken, &root)
	if errors.Is(err, ErrNotFound) {
		// A client secret is kept for longer than what it issued. If it is gone
		// nevertheless, the token is nobody's.
		return Token{}, nil
	}
	return root, err
}

// within is the token as it is bounded from outside: what ends the root ends it, and
// so does the recipient's end.
func (t Token) within(root Token, recipient Recipient, e Epoch) Token {
	if root.Accessor != t.Accessor {
		t.RevokedAt = earlier(t.RevokedAt, earlier(root.RevokedAt, e.ended(root.Epoch)))
		if ended(root.ExpiresAt, t.ExpiresAt) {
			t.ExpiresAt, t.RotatedAt = root.ExpiresAt, root.RotatedAt
		}
	}
	t.ExpiresAt = earlier(t.ExpiresAt, recipient.NotAfter)
	return t
}

// holds tells whether a token is in one of the recipient's slots.
func (r *Recipient) holds(root Token) bool {
	return root.Accessor != "" && slices.ContainsFunc(r.Slots, func(s Slot) bool {
		return !s.Pending && s.Accessor == root.Accessor
	})
}

// TokenInfo is what an operator may see of a token.
type TokenInfo struct {
	Token
	Status    string // "active", "rotated" (in its overlap) or why it is not good
	EndedAt   time.Time
	Recipient string // name; empty once the recipient is deleted
	Account   string // host, of a token family; empty once the account is deleted
	// Holder of a BitBroker's token, in words: the user by its email address or id, with the
	// policy of a consumer's; the entity type with the connector.
	Holder string
	Use    Use
}

// Status words of a token beside the end reasons.
const (
	StatusActive = "active"
	// StatusDisabled is a token family's whose account or application is disabled, or
	// whose application is no longer registered.
	StatusDisabled = "disabled"
	// StatusPending is that of a token that a BitBroker had minted, and which is nobody's yet.
	StatusPending = "pending"
)

// Status is the token's state in a word, and when it ended if it did.
func (t Token) status(now time.Time, e Epoch) (status string, at time.Time) {
	if end := t.end(now, e); end != nil {
		switch {
		case end.Reason == Rotated && t.Kind.isBroker(): // as whoever presents it is told
			return string(Revoked), end.At
		case end.Reason == Rotated:
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
	if token.Kind == FamilyToken {
		return s.familyInfo(r, token)
	}
	if token.Kind.isBroker() {
		return s.brokerInfo(r, token)
	}
	info := TokenInfo{Token: token}
	e, err := epoch(r, token.Realm)
	if err != nil {
		return info, err
	}
	var recipient Recipient
	err = get(r, recipientKey(token.Realm, token.Subject), versionRecipient, &recipient)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return info, err
	}
	info.Recipient = recipient.Name
	root, err := rootOf(r, token)
	if err != nil {
		return info, err
	}
	info.Token = token.within(root, recipient, e)
	info.Status, info.EndedAt = info.Token.status(s.clock(), e)
	if info.EndedAt.IsZero() && !recipient.holds(root) {
		info.Status = string(Revoked) // as whoever presents it is told
	}
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
