package delta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

const (
	publicURL     = "https://sharing.example.com"
	apiPath       = "/dds-tokens"
	upstreamToken = "the-one-token-of-the-server-behind"
)

// noon is when every test begins.
var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// seam is a driver into whose reads a test can put something.
type seam struct {
	*badgerstore.Store
	after atomic.Pointer[func()]
}

// afterNextView has fn run between the next read and what is made of it.
func (d *seam) afterNextView(fn func()) { d.after.Store(&fn) }

func (d *seam) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	err := d.Store.View(ctx, fn)
	if after := d.after.Swap(nil); after != nil {
		(*after)()
	}
	return err
}

// goodConfig is a configuration without fault.
func goodConfig() Config {
	return Config{
		Realm:              "partners",
		PublicURL:          publicURL,
		Endpoint:           DefaultEndpoint,
		UpstreamToken:      schemes.NewCredential(upstreamToken),
		TokenLifetime:      DefaultTokenLifetime,
		ActivationLifetime: DefaultActivationLifetime,
		MaxTokens:          DefaultMaxTokens,
		TokenEndpoint:      DefaultTokenEndpoint,
		Limits:             DefaultLimits,

		AccessTokenLifetime: DefaultAccessTokenLifetime,
		PageSize:            DefaultPageSize,
		CredentialsAPI:      &CredentialsAPI{Path: apiPath, RecipientClaim: DefaultRecipientClaim, ReadScope: "read", WriteScope: "write"},
	}
}

// site is a scheme over a store of its own, and a server behind.
type site struct {
	*Scheme
	t       testing.TB
	backend *schemes.Backend
	clock   *schemestest.Clock
	driver  *seam
	// providers are the identity providers that can be reached.
	providers network
	// asked counts how often the store was asked for; broken makes that fail.
	asked  atomic.Int64
	broken atomic.Bool
	// upstream answers what passes; nil answers 200 with an empty object.
	upstream http.HandlerFunc
}

// errBroken says why the store cannot be reached.
var errBroken = errors.New("the disk is gone")

func newSite(t testing.TB, changes ...func(*Config)) *site {
	t.Helper()
	c := schemestest.NewClock(noon)
	badger, err := badgerstore.Open(badgerstore.Options{Directory: t.TempDir()})
	must(t, err)
	driver := &seam{Store: badger}
	store := tokenstore.New(driver, tokenstore.Options{Clock: c.Now})
	identities := schemes.NewIdentityCache(store, 0)
	providers := make(network)
	pool, err := keyring.NewPool(keyring.PoolOptions{
		Client: &http.Client{Transport: providers}, Now: c.Now, Refresh: time.Millisecond,
	})
	must(t, err)
	issuers := schemes.NewIssuers(store, pool, nil)
	t.Cleanup(func() {
		issuers.Close()
		identities.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	backend := &schemes.Backend{
		Store: store, Identities: identities, Issuers: issuers, Limiter: schemes.NewLimiter(0, c.Now),
		Sealer: secret.NewSealer(secret.NewMasterKey()),
	}
	return (&site{t: t, backend: backend, clock: c, driver: driver, providers: providers}).with(changes...)
}

// with is another site over the same store.
func (s *site) with(changes ...func(*Config)) *site {
	s.t.Helper()
	other := &site{t: s.t, backend: s.backend, clock: s.clock, driver: s.driver, providers: s.providers, upstream: s.upstream}
	config := goodConfig()
	for _, change := range changes {
		change(&config)
	}
	scheme, err := New(config, func(context.Context) (*schemes.Backend, error) {
		other.asked.Add(1)
		if other.broken.Load() {
			return nil, errBroken
		}
		return other.backend, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	other.Scheme = scheme
	return other
}

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
	// reads are the queries with which a listing of it was read.
	reads []string
}

// serve takes a request the way that the gate takes it.
func (s *site) serve(r *http.Request, changes ...func(*schemes.Call)) *answer {
	s.t.Helper()
	a := &answer{ResponseRecorder: httptest.NewRecorder(), call: &schemes.Call{Request: r}}
	for _, change := range changes {
		change(a.call)
	}
	if err := s.walk(a); err != nil {
		if !errors.As(err, &a.refusal) {
			s.t.Fatalf("%s %s: internal error: %v", r.Method, r.URL, err)
		}
		s.Refuse(a, a.call, a.refusal)
	}
	return a
}

func (s *site) walk(a *answer) (err error) {
	call, r := a.call, a.call.Request
	if forwarded, err := schemestest.Walk(s.Scheme, a, call); !forwarded {
		return err
	}
	a.forwarded = r.Clone(r.Context())
	if compose := s.Compose(call); compose != nil {
		composed, err := compose(r.Context(), func(rawQuery string) (schemes.Recorded, error) {
			a.reads = append(a.reads, rawQuery)
			once := r.Clone(r.Context())
			once.URL.RawQuery = rawQuery
			return s.behind(call, once)
		})
		if err != nil {
			if refusal := (*schemes.Refusal)(nil); errors.As(err, &refusal) {
				return refusal
			}
			return &schemes.Refusal{Status: http.StatusBadGateway, Reason: schemes.UpstreamFailed, Cause: err, Public: "unfit"}
		}
		return a.send(composed)
	}
	learn := s.Learn(call)
	answer, err := s.behind(call, r)
	if err == nil && learn != nil && answer.Status < 300 {
		line, _, _ := bytes.Cut(answer.Body, []byte("\n"))
		err = learn(r.Context(), line)
	}
	if err != nil {
		return err
	}
	return a.send(answer)
}

// behind is what the server behind answers.
func (s *site) behind(call *schemes.Call, r *http.Request) (schemes.Recorded, error) {
	w := httptest.NewRecorder()
	if s.upstream != nil {
		s.upstream(w, r)
	} else {
		_, _ = io.WriteString(w, "{}")
	}
	if refusal := s.Answer(call, w.Code, w.Header()); refusal != nil {
		return schemes.Recorded{}, refusal
	}
	return schemes.Recorded{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}, nil
}

func (a *answer) send(recorded schemes.Recorded) error {
	maps.Copy(a.Header(), recorded.Header)
	a.WriteHeader(recorded.Status)
	_, err := a.Write(recorded.Body)
	return err
}

// data is a call of the protocol.
func (s *site) data(token, method, path string) *answer {
	s.t.Helper()
	r := schemestest.Request(method, s.config.Endpoint+path, "")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return s.serve(r)
}

// api is a call of the credentials API.
func (s *site) api(key, method, body string) *answer {
	s.t.Helper()
	return s.serve(schemestest.Request(method, s.config.CredentialsAPI.Path, body, "Authorization", "Bearer "+key))
}

// expiry is the body of a POST or PATCH.
func expiry(seconds string) string { return `{"` + expiryField + `": ` + seconds + `}` }

// recipient makes a recipient with a management key.
func (s *site) recipient(name string, grants ...string) (created Created, key string) {
	s.t.Helper()
	created, err := s.Create(s.t.Context(), Order{Name: name, Grants: grants, ManagementKey: true}, "test")
	if err != nil {
		s.t.Fatal(err)
	}
	return created, created.ManagementKey.Reveal()
}

// follow uses an activation link as a program does, and returns its token.
func (s *site) follow(link string) (token string) {
	s.t.Helper()
	a := s.serve(schemestest.Request("GET", path(link), "", "Accept", "*/*"))
	var p profile
	a.wantJSON(s.t, http.StatusOK, &p)
	return p.BearerToken
}

// path is what a link says below the host.
func path(link string) string { return strings.TrimPrefix(link, publicURL) }

// holder makes a recipient that has fetched its token.
func (s *site) holder(name string, grants ...string) (token, key string) {
	s.t.Helper()
	created, key := s.recipient(name, grants...)
	return s.follow(created.Link), key
}

// change sets what an operator may set.
func (s *site) change(name string, set func(*tokenstore.Recipient)) {
	s.t.Helper()
	_, err := s.backend.Store.ChangeRecipient(s.t.Context(), s.config.Realm, name, "test", "updateRecipient",
		func(r *tokenstore.Recipient) (string, error) {
			set(r)
			return "", nil
		})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) disable(name string, disabled bool) {
	s.t.Helper()
	s.change(name, func(r *tokenstore.Recipient) { r.Disabled = disabled })
}

// wantStatus fails the test if the answer has another status.
func (a *answer) wantStatus(t testing.TB, status int) {
	t.Helper()
	if a.Code != status {
		t.Fatalf("%s %s: status %d, want %d; body: %s", a.call.Request.Method, a.call.Request.URL.Path, a.Code, status, a.Body)
	}
}

// wantJSON decodes the body, of which every member must be known.
func (a *answer) wantJSON(t testing.TB, status int, into any) {
	t.Helper()
	a.wantStatus(t, status)
	d := json.NewDecoder(strings.NewReader(a.Body.String()))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, a.Body)
	}
}

// wantError checks an error in the protocol's format, and returns its message.
func (a *answer) wantError(t testing.TB, status int, code string) (message string) {
	t.Helper()
	var body protocolError
	a.wantJSON(t, status, &body)
	if body.ErrorCode != code || body.Message == "" || a.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("error %+v as %s, want code %s", body, a.Header().Get("Content-Type"), code)
	}
	return body.Message
}

// wantProblem checks an error of the credentials API, and returns its detail.
func (a *answer) wantProblem(t testing.TB, status int) (detail string) {
	t.Helper()
	var body problem
	a.wantJSON(t, status, &body)
	if body.Type != "about:blank" || body.Title != http.StatusText(status) || body.Status != status || body.Detail == "" {
		t.Errorf("problem %+v", body)
	}
	a.wantHeaders(t, "Content-Type", "application/problem+json", "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff")
	return body.Detail
}

// wantHeaders checks headers, given as name, value, name, value; an empty value
// means that the header is absent.
func (a *answer) wantHeaders(t testing.TB, headers ...string) {
	t.Helper()
	for i := 0; i < len(headers); i += 2 {
		if got := strings.Join(a.Header().Values(headers[i]), "|"); got != headers[i+1] {
			t.Errorf("%s: %q, want %q", headers[i], got, headers[i+1])
		}
	}
}
