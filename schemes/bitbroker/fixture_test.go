package bitbroker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// noon is when every test begins.
var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

const (
	realm = "broker"
	// The contribution ids of the tests' connectors.
	contributionA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	contributionB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// site is a scheme over a store of its own, with a server behind that answers as a test says.
type site struct {
	*Scheme
	t       testing.TB
	backend *schemes.Backend
	clock   *schemestest.Clock
	// broken makes the store unreachable; reads counts what was read of it.
	broken *atomic.Bool
	reads  *atomic.Int64
	// behind answers for the server behind; nil: 200 without a body.
	behind func(r *http.Request) (status int, body string)
}

func newSite(t testing.TB, changes ...func(*Config)) *site {
	t.Helper()
	driver := schemestest.OpenDriver(t, t.TempDir())
	s := &site{t: t, clock: schemestest.NewClock(noon), broken: &driver.Broken, reads: &driver.Reads}
	s.backend = schemestest.NewBackend(driver, s.clock.Now)
	t.Cleanup(func() {
		s.broken.Store(false)
		schemestest.CloseBackend(t, s.backend)
	})
	return s.with(changes...)
}

// with replaces the scheme, as a reload does.
func (s *site) with(changes ...func(*Config)) *site {
	s.t.Helper()
	config := Config{Realm: realm}
	for _, change := range changes {
		change(&config)
	}
	scheme, err := newScheme(config, func(context.Context) (*schemes.Backend, error) { return s.backend, nil }, s.clock.Now)
	must(s.t, err)
	s.Scheme = scheme
	return s
}

func inFront(c *Config) { c.InFront = true }

// modes are the two, for tests of what is the same in both.
var modes = map[string]func(*Config){"standalone": func(*Config) {}, "in front": inFront}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what a caller got, and what the gate would note about it.
type answer struct {
	*httptest.ResponseRecorder
	call    *schemes.Call
	refusal *schemes.Refusal
	// forwarded is the request as the server behind got it; nil if it did not.
	forwarded *http.Request
}

// serve takes a request the way that the gate takes it, and the answer of the server behind
// back.
func (s *site) serve(r *http.Request, changes ...func(*schemes.Call)) *answer {
	s.t.Helper()
	a := &answer{ResponseRecorder: httptest.NewRecorder()}
	a.call = &schemes.Call{Request: r, Writer: a}
	for _, change := range changes {
		change(a.call)
	}
	forwarded, err := schemestest.Walk(s.Scheme, a, a.call)
	if forwarded {
		a.forwarded = a.call.Request
		err = s.pass(a)
	}
	if err != nil {
		if !errors.As(err, &a.refusal) {
			s.t.Fatalf("%s %s: internal error: %v", r.Method, r.URL, err)
		}
		s.Refuse(a, a.call, a.refusal)
	}
	return a
}

// pass has the server behind answer, and the scheme see it.
func (s *site) pass(a *answer) error {
	learn := s.Learn(a.call)
	status, body := http.StatusOK, ""
	if s.behind != nil {
		status, body = s.behind(a.forwarded)
	}
	if refusal := s.Answer(a.call, status, a.Header()); refusal != nil {
		return refusal
	}
	if learn != nil && status/100 == 2 {
		line, _, _ := bytes.Cut([]byte(body), []byte("\n"))
		if err := learn(a.call.Request.Context(), line); err != nil {
			return err
		}
	}
	a.WriteHeader(status)
	if body == "" {
		return nil
	}
	_, err := a.WriteString(body)
	return err
}

// ask calls with a token.
func (s *site) ask(method, path, token string, headers ...string) *answer {
	s.t.Helper()
	if token != "" {
		headers = append(headers, "X-Bbk-Auth-Token", token)
	}
	return s.serve(schemestest.Request(method, path, "", headers...))
}

// want fails the test unless the answer has a status, and came from the server behind just if
// it is to.
func (a *answer) want(t testing.TB, status int, forwarded bool) {
	t.Helper()
	if a.Code != status || (a.forwarded != nil) != forwarded {
		t.Errorf("%s %s: %d, forwarded %t (%v); want %d, %t", a.call.Request.Method, a.call.Path, a.Code, a.forwarded != nil, a.refusal, status, forwarded)
	}
}

// store is the site's.
func (s *site) store() *tokenstore.Store { return s.backend.Store }

// fresh is a new token, as its text and as what is stored.
func fresh() (text string, stored tokenstore.NewBrokerToken) {
	accessor, token := NewToken()
	return token.Reveal(), tokenstore.NewBrokerToken{Accessor: accessor, Digest: secret.DigestOf(token.Reveal())}
}

// The makers of what a standalone site has. Users are named by their email address.

func (s *site) user(email string) uint64 {
	s.t.Helper()
	user, err := s.store().CreateBrokerUser(s.t.Context(), realm, email, []byte(`{}`), "test")
	must(s.t, err)
	return user.ID
}

func (s *site) promoted(id uint64) (token string) {
	s.t.Helper()
	text, stored := fresh()
	_, err := s.store().Promote(s.t.Context(), realm, id, stored, "test")
	must(s.t, err)
	return text
}

func (s *site) policy(slug string, limits ...tokenstore.BrokerLimits) {
	s.t.Helper()
	_, err := s.store().CreateBrokerPolicy(s.t.Context(), realm, slug, []byte(`{}`), append(limits, tokenstore.BrokerLimits{})[0], "test")
	must(s.t, err)
}

func (s *site) access(id uint64, policy string) (token string) {
	s.t.Helper()
	text, stored := fresh()
	_, err := s.store().CreateBrokerAccess(s.t.Context(), realm, id, policy, stored, "test")
	must(s.t, err)
	return text
}

func (s *site) connector(entity, slug, contribution string) (token string) {
	s.t.Helper()
	_, err := s.store().CreateBrokerEntity(s.t.Context(), realm, entity, []byte(`{}`), "test")
	if !errors.Is(err, tokenstore.ErrExists) {
		must(s.t, err)
	}
	text, stored := fresh()
	_, err = s.store().CreateBrokerConnector(s.t.Context(), realm, entity, slug, contribution, []byte(`{}`), stored, "test")
	must(s.t, err)
	return text
}

// mint has a token minted as a BitBroker does.
func (s *site) mint(kind tokenstore.TokenKind, audience string) (token string) {
	s.t.Helper()
	text, stored := fresh()
	must(s.t, s.store().MintBrokerToken(s.t.Context(), realm, tokenstore.NewMint{NewBrokerToken: stored, Kind: kind, Audience: audience}, "test"))
	return text
}

// world is one of each that is good, in whichever mode.
type world struct {
	coordinator, contributor, consumer string
	user                               uint64
}

// newWorld fills a site: a coordinator, who also has access to pol-one, and the connector
// con-one on ent-one.
func (s *site) newWorld() world {
	s.t.Helper()
	w := world{user: 1}
	if !s.config.InFront {
		w.user = s.user("ada@example.com")
		s.policy("pol-one")
		w.coordinator, w.consumer = s.promoted(w.user), s.access(w.user, "pol-one")
		w.contributor = s.connector("ent-one", "con-one", contributionA)
		return w
	}
	ctx := s.t.Context()
	w.coordinator, w.consumer, w.contributor = s.mint(tokenstore.CoordinatorToken, ""), s.mint(tokenstore.ConsumerToken, "pol-one"), s.mint(tokenstore.ContributorToken, "con-one")
	must(s.t, s.store().BindCoordinator(ctx, realm, secret.DigestOf(w.coordinator), w.user, "test"))
	must(s.t, s.store().BindAccess(ctx, realm, secret.DigestOf(w.consumer), w.user, "pol-one", "test"))
	must(s.t, s.store().BindConnector(ctx, realm, secret.DigestOf(w.contributor), "ent-one", "con-one", contributionA, "test"))
	return w
}

// The paths of calls that are good for each kind.
const (
	coordinatorPath = "/coordinator/v1/user"
	contributorPath = "/contributor/v1/connector/" + contributionA + "/session/open/stream"
	consumerPath    = "/consumer/v1/catalog"
)

// envelopeOf is BitBroker's error form of a status.
func envelopeOf(status int) string {
	return fmt.Sprintf(`{"error":{"code":%d,"status":%q,"message":""}}`, status, http.StatusText(status))
}

func upper(text string) string { return strings.ToUpper(text) }

func newUUID() string { return uuid.NewString() }
