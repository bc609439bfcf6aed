package bitbroker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Unbroken implements schemes.Unbroken: what a BitBroker changes must be learnt, also if
// nobody waits for its answer any more.
func (s *Scheme) Unbroken(call *schemes.Call) bool {
	return s.visitOf(call).change.verb != noChange
}

// Learn implements schemes.Scheme: a token that a BitBroker hands out is bound to whose it is
// before anybody has it.
func (s *Scheme) Learn(call *schemes.Call) schemes.Learn {
	change := s.visitOf(call).change
	if !change.brings() {
		return nil
	}
	return func(ctx context.Context, firstLine []byte) error {
		token, contribution := string(firstLine), ""
		if change.verb == createConnector {
			token, contribution = connectorAnswer(firstLine)
		}
		if !isToken(token) {
			return unbound(errors.New("it is none of the gateway's form"))
		}
		b, err := s.open(ctx)
		if err != nil {
			return schemes.Unavailable(err)
		}
		return boundOr(s.bind(ctx, b.Store, change, secret.DigestOf(token), contribution, actorOf(call)))
	}
}

// connectorAnswer reads what is answered to a new connector. Both are empty if it is something
// else.
func connectorAnswer(line []byte) (token, contribution string) {
	var answer struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	}
	if json.Unmarshal(line, &answer) != nil || !isContribution(answer.ID) {
		return "", ""
	}
	return answer.Token, answer.ID
}

// contributionLength is that of a connector's id on the contributor API: a SHA-1 digest in
// hexadecimal.
const contributionLength = 40

// isContribution tells whether a text can be such an id.
func isContribution(text string) bool {
	for i := range len(text) {
		if c := text[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return len(text) == contributionLength
}

func (s *Scheme) bind(ctx context.Context, store *tokenstore.Store, c change, digest secret.Digest, contribution, actor string) error {
	switch realm := s.config.Realm; c.verb {
	case promote:
		return store.BindCoordinator(ctx, realm, digest, c.user, actor)
	case createAccess, reissueAccess:
		return store.BindAccess(ctx, realm, digest, c.user, c.policy, actor)
	case createConnector:
		return store.BindConnector(ctx, realm, digest, c.entity, c.connector, contribution, actor)
	}
	return fmt.Errorf("a change that brings no token is to be bound: %d", c.verb)
}

// boundOr is the refusal in place of an answer whose token could not be bound; nil if it was.
func boundOr(err error) error {
	var ended *tokenstore.EndedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tokenstore.ErrNotFound), errors.Is(err, tokenstore.ErrInvalid):
		return unbound(err)
	case errors.As(err, &ended): // by another call, while this one was under way
		return conflict(err)
	}
	return schemes.Unavailable(err)
}

// unbound is the refusal in place of an answer with a token that nobody here knows. Whoever
// got it would be refused with it.
func unbound(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusBadGateway, Reason: schemes.UpstreamFailed,
		Cause: fmt.Errorf("the BitBroker handed out a token that was not minted here for this: %w; "+
			"set its AUTH_SERVICE to the auth service of the site with gatehouse_bitbroker_services, of the same realm", cause),
	}
}

// Answer implements schemes.Scheme: what a BitBroker deleted is forgotten before anybody is
// told so, also if it was gone already, and so is what went before something that it made. What it says itself, a 401 or 403 among it, is for the
// caller.
func (s *Scheme) Answer(call *schemes.Call, status int, header http.Header) *schemes.Refusal {
	delete(header, tokenField)
	v := s.visitOf(call)
	succeeded := status/100 == 2
	switch {
	case v.change.brings() && succeeded:
		header["Cache-Control"] = []string{"no-store"}
	case v.change.makes() && status == http.StatusCreated:
		return s.afterMaking(call, v.change)
	case v.change.ends():
		// Who is no coordinator any more is not demoted again: 409.
		gone := status == http.StatusNotFound || v.change.verb == demote && status == http.StatusConflict
		return s.afterEnd(call, v, succeeded || gone)
	}
	return nil
}

// afterMaking ends what was given for an earlier one of the name: that it could be made proves
// that there was none any more, though nobody may have heard of its deletion.
func (s *Scheme) afterMaking(call *schemes.Call, c change) *schemes.Refusal {
	ctx := call.Request.Context()
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	if c.verb == createPolicy {
		err = b.Store.RenewPolicy(ctx, s.config.Realm, c.policy, actorOf(call))
	} else {
		err = b.Store.RenewEntity(ctx, s.config.Realm, c.entity, actorOf(call))
	}
	if err != nil {
		return schemes.Unavailable(err)
	}
	return nil
}

// afterEnd forgets what was deleted, if it was.
func (s *Scheme) afterEnd(call *schemes.Call, v *visit, deleted bool) *schemes.Refusal {
	ctx := call.Request.Context()
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	if deleted {
		if err := s.forget(ctx, b.Store, v.change, actorOf(call)); err != nil {
			return schemes.Unavailable(err)
		}
	}
	partOf(b).removals.end(v.removal)
	return nil
}

func (s *Scheme) forget(ctx context.Context, store *tokenstore.Store, c change, actor string) error {
	switch realm := s.config.Realm; c.verb {
	case demote:
		return store.ForgetCoordinator(ctx, realm, c.user, actor)
	case deleteUser:
		return store.ForgetUser(ctx, realm, c.user, actor)
	case deleteAccess:
		return store.ForgetAccess(ctx, realm, c.user, c.policy, actor)
	case deletePolicy:
		return store.ForgetPolicy(ctx, realm, c.policy, actor)
	case deleteEntity:
		return store.ForgetEntity(ctx, realm, c.entity, actor)
	case deleteConnector:
		return store.ForgetConnector(ctx, realm, c.entity, c.connector, actor)
	}
	return fmt.Errorf("a change that ends nothing is to be forgotten: %d", c.verb)
}

// actorOf is whom the audit names for what a call does.
func actorOf(call *schemes.Call) string {
	if call.Identity == nil {
		return "nobody" // where a site's own rules let anybody
	}
	return call.Identity.Kind + " " + call.Identity.Name
}
