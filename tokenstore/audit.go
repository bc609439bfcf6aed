package tokenstore

import (
	"context"
	"crypto/rand"
	"time"
)

// AuditEntry records one administrative change. It is written in the
// transaction of the change: there is no change without its entry.
type AuditEntry struct {
	At    time.Time `cbor:"1,keyasint"`
	Actor string    `cbor:"2,keyasint"`
	// Action is named as in the audit of Databricks' Delta Sharing, where it has
	// a name for it (createRecipient, rotateRecipientToken and so on).
	Action  string `cbor:"3,keyasint"`
	Realm   string `cbor:"4,keyasint,omitempty"`
	Subject string `cbor:"5,keyasint,omitempty"` // id
	Name    string `cbor:"6,keyasint,omitempty"`
	// Accessor is the token or link that was made or ended, if it was one.
	Accessor string `cbor:"7,keyasint,omitempty"`
	// Detail says what changed, in words; never a secret.
	Detail string `cbor:"8,keyasint,omitempty"`
}

// audit adds an entry to the transaction. Its key is new each time, so entries
// never make transactions conflict.
func (t *transaction) audit(entry AuditEntry) error {
	entry.At = t.now
	// By the nanosecond, so that entries of one second keep their order.
	unique := make([]byte, 8)
	_, _ = rand.Read(unique) // never fails (crypto/rand, since Go 1.24)
	return put(t, auditKey(t.at, unique), versionAudit, entry)
}

// Audit returns up to limit entries after the cursor, in the order of time. An
// empty cursor starts at the beginning; next is empty at the end.
func (s *Store) Audit(ctx context.Context, cursor []byte, limit int) (entries []AuditEntry, next []byte, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		found, err := r.Scan([]byte{keyAudit}, cursor, limit)
		if err != nil {
			return err
		}
		entries = make([]AuditEntry, len(found))
		for i, e := range found {
			if err := decode(e.Value, versionAudit, &entries[i]); err != nil {
				return err
			}
		}
		if len(found) == limit {
			next = found[limit-1].Key
		}
		return nil
	})
	return entries, next, err
}
