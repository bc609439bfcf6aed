package pda

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

// BenchmarkCallAgain is all that the scheme does for a call with a token that was seen
// before: credential, identity, renewal, rules, headers.
func BenchmarkCallAgain(b *testing.B) {
	driver, err := badgerstore.Open(badgerstore.Options{Directory: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	store := tokenstore.New(driver, tokenstore.Options{})
	backend := &schemes.Backend{
		Store: store, Identities: schemes.NewIdentityCache(store, 0), Parts: new(schemes.Parts),
		Limiter: schemes.NewLimiter(0, nil),
		Sealer:  secret.NewSealer(secret.NewMasterKey()),
	}
	b.Cleanup(func() {
		backend.Parts.Close()
		backend.Identities.Close()
		_ = store.Close()
	})
	s, err := New(Config{
		Realm: "default", Idle: DefaultIdle, Absolute: DefaultAbsolute, RenewInterval: DefaultRenewInterval,
		LimitStatus: http.StatusTooManyRequests, BatchLimit: DefaultBatchLimit,
	}, func(context.Context) (*schemes.Backend, error) { return backend, nil })
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	const plain = "seven tulips on the windowsill"
	if _, err := s.CreateAccount(ctx, AccountOrder{Host: "ann.example.com", Password: plain}, "test"); err != nil {
		b.Fatal(err)
	}
	signIn := httptest.NewRequest(http.MethodGet, "http://ann.example.com/users/access_token", nil)
	signIn.Header.Set("Username", "ann")
	signIn.Header.Set("Password", plain)
	call := callOf(b, signIn)
	w := httptest.NewRecorder()
	if err := s.Public(call)(w, call); err != nil {
		b.Fatal(err)
	}
	token := w.Header().Get(tokenField)
	b.ReportAllocs()
	for b.Loop() {
		r := &http.Request{Method: http.MethodGet, Host: signIn.Host, URL: signIn.URL, Header: http.Header{tokenField: {token}}}
		call := &schemes.Call{Request: r, Host: "ann.example.com", Path: dataPath(b)}
		if s.Public(call) != nil {
			b.Fatal("public")
		}
		if call.Credential, err = s.Credential(call); err != nil {
			b.Fatal(err)
		}
		if call.Identity, err = s.Identify(ctx, call); err != nil {
			b.Fatal(err)
		}
		if s.Endpoint(call) != nil {
			b.Fatal("own endpoint")
		}
		if call.Decision = s.Decide(call); !call.Decision.Allow {
			b.Fatal("denied")
		}
		s.Forward(call, r)
		h := make(http.Header)
		s.Answer(call, http.StatusOK, h)
		if h.Get(tokenField) == "" {
			b.Fatal("no token")
		}
	}
}

var benchPath canonpath.Path

func dataPath(b *testing.B) canonpath.Path {
	if benchPath.String() == "" {
		benchPath = callOf(b, httptest.NewRequest(http.MethodGet, "http://ann.example.com/api/v2.6/data/notes/diary", nil)).Path
	}
	return benchPath
}

func callOf(b *testing.B, r *http.Request) *schemes.Call {
	path, err := canonpath.FromRequest(r, canonpath.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return &schemes.Call{Request: r, Host: "ann.example.com", Path: path, ClientIP: "192.0.2.1"}
}
