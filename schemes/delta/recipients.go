package delta

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Order is what an operator says of a new recipient.
type Order struct {
	Name          string
	Comment       string
	Grants        []string
	TokenLifetime time.Duration // zero: the site's
	Auth          tokenstore.Authentication
	NotAfter      time.Time // zero: no end but its tokens'
	Networks      []string  // where it may call from; none: anywhere
	Limits        tokenstore.Limits
	Owner         string
	Properties    map[string]string
	ManagementKey bool // make one
	// Imported is a bearer token that the recipient uses already, instead of an
	// activation link; zero: none.
	Imported schemes.Credential
}

// Created is a new recipient with what is shown once.
type Created struct {
	Recipient     tokenstore.Recipient
	Link          string // empty if it has none: an imported token, or federation
	LinkExpires   time.Time
	ManagementKey secret.Token // zero if none was asked for
}

// Create makes a recipient and, unless it brings a token or is recognised by its own
// identity provider, its first activation link. The errors are those of
// tokenstore.Store.CreateRecipient.
func (s *Scheme) Create(ctx context.Context, order Order, actor string) (Created, error) {
	n, err := s.newRecipient(order)
	if err != nil {
		return Created{}, err
	}
	backend, err := s.open(ctx)
	if err != nil {
		return Created{}, err
	}
	var (
		created Created
		code    secret.Token
	)
	if n.Imported == nil && n.Auth != tokenstore.Federation {
		n.Link, code = s.newLink(backend)
	}
	if order.ManagementKey {
		created.ManagementKey = secret.New(secret.ManagementKey)
		digest := created.ManagementKey.Digest()
		n.ManagementKey = &digest
	}
	if created.Recipient, err = backend.Store.CreateRecipient(ctx, n, actor); err != nil {
		return Created{}, err
	}
	if !code.IsZero() {
		created.Link = s.urlOf(code.Reveal())
		created.LinkExpires = created.Recipient.CreatedAt.Add(n.Link.Lifetime)
	}
	return created, nil
}

// newRecipient checks an order. What needs no store is refused before it is asked.
func (s *Scheme) newRecipient(order Order) (tokenstore.NewRecipient, error) {
	grants, err := CheckGrants(order.Grants)
	if err == nil {
		err = CheckNewGrants(order.Grants)
	}
	if err != nil {
		return tokenstore.NewRecipient{}, err
	}
	n := tokenstore.NewRecipient{
		ID: secret.NewID(tokenstore.RecipientIDPrefix), Realm: s.config.Realm, Name: order.Name, Comment: order.Comment,
		Grants: grants, TokenLifetime: order.TokenLifetime, Auth: order.Auth, NotAfter: order.NotAfter,
		Networks: order.Networks, Limits: order.Limits, Owner: order.Owner, Properties: order.Properties,
	}
	if !order.Imported.IsZero() {
		if err := checkImported(order.Imported.Reveal()); err != nil {
			return tokenstore.NewRecipient{}, err
		}
		n.Imported = &tokenstore.ImportedToken{
			Accessor: secret.NewAccessor(), Digest: secret.DigestOf(order.Imported.Reveal()),
		}
	}
	return n, nil
}

// Rotate makes a new link for a recipient and lets its tokens in use go on for
// at most oldExpiresIn.
func (s *Scheme) Rotate(ctx context.Context, name string, oldExpiresIn time.Duration, actor string) (link string, expires time.Time, err error) {
	backend, err := s.open(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	_, live, err := s.rotate(ctx, backend, name, oldExpiresIn, nil, actor)
	if err != nil {
		return "", time.Time{}, err
	}
	return s.pendingLink(live)
}

func (s *Scheme) rotate(ctx context.Context, backend *schemes.Backend, name string, oldExpiresIn time.Duration, check tokenstore.Check, actor string) (tokenstore.Recipient, []tokenstore.Credential, error) {
	link, _ := s.newLink(backend)
	return backend.Store.Rotate(ctx, s.config.Realm, name, tokenstore.Rotation{
		OldExpiresIn: oldExpiresIn, MaxTokens: s.config.MaxTokens, Link: link, Check: check,
	}, actor)
}

// NewManagementKey gives a recipient a management key, in place of any it had.
func (s *Scheme) NewManagementKey(ctx context.Context, name, actor string) (secret.Token, error) {
	backend, err := s.open(ctx)
	if err != nil {
		return secret.Token{}, err
	}
	key := secret.New(secret.ManagementKey)
	digest := key.Digest()
	if _, err := backend.Store.SetManagementKey(ctx, s.config.Realm, name, &digest, actor); err != nil {
		return secret.Token{}, err
	}
	return key, nil
}

// Link returns the pending link of a recipient, or makes one if none waits; fresh
// replaces one that waits. tokenstore.ErrTokenInUse if the recipient has fetched
// its credential.
func (s *Scheme) Link(ctx context.Context, name string, fresh bool, actor string) (link string, expires time.Time, err error) {
	backend, err := s.open(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	if !fresh {
		_, live, err := backend.Store.Credentials(ctx, s.config.Realm, name)
		if err != nil {
			return "", time.Time{}, err
		}
		if link, expires, err = s.pendingLink(live); !errors.Is(err, errNonePending) {
			return link, expires, err
		}
	}
	made, _ := s.newLink(backend)
	_, live, err := backend.Store.Relink(ctx, s.config.Realm, name, s.config.MaxTokens, made, actor)
	if err != nil {
		return "", time.Time{}, err
	}
	return s.pendingLink(live)
}

var errNonePending = errors.New("no activation link waits")

// pendingLink returns the link that waits among a recipient's credentials.
func (s *Scheme) pendingLink(live []tokenstore.Credential) (link string, expires time.Time, err error) {
	for _, c := range live {
		if c.Pending {
			link, err = s.linkURL(c)
			return link, c.Link.ExpiresAt, err
		}
	}
	return "", time.Time{}, errNonePending
}

// SelfService tells whether a recipient can make itself a new token, by the
// credentials API.
func (s *Scheme) SelfService(recipient tokenstore.Recipient) bool {
	api := s.config.CredentialsAPI
	return api != nil && !recipient.Disabled && (len(recipient.ManagementKey) > 0 || api.Issuer != nil)
}

// newLink makes an activation link; its code is sealed so that the credentials
// API can show it until it is used.
func (s *Scheme) newLink(backend *schemes.Backend) (tokenstore.NewLink, secret.Token) {
	code := secret.New(secret.ActivationCode)
	link := tokenstore.NewLink{
		Accessor: secret.NewAccessor(), Code: code.Digest(), Lifetime: s.config.ActivationLifetime,
	}
	link.Sealed = backend.Sealer.Seal([]byte(code.Reveal()), sealedFor(s.config.Realm, link.Accessor))
	return link, code
}

// sealedFor binds a sealed code to its link, so that it cannot be moved to
// another record.
func sealedFor(realm, accessor string) []byte {
	return []byte("activation link\x00" + realm + "\x00" + accessor)
}

// LinkURL is the address of a credential's link, while it waits to be used.
func (s *Scheme) LinkURL(c tokenstore.Credential) (string, error) { return s.linkURL(c) }

func (s *Scheme) linkURL(c tokenstore.Credential) (string, error) {
	backend, err := s.open(context.Background())
	if err != nil {
		return "", err
	}
	code, err := backend.Sealer.Open(c.Link.Sealed, sealedFor(s.config.Realm, c.Accessor))
	if err != nil {
		return "", fmt.Errorf("opening the sealed code of link %s: %w (was the master key exchanged? rotate the recipient)", c.Accessor, err)
	}
	return s.urlOf(string(code)), nil
}

func (s *Scheme) urlOf(code string) string {
	return strings.TrimRight(s.config.PublicURL, "/") + ActivationPath + "?" + code
}
