package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// The answers of a store in the words of a ledger. What has no words is an error
// that nobody expects, and is rendered as such.

// plain turns an error of a store into the ledger's.
func plain(err error) error {
	if over, ok := errors.AsType[*tokenstore.LinkOverError](err); ok {
		if over.Used {
			return errLinkUsed
		}
		return errLinkOver
	}
	if _, ok := errors.AsType[*tokenstore.DisabledError](err); ok {
		return errDisabled
	}
	return err
}

func tokenOutcome(ctx context.Context, s *tokenstore.Store, realm string, token secret.Digest) string {
	return outcomeOf(s.TokenHolder(ctx, realm, token))
}

func secretOutcome(ctx context.Context, s *tokenstore.Store, realm string, token secret.Digest) string {
	return outcomeOf(s.ClientSecretHolder(ctx, realm, token))
}

func outcomeOf(holder tokenstore.Holder, err error) string {
	if err == nil {
		return validOutcome(holder.Recipient.ID, holder.Recipient.Grants, holder.Token.ExpiresAt)
	}
	if end, ok := errors.AsType[*tokenstore.EndedError](err); ok {
		return fmt.Sprintf("%s at %d", end.Reason, end.At.Unix())
	}
	if errors.Is(err, tokenstore.ErrNotFound) {
		return "unknown"
	}
	return plain(err).Error()
}

func tokenStatus(ctx context.Context, s *tokenstore.Store, accessor string) string {
	info, err := s.TokenByAccessor(ctx, accessor)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return "unknown"
	case err != nil:
		return err.Error()
	}
	return info.Status
}

func credentials(ctx context.Context, s *tokenstore.Store, realm, name string) ([]string, error) {
	_, live, err := s.Credentials(ctx, realm, name)
	var list []string
	for _, c := range live {
		state := "active"
		switch {
		case c.Link != nil:
			state = "pending"
		case c.Rotated():
			state = "rotated"
		}
		list = append(list, c.Accessor+" "+state)
	}
	return list, err
}

// auditLength counts the audit's entries, page by page.
func auditLength(ctx context.Context, s *tokenstore.Store) (int, error) {
	var (
		count  int
		cursor []byte
	)
	for {
		entries, next, err := s.Audit(ctx, cursor, 7)
		count += len(entries)
		if err != nil || next == nil {
			return count, err
		}
		cursor = next
	}
}

// differences compares what a store answers of all that the ledger knows with what
// the ledger says, and returns the first answer that differs, or nil.
func (l *ledger) differences(ctx context.Context, s *tokenstore.Store) error {
	for _, p := range l.passes {
		realm := p.owner.realm
		if p.issued {
			got, other := tokenOutcome(ctx, s, realm, p.token), secretOutcome(ctx, s, realm, p.token)
			if p.owner.client {
				got, other = other, got
			}
			if other != "unknown" {
				return fmt.Errorf("token %s as another kind: %s, want unknown", p.accessor, other)
			}
			if p.blurred && !p.tokenGone && strings.Contains(got, " at ") {
				continue
			}
			if want := l.tokenOutcome(p); got != want {
				return fmt.Errorf("token %s: %s, want %s", p.accessor, got, want)
			}
			if got := tokenOutcome(ctx, s, realm+".not", p.token); got != "unknown" {
				return fmt.Errorf("token %s in another realm: %s, want unknown", p.accessor, got)
			}
		}
		if got, want := tokenStatus(ctx, s, p.accessor), l.tokenStatus(p); got != want {
			return fmt.Errorf("status of token %s: %s, want %s", p.accessor, got, want)
		}
		if _, err := s.Link(ctx, realm, p.code); !errors.Is(plain(err), l.linkState(p)) {
			return fmt.Errorf("link %s: %v, want %v", p.accessor, err, l.linkState(p))
		}
		if l.owner(realm, p.owner.name) == nil {
			if _, err := s.Recipient(ctx, realm, p.owner.name); !errors.Is(err, tokenstore.ErrNotFound) {
				return fmt.Errorf("deleted recipient %s: %v, want ErrNotFound", p.owner.name, err)
			}
		}
	}
	for _, a := range l.accesses {
		got, want := tokenOutcome(ctx, s, a.secret.owner.realm, a.token), l.accessOutcome(a)
		status, wantStatus := tokenStatus(ctx, s, a.accessor), l.accessStatus(a)
		if a.secret.blurred && !a.gone && strings.Contains(got, " at ") {
			continue
		}
		if got != want || status != wantStatus {
			return fmt.Errorf("access token %s: %s, %s, want %s, %s", a.accessor, got, status, want, wantStatus)
		}
	}
	for _, o := range l.owners {
		got, err := credentials(ctx, s, o.realm, o.name)
		if want := l.credentials(o); err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("credentials of %s: %q, %v, want %q", o.id, got, err, want)
		}
	}
	return nil
}
