package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// ImportedToken is a bearer token that was made elsewhere and goes on working. It
// ends with its recipient (NotAfter), or when it is rotated or revoked.
type ImportedToken struct {
	Accessor string
	Digest   secret.Digest
}

// addToken stores a token under a digest that no other has: one that is taken
// would give one token two holders.
func (t *transaction) addToken(digest secret.Digest, token Token) error {
	if err := t.vacant(tokenKey(digest)); err != nil {
		return err
	}
	if err := t.putToken(digest[:], token); err != nil {
		return err
	}
	return put(t, accessorKey(token.Accessor), versionIndex, index{Digest: digest[:]})
}

func (t *transaction) importToken(recipient *Recipient, imported ImportedToken, actor string) error {
	if err := recipient.lasts(t.now); err != nil {
		return err
	}
	e, err := epoch(t, recipient.Realm)
	if err != nil {
		return err
	}
	recipient.Slots = append(recipient.Slots, Slot{Accessor: imported.Accessor, Digest: imported.Digest[:]})
	return t.addToken(imported.Digest, Token{
		Accessor: imported.Accessor, Realm: recipient.Realm, Subject: recipient.ID, Epoch: e.Number,
		CreatedAt: t.now, IssuedAt: t.now, ExpiresAt: t.now.Add(maxLifetime),
		Imported: true, CreatedBy: actor,
	})
}

// ImportProblem says why one of many recipients cannot be imported.
type ImportProblem struct {
	Row int // index in the list
	Err error
}

// PassedOver is one of many recipients that is stored already, with the same token.
type PassedOver struct {
	Row int // index in the list
	// Differs is what the list says otherwise than the store, of "grants", "end" and
	// "comment".
	Differs []string
}

// importBatch is how many recipients one transaction stores: far from what any
// driver takes at once, unless they are unusually large.
const importBatch = 100

// ImportRecipients stores many recipients that bring their tokens. Nothing is
// stored unless all of them can be; problems names each that cannot, once, in the
// order of the list. Those that exist already with the same name and the same token
// are passed over as they are, so that an import that was interrupted can be run
// again: done counts them too. An error leaves those before it stored.
func (s *Store) ImportRecipients(ctx context.Context, rows []NewRecipient, actor string) (done int, passed []PassedOver, problems []ImportProblem, err error) {
	passed, problems, err = s.CheckImport(ctx, rows)
	if err != nil || len(problems) > 0 {
		return 0, nil, problems, err
	}
	known := make([]bool, len(rows))
	for _, p := range passed {
		known[p.Row] = true
	}
	for first := 0; first < len(rows); first += importBatch {
		last := min(first+importBatch, len(rows))
		if err := s.importRows(ctx, rows[first:last], known[first:last], actor); err != nil {
			return first, nil, nil, err
		}
	}
	return len(rows), passed, nil, nil
}

// importRows stores rows in one transaction, or in several if they are too large.
func (s *Store) importRows(ctx context.Context, rows []NewRecipient, known []bool, actor string) error {
	err := s.update(ctx, func(t *transaction) error {
		for i, row := range rows {
			if known[i] {
				continue
			}
			if _, err := t.createRecipient(row, actor); err != nil {
				return fmt.Errorf("recipient %s: %w", row.Name, err)
			}
		}
		return nil
	})
	if errors.Is(err, ErrTooLarge) && len(rows) > 1 {
		half := len(rows) / 2
		if err := s.importRows(ctx, rows[:half], known[:half], actor); err != nil {
			return err
		}
		return s.importRows(ctx, rows[half:], known[half:], actor)
	}
	return err
}

// CheckImport looks at every row and stores none. passed are those that are stored
// already, in the order of the list.
func (s *Store) CheckImport(ctx context.Context, rows []NewRecipient) (passed []PassedOver, problems []ImportProblem, err error) {
	twice := repeated(rows)
	for first := 0; first < len(rows); first += importBatch {
		last := min(first+importBatch, len(rows))
		var (
			known []PassedOver
			found []ImportProblem
		)
		err := s.driver.View(ctx, func(r Reader) error {
			known, found = known[:0], found[:0]
			for i := first; i < last; i++ {
				stored, differs, err := s.importable(r, rows[i])
				if err == nil {
					err = twice[i]
				}
				switch {
				case err == nil && stored:
					known = append(known, PassedOver{i, differs})
				case err == nil:
				case errors.Is(err, ErrInvalid), errors.Is(err, ErrExists):
					found = append(found, ImportProblem{i, err})
				default:
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		passed, problems = append(passed, known...), append(problems, found...)
	}
	return passed, problems, nil
}

// repeated are the rows whose name or token stands in the list before, and what to
// say of them.
func repeated(rows []NewRecipient) map[int]error {
	type place struct{ realm, name string }
	names, tokens := make(map[place]bool, len(rows)), make(map[secret.Digest]bool, len(rows))
	twice := make(map[int]error)
	for i, row := range rows {
		name := place{row.Realm, FoldName(row.Name)}
		if names[name] {
			twice[i] = fmt.Errorf("%w: the name stands in the list before", ErrInvalid)
		}
		names[name] = true
		if row.Imported == nil {
			continue
		}
		if tokens[row.Imported.Digest] && twice[i] == nil {
			twice[i] = fmt.Errorf("%w: the token stands in the list before", ErrInvalid)
		}
		tokens[row.Imported.Digest] = true
	}
	return twice
}

// importable tells whether a row can be stored, or is stored already, and then what
// differs.
func (s *Store) importable(r Reader, row NewRecipient) (stored bool, differs []string, err error) {
	if row.Imported == nil {
		return false, nil, fmt.Errorf("%w: no token", ErrInvalid)
	}
	recipient, err := row.recipient()
	if err != nil {
		return false, nil, err
	}
	existing, err := recipientByName(r, row.Realm, row.Name)
	switch {
	case err == nil:
		if existing.keepsToken(row.Imported.Digest) {
			return true, existing.differsFrom(recipient), nil
		}
		return false, nil, ErrExists
	case !errors.Is(err, ErrNotFound):
		return false, nil, err
	}
	switch _, err := r.Get(tokenKey(row.Imported.Digest)); {
	case err == nil:
		return false, nil, fmt.Errorf("%w: the token is known already, as another recipient's", ErrInvalid)
	case !errors.Is(err, ErrNotFound):
		return false, nil, err
	}
	return false, nil, recipient.lasts(s.clock())
}

// differsFrom names what an import would have stored otherwise.
func (r *Recipient) differsFrom(imported Recipient) (differs []string) {
	if !slices.Equal(foldedGrants(r.Grants), foldedGrants(imported.Grants)) {
		differs = append(differs, "grants")
	}
	if !r.NotAfter.Equal(imported.NotAfter) {
		differs = append(differs, "end")
	}
	if r.Comment != imported.Comment {
		differs = append(differs, "comment")
	}
	return differs
}

// foldedGrants are grants as they are compared: in one order, and one case.
func foldedGrants(grants []string) []string {
	folded := make([]string, len(grants))
	for i, grant := range grants {
		folded[i] = FoldName(grant)
	}
	slices.Sort(folded)
	return slices.Compact(folded)
}

// keepsToken tells whether a token, by its digest, is in one of the recipient's slots.
func (r *Recipient) keepsToken(digest secret.Digest) bool {
	return slices.ContainsFunc(r.Slots, func(slot Slot) bool {
		held, err := digestFrom(slot.Digest)
		return err == nil && !slot.Pending && held.Equal(digest)
	})
}
