package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// ErrExists says that the name is taken.
var ErrExists = errors.New("a recipient of that name exists")

// Recipient is whom data is shared with: the head record of its credentials.
// Every change of them reads and writes it.
type Recipient struct {
	ID      string `cbor:"1,keyasint"` // never used again, so a later recipient of the name inherits nothing
	Realm   string `cbor:"2,keyasint"`
	Name    string `cbor:"3,keyasint"`
	Comment string `cbor:"4,keyasint,omitempty"`
	// Grants are in the scheme's own notation.
	Grants []string `cbor:"5,keyasint,omitempty"`
	// TokenLifetime of tokens minted from now on; zero means the site's.
	TokenLifetime time.Duration `cbor:"6,keyasint,omitempty"`
	Disabled      bool          `cbor:"7,keyasint,omitempty"`
	// ManagementKey is the digest of the key for the credentials API, if it has one.
	ManagementKey []byte    `cbor:"8,keyasint,omitempty"`
	Slots         []Slot    `cbor:"9,keyasint,omitempty"` // oldest first
	CreatedAt     time.Time `cbor:"10,keyasint"`
	UpdatedAt     time.Time `cbor:"11,keyasint"`

	// Auth is how the recipient proves who it is. It never changes.
	Auth Authentication `cbor:"12,keyasint,omitempty"`
	// NotAfter is when all that the recipient holds ends, whatever else its tokens
	// say; zero: never.
	NotAfter time.Time `cbor:"13,keyasint,omitzero"`
	// Networks are the addresses that it may call from, as CIDR; none: anywhere.
	Networks []string `cbor:"14,keyasint,omitempty"`
	Limits   Limits   `cbor:"15,keyasint,omitzero"`
	// Owner and Properties are notes for operators and their tools.
	Owner      string            `cbor:"16,keyasint,omitempty"`
	Properties map[string]string `cbor:"17,keyasint,omitempty"`
	CreatedBy  string            `cbor:"18,keyasint,omitempty"`
	UpdatedBy  string            `cbor:"19,keyasint,omitempty"`
	// Federation are the identities at a foreign provider that are this recipient.
	Federation []FederationPolicy `cbor:"20,keyasint,omitempty"`
	// RevokedAt is when it was last revoked: no token that a provider issued before
	// is accepted. Tokens of the store's own have records of their own.
	RevokedAt time.Time `cbor:"21,keyasint,omitzero"`
}

// Authentication is how a recipient proves who it is.
type Authentication uint8

// The ways of authentication.
const (
	// BearerTokens are long-lived, in credential files of version 1.
	BearerTokens Authentication = iota
	// ClientCredentials are an OAuth client's: a secret, for tokens of an hour.
	ClientCredentials
	// Federation takes the tokens of the recipient's own identity provider.
	Federation
)

// whole tells whether a stored recipient is complete.
func (r Recipient) whole() bool {
	return r.ID != "" && r.Realm != "" && r.Name != "" && r.Auth <= Federation
}

// CredentialKind is what the recipient's activation link delivers.
func (r *Recipient) CredentialKind() TokenKind {
	if r.Auth == ClientCredentials {
		return ClientSecret
	}
	return BearerToken
}

// NewRecipient is what a recipient is made of.
type NewRecipient struct {
	ID            string
	Realm         string
	Name          string
	Comment       string
	Grants        []string
	TokenLifetime time.Duration
	Auth          Authentication
	NotAfter      time.Time
	Networks      []string
	Limits        Limits
	Owner         string
	Properties    map[string]string
	ManagementKey *secret.Digest // nil: none
	// Link is the first activation link; not for Federation.
	Link NewLink
	// Imported is a token that it uses already, instead of a link; nil: none.
	Imported *ImportedToken
}

// CreateRecipient stores a new recipient with its first pending link, or with the
// token that it brings. The errors are ErrExists and ErrInvalid.
func (s *Store) CreateRecipient(ctx context.Context, n NewRecipient, actor string) (Recipient, error) {
	var recipient Recipient
	err := s.update(ctx, func(t *transaction) (err error) {
		recipient, err = t.createRecipient(n, actor)
		return err
	})
	return recipient, err
}

// recipient is the record to be stored, without what the transaction adds.
func (n NewRecipient) recipient() (Recipient, error) {
	recipient := Recipient{
		ID: n.ID, Realm: n.Realm, Name: n.Name, Comment: n.Comment,
		Grants: slices.Clone(n.Grants), TokenLifetime: n.TokenLifetime,
		Auth: n.Auth, NotAfter: n.NotAfter, Limits: n.Limits,
		Owner: n.Owner, Properties: maps.Clone(n.Properties), Networks: n.Networks,
	}
	if n.Imported != nil && n.Auth != BearerTokens {
		return recipient, fmt.Errorf("%w: only a recipient with bearer tokens can bring one", ErrInvalid)
	}
	return recipient, cmp.Or(ValidRealm(n.Realm), recipient.check())
}

func (t *transaction) createRecipient(n NewRecipient, actor string) (Recipient, error) {
	recipient, err := n.recipient()
	if err != nil {
		return Recipient{}, err
	}
	recipient.CreatedAt, recipient.UpdatedAt = t.now, t.now
	recipient.CreatedBy, recipient.UpdatedBy = actor, actor
	if err := t.takeName(recipient); err != nil {
		return Recipient{}, err
	}
	if err := t.setManagementKey(&recipient, n.ManagementKey); err != nil {
		return Recipient{}, err
	}
	switch {
	case n.Imported != nil:
		err = t.importToken(&recipient, *n.Imported, actor)
	case n.Auth != Federation:
		_, err = t.addLink(&recipient, n.Link, actor)
	}
	if err != nil {
		return Recipient{}, err
	}
	if err := t.putRecipient(recipient); err != nil {
		return Recipient{}, err
	}
	detail := ""
	if n.Imported != nil {
		detail = "token imported"
	}
	return recipient, t.auditRecipient(recipient, actor, "createRecipient", detail)
}

// check finds what no recipient can have, and puts the rest in its one spelling.
func (r *Recipient) check() error {
	if err := ValidName(r.Name); err != nil {
		return err
	}
	networks, err := CheckNetworks(r.Networks)
	if err != nil {
		return err
	}
	r.Networks = networks
	r.NotAfter = r.NotAfter.UTC().Truncate(time.Second)
	switch {
	case r.Auth > Federation:
		return fmt.Errorf("%w: there is no such way to authenticate", ErrInvalid)
	case r.NotAfter.Year() > 9999:
		return fmt.Errorf("%w: a recipient's end lies before the year 10000", ErrInvalid)
	case len(r.Owner) > maxNameLength:
		return fmt.Errorf("%w: an owner's name has at most %d bytes", ErrInvalid, maxNameLength)
	}
	return cmp.Or(validLifetime(r.TokenLifetime), r.Limits.check(), checkProperties(r.Properties))
}

// lasts refuses what would be over as soon as it is made.
func (r *Recipient) lasts(now time.Time) error {
	if ended(r.NotAfter, now) {
		return fmt.Errorf("%w: the end of this recipient was at %s; give it a later one", ErrInvalid, r.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// RecipientIDPrefix begins every recipient's id and no name. Wherever this
// package takes a recipient's name it also takes its id: an operation by id never
// meets a later recipient that has been given the name.
const RecipientIDPrefix = "rcp_"

func isRecipientID(name string) bool {
	return strings.HasPrefix(name, RecipientIDPrefix) && len(name) <= maxNameLength
}

// Recipient returns the recipient of a name; case does not count. ErrNotFound.
func (s *Store) Recipient(ctx context.Context, realm, name string) (Recipient, error) {
	var recipient Recipient
	err := s.driver.View(ctx, func(r Reader) (err error) {
		recipient, err = recipientByName(r, realm, name)
		return err
	})
	return recipient, err
}

// Recipients returns up to limit recipients of a realm in the order of their
// folded names, after the given name; next is empty at the end.
func (s *Store) Recipients(ctx context.Context, realm, after string, limit int) (recipients []Recipient, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		recipients, next, err = recipientPage(r, realm, after, limit)
		return err
	})
	return recipients, next, err
}

func recipientPage(r Reader, realm, after string, limit int) (recipients []Recipient, next string, err error) {
	prefix := realmPrefix(keyName, realm)
	found, err := r.Scan(prefix, cursor(func(name string) []byte { return nameKey(realm, name) }, after), limit)
	if err != nil {
		return nil, "", err
	}
	for _, entry := range found {
		recipient, err := recipientByName(r, realm, string(entry.Key[len(prefix):]))
		if err != nil {
			return nil, "", err
		}
		recipients = append(recipients, recipient)
	}
	if len(found) == limit {
		next = recipients[limit-1].Name
	}
	return recipients, next, nil
}

// Credentials returns the recipient of a name and its live credentials, newest
// first, all of one snapshot.
func (s *Store) Credentials(ctx context.Context, realm, name string) (Recipient, []Credential, error) {
	var (
		recipient Recipient
		live      []Credential
	)
	err := s.driver.View(ctx, func(r Reader) (err error) {
		if recipient, err = recipientByName(r, realm, name); err != nil {
			return err
		}
		live, err = credentials(r, recipient, s.clock())
		return err
	})
	return recipient, live, err
}

// ChangeRecipient changes what an operator may set: Name, Comment, Grants,
// TokenLifetime, Disabled, NotAfter, Networks, Limits, Owner and Properties; what
// else change sets is ignored. change may run several times, and its error is
// returned; action and detail go to the audit. The errors are ErrNotFound, ErrExists
// for a new name that is taken, and ErrInvalid.
func (s *Store) ChangeRecipient(ctx context.Context, realm, name, actor, action string, change func(*Recipient) (detail string, err error)) (Recipient, error) {
	return s.withRecipient(ctx, realm, name, actor, func(t *transaction, recipient *Recipient) error {
		oldName, wanted := recipient.Name, *recipient
		wanted.Grants, wanted.Networks = slices.Clone(recipient.Grants), slices.Clone(recipient.Networks)
		wanted.Properties = maps.Clone(recipient.Properties)
		detail, err := change(&wanted)
		if err != nil {
			return err
		}
		recipient.Name, recipient.Comment, recipient.Grants = wanted.Name, wanted.Comment, slices.Clone(wanted.Grants)
		recipient.TokenLifetime, recipient.Disabled, recipient.NotAfter = wanted.TokenLifetime, wanted.Disabled, wanted.NotAfter
		recipient.Networks, recipient.Limits = wanted.Networks, wanted.Limits
		recipient.Owner, recipient.Properties = wanted.Owner, maps.Clone(wanted.Properties)
		if err := recipient.check(); err != nil {
			return err
		}
		if FoldName(oldName) != FoldName(recipient.Name) {
			if err := t.takeName(*recipient); err != nil {
				return err
			}
			if err := t.Delete(nameKey(realm, oldName)); err != nil {
				return err
			}
		}
		return t.auditRecipient(*recipient, actor, action, detail)
	})
}

// withRecipient runs a change of one recipient: it reads the record, runs fn,
// writes the record and announces the change.
func (s *Store) withRecipient(ctx context.Context, realm, name, actor string, fn func(*transaction, *Recipient) error) (Recipient, error) {
	var recipient Recipient
	err := s.update(ctx, func(t *transaction) (err error) {
		if recipient, err = recipientByName(t, realm, name); err != nil {
			return err
		}
		if err := fn(t, &recipient); err != nil {
			return err
		}
		recipient.UpdatedAt, recipient.UpdatedBy = t.now, actor
		if err := t.putRecipient(recipient); err != nil {
			return err
		}
		return t.changed(realm, recipient.ID)
	})
	return recipient, err
}

// DeleteRecipient revokes every credential of a recipient and forgets it. Its
// tokens stay known as revoked. The name is free again, for another recipient.
func (s *Store) DeleteRecipient(ctx context.Context, realm, name, actor string) (Recipient, error) {
	var recipient Recipient
	defer s.pauseFlush()()
	err := s.update(ctx, func(t *transaction) (err error) {
		if recipient, err = recipientByName(t, realm, name); err != nil {
			return err
		}
		live, err := credentials(t, recipient, t.now)
		if err != nil {
			return err
		}
		if err := t.revokeCredentials(&recipient, live); err != nil {
			return err
		}
		if err := t.setManagementKey(&recipient, nil); err != nil {
			return err
		}
		if err := t.dropFederation(&recipient); err != nil {
			return err
		}
		if err := t.Delete(nameKey(realm, recipient.Name)); err != nil {
			return err
		}
		if err := t.Delete(recipientKey(realm, recipient.ID)); err != nil {
			return err
		}
		if err := t.auditRecipient(recipient, actor, "deleteRecipient", ""); err != nil {
			return err
		}
		return t.changed(realm, recipient.ID)
	})
	return recipient, err
}

// recipientByName reads the recipient of a name, or of an id.
func recipientByName(r Reader, realm, name string) (Recipient, error) {
	var (
		at        index
		recipient Recipient
	)
	if isRecipientID(name) {
		at.ID = name
	} else {
		// A name may come from a foreign issuer's claim: what nobody can be called
		// finds nobody, however it folds.
		if ValidName(name) != nil {
			return recipient, ErrNotFound
		}
		if err := get(r, nameKey(realm, name), versionIndex, &at); err != nil {
			return recipient, err
		}
	}
	return recipient, get(r, recipientKey(realm, at.ID), versionRecipient, &recipient)
}

func (t *transaction) takeName(recipient Recipient) error {
	key := nameKey(recipient.Realm, recipient.Name)
	err := get(t, key, versionIndex, &index{})
	if err == nil {
		return ErrExists
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	return put(t, key, versionIndex, index{ID: recipient.ID})
}

func (t *transaction) putRecipient(recipient Recipient) error {
	return put(t, recipientKey(recipient.Realm, recipient.ID), versionRecipient, recipient)
}

func (t *transaction) auditRecipient(recipient Recipient, actor, action, detail string) error {
	return t.audit(AuditEntry{
		Actor: actor, Action: action, Detail: detail,
		Realm: recipient.Realm, Subject: recipient.ID, Name: recipient.Name,
	})
}

// maxLifetime bounds a token's life: far enough for anybody, near enough that
// adding it to the present never overflows.
const maxLifetime = 100 * 365 * 24 * time.Hour

func validLifetime(d time.Duration) error {
	if d < 0 || d > maxLifetime || d != 0 && d < time.Second {
		return fmt.Errorf("%w: a lifetime is between 1 second and 100 years", ErrInvalid)
	}
	return nil
}
