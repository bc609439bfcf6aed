package tokenstore

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// SetManagementKey gives a recipient a management key, in place of the one it
// had; nil takes it away. The old key is refused from the next call on.
func (s *Store) SetManagementKey(ctx context.Context, realm, name string, key *secret.Digest, actor string) (Recipient, error) {
	return s.withRecipient(ctx, realm, name, actor, func(t *transaction, recipient *Recipient) error {
		if err := t.setManagementKey(recipient, key); err != nil {
			return err
		}
		detail := "management key set"
		if key == nil {
			detail = "management key removed"
		}
		return t.auditRecipient(*recipient, actor, "updateRecipient", detail)
	})
}

// ManagementKeyHolder returns the recipient that holds a management key, by the
// key's digest. ErrNotFound if none does, in this realm.
func (s *Store) ManagementKeyHolder(ctx context.Context, realm string, key secret.Digest) (Recipient, error) {
	var recipient Recipient
	err := s.driver.View(ctx, func(r Reader) error {
		var at index
		if err := get(r, managementKey(key), versionIndex, &at); err != nil {
			return err
		}
		if at.Realm != realm {
			return ErrNotFound
		}
		if err := get(r, recipientKey(realm, at.ID), versionRecipient, &recipient); err != nil {
			return err
		}
		// The record of the recipient is what counts, the index only leads to it.
		if !recipient.HoldsManagementKey(key) {
			return ErrNotFound
		}
		return nil
	})
	if err != nil {
		return Recipient{}, err
	}
	return recipient, nil
}

// HoldsManagementKey tells whether a key, by its digest, is the recipient's.
func (r *Recipient) HoldsManagementKey(key secret.Digest) bool {
	held, err := digestFrom(r.ManagementKey)
	return err == nil && held.Equal(key)
}

func (t *transaction) setManagementKey(recipient *Recipient, key *secret.Digest) error {
	if len(recipient.ManagementKey) > 0 {
		old, err := digestFrom(recipient.ManagementKey)
		if err != nil {
			return err
		}
		if err := t.Delete(managementKey(old)); err != nil {
			return err
		}
		recipient.ManagementKey = nil
	}
	if key == nil {
		return nil
	}
	if err := t.vacant(managementKey(*key)); err != nil {
		return err
	}
	recipient.ManagementKey = key[:]
	return put(t, managementKey(*key), versionIndex, index{Realm: recipient.Realm, ID: recipient.ID})
}
