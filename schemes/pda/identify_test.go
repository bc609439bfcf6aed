package pda

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

// interrupted is a driver that does something else before its next look.
type interrupted struct {
	*badgerstore.Store
	first func()
}

func (d *interrupted) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	if first := d.first; first != nil {
		d.first = nil
		first()
	}
	return d.Store.View(ctx, fn)
}

// signedIn is a site whose one owner, ann, has signed in.
type signedIn struct {
	*Scheme
	backend *schemes.Backend
	driver  *interrupted
	token   string
}

func signIn(t *testing.T) *signedIn {
	t.Helper()
	driver, err := badgerstore.Open(badgerstore.Options{Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	in := &signedIn{driver: &interrupted{Store: driver}}
	store := tokenstore.New(in.driver, tokenstore.Options{})
	in.backend = &schemes.Backend{
		Store: store, Identities: schemes.NewIdentityCache(store, 0), Parts: new(schemes.Parts),
		Limiter: schemes.NewLimiter(0, nil),
		Sealer:  secret.NewSealer(secret.NewMasterKey()),
	}
	t.Cleanup(func() {
		in.backend.Parts.Close()
		in.backend.Identities.Close()
		_ = store.Close()
	})
	in.Scheme = newScheme(t, in.backend)
	const plain = "seven tulips on the windowsill"
	if _, err := in.CreateAccount(t.Context(), AccountOrder{Host: "ann.example.com", Password: plain}, "test"); err != nil {
		t.Fatal(err)
	}
	call := in.call(t, "/users/access_token")
	call.Request.Header.Set("Username", "ann")
	call.Request.Header.Set("Password", plain)
	w := httptest.NewRecorder()
	if err := in.Public(call)(w, call); err != nil {
		t.Fatal(err)
	}
	in.token = w.Header().Get(tokenField)
	return in
}

func newScheme(t *testing.T, backend *schemes.Backend, changes ...func(*Config)) *Scheme {
	t.Helper()
	config := Config{
		Realm: "default", Idle: DefaultIdle, Absolute: DefaultAbsolute, RenewInterval: DefaultRenewInterval,
		LimitStatus: http.StatusTooManyRequests, BatchLimit: DefaultBatchLimit,
	}
	for _, change := range changes {
		change(&config)
	}
	s, err := New(config, func(context.Context) (*schemes.Backend, error) { return backend, nil })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (in *signedIn) call(t *testing.T, path string) *schemes.Call {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://ann.example.com"+path, nil)
	canonical, err := canonpath.FromRequest(r, canonpath.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &schemes.Call{Request: r, Host: "ann.example.com", Path: canonical, ClientIP: "192.0.2.1"}
}

// ask calls with the token of the sign-in.
func (in *signedIn) ask(t *testing.T) error {
	t.Helper()
	call := in.call(t, "/api/v2.6/data/notes/diary")
	call.Credential = schemes.NewCredential(in.token)
	_, err := in.Identify(t.Context(), call)
	return err
}

func isUnauthorized(err error) bool {
	refusal := (*schemes.Refusal)(nil)
	return errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized
}

// A call that found its account, then had to wait while the key was rotated, and then
// found its family, was remembered as good for as long as its token said.
func TestTokenOfAKeyThatIsRotatedMeanwhileIsNotRemembered(t *testing.T) {
	t.Parallel()
	in := signIn(t)
	if _, err := in.accountOf(t.Context(), in.backend, "ann.example.com"); err != nil { // remembered from here
		t.Fatal(err)
	}
	in.driver.first = func() {
		if _, err := in.RotateKey(t.Context(), "ann.example.com", 0, "test"); err != nil {
			t.Error(err)
		}
	}
	for _, when := range []string{"meanwhile", "afterwards"} {
		if err := in.ask(t); !isUnauthorized(err) {
			t.Errorf("%s: the token of the key that was given up: %v", when, err)
		}
	}
	if in.driver.first != nil {
		t.Error("the key was not rotated")
	}
}

// Identities outlive configurations: a reload with a shorter idle counted for no token
// that was remembered.
func TestShorterIdleCountsForTokensThatAreRemembered(t *testing.T) {
	t.Parallel()
	in := signIn(t)
	if err := in.ask(t); err != nil {
		t.Fatal(err)
	}
	in.config.Idle = -2 * time.Second // as if they had passed; New takes none so short
	if err := in.ask(t); !isUnauthorized(err) {
		t.Errorf("idle for longer than the site says now: %v", err)
	}
}
