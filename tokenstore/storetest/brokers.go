package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// What tests of a BitBroker's registry are made of.

// accessorOf is the accessor of a made-up token of a BitBroker: a UUID.
func accessorOf(name string) string {
	d := secret.DigestOf("accessor of " + name)
	return fmt.Sprintf("%x-%x-%x-%x-%x", d[:4], d[4:6], d[6:8], d[8:10], d[10:16])
}

func brokerOf(name string) secret.Digest { return digestOf("broker token %s", name) }

// brokerToken is a new token of a name.
func brokerToken(name string) tokenstore.NewBrokerToken {
	return tokenstore.NewBrokerToken{Accessor: accessorOf(name), Digest: brokerOf(name), Lifetime: lifetime}
}

// brokerOutcome is what who presents a token gets, in words.
func brokerOutcome(h tokenstore.BrokerHolder, err error) string {
	ended, over := errors.AsType[*tokenstore.EndedError](err)
	switch {
	case over:
		return string(ended.Reason)
	case errors.Is(err, tokenstore.ErrConnectorGone):
		return "connector gone"
	case errors.Is(err, tokenstore.ErrNotFound):
		return "unknown"
	case err != nil:
		return err.Error()
	}
	switch h.Token.Kind {
	case tokenstore.CoordinatorToken:
		return fmt.Sprintf("coordinator %d", h.User.ID)
	case tokenstore.ConsumerToken:
		return fmt.Sprintf("consumer %d of %s", h.User.ID, h.Access.Policy)
	default:
		return fmt.Sprintf("contributor of %s/%s", h.Connector.Entity, h.Connector.Slug)
	}
}

func (s *site) wantBroker(t testing.TB, name, want string) {
	t.Helper()
	if got := brokerOutcome(s.BrokerHolder(t.Context(), home, brokerOf(name))); got != want {
		t.Errorf("token %s: %s, want %s", name, got, want)
	}
}

// goodBrokers are those of the names whose tokens are good.
func (s *site) goodBrokers(t testing.TB, names ...string) (good []string) {
	t.Helper()
	for _, name := range names {
		_, err := s.BrokerHolder(t.Context(), home, brokerOf(name))
		_, ended := errors.AsType[*tokenstore.EndedError](err)
		switch {
		case err == nil:
			good = append(good, name)
		case !ended && !errors.Is(err, tokenstore.ErrNotFound) && !errors.Is(err, tokenstore.ErrConnectorGone):
			t.Errorf("token %s: %v", name, err)
		}
	}
	return good
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// wantErr demands an error, nil for none.
func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// user makes a user of a name and returns its id.
func (s *site) user(t testing.TB, name string) uint64 {
	t.Helper()
	user, err := s.CreateBrokerUser(t.Context(), home, name+"@example.com", []byte(`{"name":"`+name+`"}`), actor)
	must(t, err)
	return user.ID
}

func (s *site) promote(t testing.TB, id uint64, token string) {
	t.Helper()
	_, err := s.Promote(t.Context(), home, id, brokerToken(token), actor)
	must(t, err)
}

func (s *site) addPolicy(t testing.TB, slugs ...string) {
	t.Helper()
	for _, slug := range slugs {
		_, err := s.CreateBrokerPolicy(t.Context(), home, slug, []byte("{}"), tokenstore.BrokerLimits{}, actor)
		must(t, err)
	}
}

func (s *site) tryAccess(t testing.TB, user uint64, policy, token string) error {
	_, err := s.CreateBrokerAccess(t.Context(), home, user, policy, brokerToken(token), actor)
	return err
}

func (s *site) reissue(t testing.TB, user uint64, policy, token string, overlap time.Duration) {
	t.Helper()
	must(t, s.ReissueBrokerAccess(t.Context(), home, user, policy, brokerToken(token), overlap, actor))
}

// accessesOf are the slugs of the policies that a user has access to.
func (s *site) accessesOf(t testing.TB, user uint64) string {
	t.Helper()
	found, err := s.BrokerUser(t.Context(), home, user)
	must(t, err)
	var slugs []string
	for _, access := range found.Accesses {
		slugs = append(slugs, access.Policy)
	}
	return strings.Join(slugs, " ")
}

func (s *site) entity(t testing.TB, slugs ...string) {
	t.Helper()
	for _, slug := range slugs {
		_, err := s.CreateBrokerEntity(t.Context(), home, slug, []byte("{}"), actor)
		must(t, err)
	}
}

// contributionOf is the id that a connector has on the contributor API.
func contributionOf(entity, connector string) string {
	d := digestOf("%s:%s", entity, connector)
	return fmt.Sprintf("%x", d[:20])
}

func (s *site) tryConnector(t testing.TB, entity, slug, token string) (tokenstore.BrokerConnector, error) {
	return s.CreateBrokerConnector(t.Context(), home, entity, slug, contributionOf(entity, slug), []byte("{}"), brokerToken(token), actor)
}

// connector makes a connector with a token, and its entity type if there is none.
func (s *site) connector(t testing.TB, entity, slug, token string) {
	t.Helper()
	if _, err := s.CreateBrokerEntity(t.Context(), home, entity, nil, actor); !errors.Is(err, tokenstore.ErrExists) {
		must(t, err)
	}
	_, err := s.tryConnector(t, entity, slug, token)
	must(t, err)
}
