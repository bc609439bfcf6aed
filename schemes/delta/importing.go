package delta

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// An imported token was made elsewhere: by the server behind, whose one token many
// partners share, or by another gateway. It is looked up by its digest like one of
// ours, but has no checksum that tells garbage.

// Length of an imported token, in bytes. Less could be guessed.
const (
	minImported = 12
	maxImported = 4096
)

// isForeign tells whether a text may be an imported token: what a bearer token can
// be, and nothing that begins like a secret of ours, whose checksum must be right.
func isForeign(text string) bool {
	return len(text) >= minImported && len(text) <= maxImported && !secret.HasKnownPrefix(text) && headers.IsToken68(text)
}

// checkImported says why a token cannot be imported, without quoting it.
func checkImported(text string) error {
	if _, err := secret.Parse(secret.DeltaToken, text); err == nil || isForeign(text) {
		return nil
	}
	var why string
	switch {
	case secret.HasKnownPrefix(text):
		why = "the token begins like one of Gatehouse's own secrets (gha_, ghd_, ghk_, ghm_, gho_, ghs_; some of GitHub's do too), and of those only a whole ghd_ token can be imported: change it where it was made, or give the recipient an activation link"
	case len(text) < minImported:
		why = fmt.Sprintf("the token is too short: an imported token has %d to %d characters, as a shorter one could be guessed", minImported, maxImported)
	case len(text) > maxImported:
		why = fmt.Sprintf("the token is too long: an imported token has %d to %d characters", minImported, maxImported)
	default:
		why = "the token has a character that could not be sent in a call: there are letters, digits, - . _ ~ + / and, only at the end, ="
	}
	return fmt.Errorf("%w: %s", tokenstore.ErrInvalid, why)
}

// IsUpstreamToken tells whether a token is the server's own: whoever holds it can
// also reach the server past the gateway, if the network lets it.
func (s *Scheme) IsUpstreamToken(digest secret.Digest) bool {
	return secret.DigestOf(s.config.UpstreamToken.Reveal()).Equal(digest)
}

// ImportProblem says why a line of an import is not good. Orders are numbered as
// they were given, from 0.
type ImportProblem struct {
	Order int
	Err   error
}

// Import makes many recipients that bring their tokens. Nothing is stored unless all
// of them are good; those that exist already with the same token are passed over as
// they are, by their orders' numbers. problems names every order that is not good,
// once, in their order.
func (s *Scheme) Import(ctx context.Context, orders []Order, actor string) (done int, passed []tokenstore.PassedOver, problems []ImportProblem, err error) {
	rows := make([]tokenstore.NewRecipient, len(orders))
	malformed := make(map[int]error)
	for i, order := range orders {
		if rows[i], err = s.importRow(order); err != nil {
			malformed[i] = err
		}
	}
	backend, err := s.open(ctx)
	if err != nil {
		return 0, nil, nil, err
	}
	var found []tokenstore.ImportProblem
	if len(malformed) == 0 {
		done, passed, found, err = backend.Store.ImportRecipients(ctx, rows, actor)
	} else {
		_, found, err = backend.Store.CheckImport(ctx, rows)
	}
	if err != nil {
		return done, nil, nil, err
	}
	for _, p := range found {
		if malformed[p.Row] == nil {
			malformed[p.Row] = p.Err
		}
	}
	for _, i := range slices.Sorted(maps.Keys(malformed)) {
		problems = append(problems, ImportProblem{i, malformed[i]})
	}
	return done, passed, problems, nil
}

// importRow checks one order of an import. Of a malformed one the name and the token
// are returned all the same, so that others that have them too are found.
func (s *Scheme) importRow(order Order) (tokenstore.NewRecipient, error) {
	malformed := tokenstore.NewRecipient{Realm: s.config.Realm, Name: order.Name}
	if order.Imported.IsZero() {
		return malformed, fmt.Errorf("%w: no token", tokenstore.ErrInvalid)
	}
	row, err := s.newRecipient(order)
	if err != nil {
		malformed.Imported = &tokenstore.ImportedToken{Digest: secret.DigestOf(order.Imported.Reveal())}
		return malformed, err
	}
	return row, nil
}
