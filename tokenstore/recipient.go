package tokenstore

import (
	"context"
	"errors"
	"fmt"
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
}

// whole tells whether a stored recipient is complete.
func (r Recipient) whole() bool { return r.ID != "" && r.Realm != "" && r.Name != "" }

// NewRecipient is what a recipient is made of.
type NewRecipient struct {
	ID            string
	Realm         string
	Name          string
	Comment       string
	Grants        []string
	TokenLifetime time.Duration
	Link          NewLink
	ManagementKey *secret.Digest // nil: none
}

// CreateRecipient stores a new recipient with its first pending link. The
// errors are ErrExists and ErrInvalid.
func (s *Store) CreateRecipient(ctx context.Context, n NewRecipient, actor string) (Recipient, error) {
	if err := errors.Join(ValidRealm(n.Realm), ValidName(n.Name), validLifetime(n.TokenLifetime)); err != nil {
		return Recipient{}, err
	}
	var recipient Recipient
	err := s.update(ctx, func(t *transaction) error {
		recipient = Recipient{
			ID: n.ID, Realm: n.Realm, Name: n.Name, Comment: n.Comment,
			Grants: slices.Clone(n.Grants), TokenLifetime: n.TokenLifetime,
			CreatedAt: t.now, UpdatedAt: t.now,
		}
		if err := t.takeName(recipient); err != nil {
			return err
		}
		if err := t.setManagementKey(&recipient, n.ManagementKey); err != nil {
			return err
		}
		if _, err := t.addLink(&recipient, n.Link); err != nil {
			return err
		}
		if err := t.putRecipient(recipient); err != nil {
			return err
		}
		return t.auditRecipient(recipient, actor, "createRecipient", "")
	})
	return recipient, err
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
		recipients, next = nil, ""
		prefix := realmPrefix(keyName, realm)
		found, err := r.Scan(prefix, cursor(func(name string) []byte { return nameKey(realm, name) }, after), limit)
		if err != nil {
			return err
		}
		for _, entry := range found {
			recipient, err := recipientByName(r, realm, string(entry.Key[len(prefix):]))
			if err != nil {
				return err
			}
			recipients = append(recipients, recipient)
		}
		if len(found) == limit {
			next = recipients[limit-1].Name
		}
		return nil
	})
	return recipients, next, err
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
// TokenLifetime and Disabled. change may run several times, and its error is
// returned; action and detail go to the audit. The errors are ErrNotFound,
// ErrExists for a new name that is taken, and ErrInvalid.
func (s *Store) ChangeRecipient(ctx context.Context, realm, name, actor, action string, change func(*Recipient) (detail string, err error)) (Recipient, error) {
	return s.withRecipient(ctx, realm, name, func(t *transaction, recipient *Recipient) error {
		old := *recipient
		recipient.Grants = slices.Clone(old.Grants)
		detail, err := change(recipient)
		if err != nil {
			return err
		}
		if err := errors.Join(ValidName(recipient.Name), validLifetime(recipient.TokenLifetime)); err != nil {
			return err
		}
		if FoldName(old.Name) != FoldName(recipient.Name) {
			if err := t.takeName(*recipient); err != nil {
				return err
			}
			if err := t.Delete(nameKey(realm, old.Name)); err != nil {
				return err
			}
		}
		return t.auditRecipient(*recipient, actor, action, detail)
	})
}

// withRecipient runs a change of one recipient: it reads the record, runs fn,
// writes the record and announces the change.
func (s *Store) withRecipient(ctx context.Context, realm, name string, fn func(*transaction, *Recipient) error) (Recipient, error) {
	var recipient Recipient
	err := s.update(ctx, func(t *transaction) (err error) {
		if recipient, err = recipientByName(t, realm, name); err != nil {
			return err
		}
		if err := fn(t, &recipient); err != nil {
			return err
		}
		recipient.UpdatedAt = t.now
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
