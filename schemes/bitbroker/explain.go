package bitbroker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Explain implements schemes.Explainer.
func (s *Scheme) Explain(call *schemes.Call) []policies.Consideration {
	v := s.visitOf(call)
	_, considered := s.policy.Explain(call.Request.Method, v.segments, v.slash, subjectOf(call, v))
	return considered
}

// Present implements schemes.Presenter.
func (s *Scheme) Present(h http.Header, credential schemes.Credential) {
	h[tokenField] = []string{credential.Reveal()}
}

// Strange implements schemes.Stranger.
func (s *Scheme) Strange(id *schemes.Identity) []string {
	var strange []string
	if !slices.Contains(knownKinds, id.Kind) {
		strange = append(strange, "the kind "+id.Kind)
	}
	for _, role := range id.Roles {
		strange = append(strange, "the role "+role)
	}
	return strange
}

// Complete implements schemes.Completer: an identity keeps of its token whose it is, as far
// as its id says so.
func (s *Scheme) Complete(id *schemes.Identity) {
	kept := new(holder)
	switch id.Kind {
	case kindCoordinator, kindConsumer:
		kept.user, _ = userID(id.Subject)
	case kindContributor:
		_, kept.connector, _ = strings.Cut(id.Subject, "/")
	}
	id.Session = kept
}

// Portray implements schemes.Portrayer. Who is, by the API of the call: a user's id or email
// address; such a user and, if it has several accesses, a slash and the slug of one's policy;
// or an entity type and a connector with a slash between. Outside of the APIs anybody is refused.
func (s *Scheme) Portray(ctx context.Context, call *schemes.Call, who string) (*schemes.Identity, error) {
	b, err := s.open(ctx)
	if err != nil {
		return nil, schemes.Unavailable(err)
	}
	v := s.visitOf(call)
	if v.api == nil {
		return nil, missing(nil)
	}
	id := &schemes.Identity{Scheme: Name, Realm: s.config.Realm, Kind: v.api.kind}
	name, further, _ := cutLast(who)
	switch id.Kind {
	case kindContributor:
		err = s.portrayConnector(ctx, b.Store, id, name, further)
	case kindConsumer:
		err = s.portrayConsumer(ctx, b, id, name, further)
	default:
		err = s.portrayCoordinator(ctx, b.Store, id, who)
	}
	if refusal := (*schemes.Refusal)(nil); err != nil && !errors.Is(err, tokenstore.ErrNotFound) && !errors.As(err, &refusal) {
		err = schemes.Unavailable(err)
	}
	if err != nil {
		return nil, err
	}
	return id, nil
}

// cutLast cuts at the last slash: an email address may hold one.
func cutLast(who string) (before, after string, found bool) {
	at := strings.LastIndexByte(who, '/')
	if at < 0 {
		return who, "", false
	}
	return who[:at], who[at+1:], true
}

func (s *Scheme) portrayConnector(ctx context.Context, store *tokenstore.Store, id *schemes.Identity, entity, slug string) error {
	connector, err := store.BrokerConnector(ctx, s.config.Realm, entity, slug)
	if err != nil {
		return unknown(err)
	}
	describeConnector(id, connector)
	return nil
}

func (s *Scheme) portrayCoordinator(ctx context.Context, store *tokenstore.Store, id *schemes.Identity, who string) error {
	user, err := s.userOf(ctx, store, who)
	switch {
	case err != nil:
		return err
	case !user.Coordinator.Taken():
		return forbidden(schemes.EndedCredential, tokenstore.ErrNoCoordinator)
	}
	describeUser(id, user)
	id.Session = &holder{user: user.ID}
	return nil
}

var errNoAccess = errors.New("the user has not just one access, or not that one; write the user, a slash and the slug of the policy")

func (s *Scheme) portrayConsumer(ctx context.Context, b *schemes.Backend, id *schemes.Identity, who, slug string) error {
	user, err := s.userOf(ctx, b.Store, who)
	if err != nil {
		return err
	}
	accesses := user.Accesses
	if slug != "" {
		accesses = slices.DeleteFunc(slices.Clone(accesses), func(a tokenstore.BrokerAccess) bool { return a.Policy != slug })
	}
	if len(accesses) != 1 {
		return forbidden(schemes.EndedCredential, errNoAccess)
	}
	describeUser(id, user)
	h := &holder{user: user.ID, policy: accesses[0].Policy, life: accesses[0].Life}
	id.Session = h
	if _, refusal := s.standingPolicy(ctx, b, h); refusal != nil {
		return refusal
	}
	return nil
}

// userOf finds a user by its id or its email address.
func (s *Scheme) userOf(ctx context.Context, store *tokenstore.Store, who string) (tokenstore.BrokerUser, error) {
	if id, err := strconv.ParseUint(who, 10, 64); err == nil {
		user, err := store.BrokerUser(ctx, s.config.Realm, id)
		return user, unknown(err)
	}
	user, err := store.BrokerUserByEmail(ctx, s.config.Realm, strings.ToLower(who))
	return user, unknown(err)
}

// unknown makes the name of nobody one that is not there.
func unknown(err error) error {
	if errors.Is(err, tokenstore.ErrInvalid) {
		return tokenstore.ErrNotFound
	}
	return err
}
