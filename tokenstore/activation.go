package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// LinkOverError says that an activation link existed and can no longer be used.
type LinkOverError struct {
	Used bool // it was used; otherwise it expired, was replaced, or was revoked
}

func (e *LinkOverError) Error() string {
	if e.Used {
		return "activation link was used"
	}
	return "activation link has expired or was replaced"
}

// LinkInfo is a link that can be used, and for whom it is.
type LinkInfo struct {
	Link      Link
	Recipient Recipient
}

// Link looks an activation link up by the digest of its code and changes
// nothing. The errors are ErrNotFound, *LinkOverError and *DisabledError.
func (s *Store) Link(ctx context.Context, realm string, code secret.Digest) (LinkInfo, error) {
	var info LinkInfo
	err := s.driver.View(ctx, func(r Reader) (err error) {
		info, err = usableLink(r, realm, code, s.clock())
		return err
	})
	return info, err
}

func usableLink(r Reader, realm string, code secret.Digest, now time.Time) (LinkInfo, error) {
	var info LinkInfo
	if err := get(r, linkKey(code), versionLink, &info.Link); err != nil {
		return info, err
	}
	if info.Link.Realm != realm {
		return info, ErrNotFound
	}
	e, err := epoch(r, realm)
	if err != nil {
		return info, err
	}
	if info.Link.over(now, e) {
		return info, &LinkOverError{Used: !info.Link.UsedAt.IsZero()}
	}
	err = get(r, recipientKey(realm, info.Link.Subject), versionRecipient, &info.Recipient)
	if errors.Is(err, ErrNotFound) {
		return info, &LinkOverError{}
	}
	if err != nil {
		return info, err
	}
	if ended(info.Recipient.NotAfter, now) || !slices.ContainsFunc(info.Recipient.Slots, func(slot Slot) bool {
		return slot.Pending && slot.Accessor == info.Link.Accessor
	}) {
		return info, &LinkOverError{}
	}
	if info.Recipient.Disabled {
		return info, &DisabledError{Recipient: info.Recipient}
	}
	return info, nil
}

// Activate uses a link: it stores the credential whose digest is given in the
// link's slot, so that the number of credentials stays the same. kind is what the
// recipient authenticates with (Recipient.CredentialKind): another is ErrInvalid.
// Of several attempts exactly one wins. lifetime is that of tokens of recipients
// without their own. The errors are those of Link.
func (s *Store) Activate(ctx context.Context, realm string, code, token secret.Digest, kind TokenKind, lifetime time.Duration) (Holder, error) {
	var holder Holder
	err := s.update(ctx, func(t *transaction) error {
		info, err := usableLink(t, realm, code, t.now)
		if err != nil {
			return err
		}
		link, recipient := info.Link, info.Recipient
		if kind != recipient.CredentialKind() {
			return fmt.Errorf("%w: this recipient does not authenticate with a credential of that kind", ErrInvalid)
		}
		life := recipient.TokenLifetime
		if life == 0 {
			life = lifetime
		}
		issued := Token{
			Accessor: link.Accessor, Realm: realm, Subject: recipient.ID, Epoch: link.Epoch,
			CreatedAt: link.CreatedAt, IssuedAt: t.now,
			ExpiresAt: earlier(t.now.Add(life), link.NotAfter),
			Kind:      kind, CreatedBy: link.CreatedBy,
		}
		if err := t.addToken(token, issued); err != nil {
			return err
		}
		link.UsedAt, link.Sealed = t.now, nil
		if err := t.putLink(code[:], link); err != nil {
			return err
		}
		for i := range recipient.Slots {
			if recipient.Slots[i].Accessor == link.Accessor {
				recipient.Slots[i] = Slot{Accessor: link.Accessor, Digest: token[:]}
			}
		}
		recipient.UpdatedAt = t.now
		if err := t.putRecipient(recipient); err != nil {
			return err
		}
		issued.ExpiresAt = earlier(issued.ExpiresAt, recipient.NotAfter)
		holder = Holder{Token: issued, Root: issued, Recipient: recipient}
		return t.audit(AuditEntry{
			Actor: "activation link", Action: "retrieveRecipientToken", Accessor: issued.Accessor,
			Realm: realm, Subject: recipient.ID, Name: recipient.Name,
		})
	})
	return holder, err
}
