package tokenstore

import (
	"context"
	"errors"
	"time"
)

// How long what is over is kept.
const (
	// KeepEnded is how long after its end a token or link is still known, so that
	// a refusal can say why. Access tokens are kept for a day, and so are those of a
	// BitBroker that were never anybody's.
	KeepEnded = 30 * 24 * time.Hour
	// KeepChanges is how long the change feed goes back. Whoever was away longer
	// starts anew.
	KeepChanges = time.Hour
	// KeepAudit is how long audit entries are kept, and admin tokens after their end.
	KeepAudit = 400 * 24 * time.Hour
)

// pruneBatch is how many records one transaction removes.
const pruneBatch = 250

// Prune removes what is over for long enough, in batches that leave room for
// others. It returns how many records it removed, the feed's not
// counted; an interrupted pass is continued by the next.
func (s *Store) Prune(ctx context.Context) (removed int, err error) {
	var errs []error
	for _, pass := range []func(context.Context) (int, error){
		s.pruneTokens, s.pruneLinks, s.pruneQueries, s.pruneAdmins, s.pruneAudit, s.pruneChanges,
		s.pruneAccessEnds, s.pruneQuotas,
	} {
		n, err := pass(ctx)
		removed += n
		errs = append(errs, err)
	}
	return removed, errors.Join(errs...)
}

// pruneKind pages through all records of a kind and removes, in the transaction
// that read them again, those of which remove says so. A record that cannot be
// read is left alone, and reported at the end.
func (s *Store) pruneKind(ctx context.Context, kind byte, remove func(*transaction, Entry) (bool, error)) (int, error) {
	var (
		removed    int
		after      []byte
		unreadable error
	)
	for {
		var page []Entry
		err := s.driver.View(ctx, func(r Reader) (err error) {
			page, err = r.Scan([]byte{kind}, after, pruneBatch)
			return err
		})
		if err != nil || len(page) == 0 {
			return removed, errors.Join(unreadable, err)
		}
		var inBatch int
		err = s.update(ctx, func(t *transaction) error {
			inBatch = 0
			for _, entry := range page {
				gone, err := remove(t, entry)
				if errors.Is(err, ErrRecord) {
					unreadable = err
					continue
				}
				if err != nil {
					return err
				}
				if gone {
					inBatch++
				}
			}
			return nil
		})
		if err != nil {
			return removed, errors.Join(unreadable, err)
		}
		removed += inBatch
		after = page[len(page)-1].Key
		if len(page) < pruneBatch {
			return removed, unreadable
		}
	}
}

func (s *Store) pruneTokens(ctx context.Context) (int, error) {
	return s.pruneKind(ctx, keyToken, func(t *transaction, entry Entry) (bool, error) {
		var token Token
		if err := decode(entry.Value, versionToken, &token); err != nil {
			return false, err
		}
		e, err := epoch(t, token.Realm)
		if err != nil {
			return false, err
		}
		end := token.end(t.now, e)
		if token.Kind == FamilyToken {
			end = token.familyEnd(t.now, e)
		}
		// What was asked for with a family is good only while its record says so; and
		// while that is known itself, it must not seem revoked because this is gone.
		if token.Family.NeededUntil.After(t.now.Add(-KeepEnded)) {
			return false, nil
		}
		keep := KeepEnded
		switch {
		case token.Kind == AccessToken || token.Broker.Pending: // there are many; it was good for nothing
			keep = keepAccess
		case token.Kind.isBroker() && end == nil && !token.IssuedAt.After(t.now.Add(-KeepEnded)):
			// Of now, as its seat is: one that was good on the page and has yielded
			// since would seem to have sat nowhere ever.
			var h BrokerHolder
			err := get(t, entry.Key, versionToken, &h.Token)
			if errors.Is(err, ErrNotFound) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			if _, err := h.find(t, t.now); err != nil {
				return false, err
			}
			end = h.Token.end(t.now, e)
		}
		if end == nil || end.At.After(t.now.Add(-keep)) {
			return false, nil // an ended token never comes back: what the page says is enough
		}
		for _, key := range [][]byte{entry.Key, accessorKey(token.Accessor), useKey(token.Accessor), clientsKey(token.Accessor)} {
			if err := t.Delete(key); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

func (s *Store) pruneLinks(ctx context.Context) (int, error) {
	return s.pruneKind(ctx, keyLink, func(t *transaction, entry Entry) (bool, error) {
		var link Link
		if err := decode(entry.Value, versionLink, &link); err != nil {
			return false, err
		}
		end := earlier(earlier(link.ExpiresAt, link.RevokedAt), link.UsedAt)
		if end.After(t.now.Add(-KeepEnded)) {
			return false, nil
		}
		return true, t.Delete(entry.Key)
	})
}

func (s *Store) pruneAudit(ctx context.Context) (int, error) {
	horizon := auditKey(s.now().Add(-KeepAudit), nil)
	removed := 0
	for {
		n := 0
		err := s.update(ctx, func(t *transaction) error {
			page, err := t.Scan([]byte{keyAudit}, nil, pruneBatch)
			if err != nil {
				return err
			}
			n = 0
			for _, entry := range page {
				if string(entry.Key) >= string(horizon) {
					return nil
				}
				if err := t.Delete(entry.Key); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		removed += n
		if err != nil || n < pruneBatch {
			return removed, err
		}
	}
}

// checkpoint is a revision and when it was the present.
type checkpoint struct {
	at       time.Time
	revision Revision
}

// pruneChanges notes the present revision, and drops the feed up to the latest
// one noted long enough ago: the feed itself need not know of time.
func (s *Store) pruneChanges(ctx context.Context) (int, error) {
	present, err := s.Revision(ctx)
	if err != nil {
		return 0, err
	}
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	notes := append(s.checkpoints.notes, checkpoint{s.now(), present})
	horizon := s.now().Add(-KeepChanges)
	var through Revision
	for len(notes) > 0 && !notes[0].at.After(horizon) {
		through = notes[0].revision
		notes = notes[1:]
	}
	s.checkpoints.notes = notes
	if through == 0 {
		return 0, nil
	}
	return 0, s.driver.PruneChanges(ctx, through)
}
