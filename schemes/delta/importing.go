package delta

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// isForeign tells whether a text may be an imported token: what RFC 6750 section
// 2.1 allows in a bearer token, and nothing that begins like a secret of ours,
// whose checksum must be right.
func isForeign(text string) bool {
	if len(text) < minImported || len(text) > maxImported || secret.HasKnownPrefix(text) {
		return false
	}
	for _, c := range []byte(text) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~+/=", c) >= 0) {
			return false
		}
	}
	return true
}

func checkImported(text string) error {
	if _, err := secret.Parse(secret.DeltaToken, text); err == nil || isForeign(text) {
		return nil
	}
	return fmt.Errorf("%w: an imported token has %d to %d of the characters of a bearer token (letters, digits and - . _ ~ + / =), and is no other secret of Gatehouse's",
		tokenstore.ErrInvalid, minImported, maxImported)
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
// of them are good; those that exist already with the same token are passed over.
// problems names every order that is not good, once, in their order.
func (s *Scheme) Import(ctx context.Context, orders []Order, actor string) (done, skipped int, problems []ImportProblem, err error) {
	rows := make([]tokenstore.NewRecipient, len(orders))
	malformed := make(map[int]error)
	for i, order := range orders {
		if rows[i], err = s.importRow(order); err != nil {
			malformed[i] = err
		}
	}
	backend, err := s.open(ctx)
	if err != nil {
		return 0, 0, nil, err
	}
	var found []tokenstore.ImportProblem
	if len(malformed) == 0 {
		done, skipped, found, err = backend.Store.ImportRecipients(ctx, rows, actor)
	} else {
		_, found, err = backend.Store.CheckImport(ctx, rows)
	}
	if err != nil {
		return done, skipped, nil, err
	}
	for _, p := range found {
		if malformed[p.Row] == nil {
			malformed[p.Row] = p.Err
		}
	}
	for _, i := range slices.Sorted(maps.Keys(malformed)) {
		problems = append(problems, ImportProblem{i, malformed[i]})
	}
	return done, skipped, problems, nil
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
