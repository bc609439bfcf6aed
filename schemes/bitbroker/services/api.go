package services

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// API answers a BitBroker. All methods may be called concurrently.
type API struct {
	config Config
	open   schemes.Opener
	secret secret.Digest
}

// Config of an API.
type Config struct {
	Realm string
	// Secret is the first segment of both services' addresses.
	Secret schemes.Credential
	// TokenLifetime of the tokens that are minted; 0: until they are rescinded.
	TokenLifetime time.Duration
	// NewToken makes a token: its public id, and the text that only its holder gets.
	NewToken func() (accessor string, token schemes.Credential)
}

// Bounds of a secret, in characters.
const (
	minSecret = 32
	maxSecret = 256
)

// CheckSecret checks what is to be a secret: 32 to 256 letters, digits, underscores and
// hyphens, which stand for themselves in an address. The error does not quote it.
func CheckSecret(s schemes.Credential) error {
	text := s.Reveal()
	if len(text) < minSecret || len(text) > maxSecret {
		return errSecret
	}
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return errSecret
		}
	}
	return nil
}

var errSecret = errors.New("it must be 32 to 256 letters, digits, _ and - (such as `openssl rand -hex 32` makes it)")

// New returns an API. The secret must be one by CheckSecret.
func New(config Config, open schemes.Opener) *API {
	return &API{config, open, secret.DigestOf(config.Secret.Reveal())}
}

// actor is whom the audit names for what a BitBroker asks.
const actor = "bitbroker"

// Serve answers a call, whose path is in its one spelling. It returns why it was refused, or
// nil. Whoever does not know the secret is told nothing but 404, as of a path that is not
// served. After a refusal that BreaksOff, nothing is written.
func (a *API) Serve(w http.ResponseWriter, call *schemes.Call) *schemes.Refusal {
	refusal := a.serve(w, call)
	if refusal != nil && !BreaksOff(refusal) {
		Refuse(w, refusal)
	}
	return refusal
}

// Below is the path of a call below the secret, for logs; empty for a caller that does not
// know it: what it took for the secret may be nearly right.
func (a *API) Below(path canonpath.Path) string {
	if _, ok := a.below(path); !ok {
		return ""
	}
	return path.String()[1+len(path.Segments()[0]):]
}

// below returns the segments below the secret, if that is right.
func (a *API) below(path canonpath.Path) (segments []string, ok bool) {
	segments = path.Segments()
	if len(segments) == 0 || !secret.DigestOf(segments[0]).Equal(a.secret) {
		return nil, false
	}
	segments = segments[1:]
	if n := len(segments); n > 0 && segments[n-1] == "" {
		segments = segments[:n-1] // a slash at the end
	}
	return segments, true
}

func (a *API) serve(w http.ResponseWriter, call *schemes.Call) *schemes.Refusal {
	segments, ok := a.below(call.Path)
	if !ok {
		return NotFound(nil)
	}
	serve, action := a.find(call.Request.Method, segments)
	if serve == nil {
		return NotFound(nil)
	}
	call.Action = action
	if call.EarlyData && call.Request.Method != http.MethodGet && call.Request.Method != http.MethodHead {
		return schemes.TooEarly()
	}
	backend, err := a.open(call.Request.Context())
	switch {
	case err != nil && (call.Request.Method == http.MethodPut || call.Request.Method == http.MethodDelete):
		return failedUnheeded(err)
	case err != nil:
		return schemes.Unavailable(err)
	}
	return serve(w, call.Request, backend.Store)
}

// endpoint answers one kind of call.
type endpoint func(w http.ResponseWriter, r *http.Request, store *tokenstore.Store) *schemes.Refusal

// find finds the endpoint of a method and of the segments below the secret; nil if there is
// none. action is what the audit names it.
func (a *API) find(method string, segments []string) (serve endpoint, action string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if len(segments) == 0 {
		return nil, ""
	}
	switch service, rest := segments[0], segments[1:]; service {
	case "auth":
		return a.findAuth(method, rest)
	case "rate":
		return a.findRate(method, rest)
	}
	return nil, ""
}

// Routes are what is served, as methods and paths.
func Routes() []string {
	return []string{
		"POST /{secret}/auth/token",
		"DELETE /{secret}/auth/token",
		"GET /{secret}/auth/token/check/{jti}",
		"POST /{secret}/auth/token/check",
		"GET /{secret}/auth/.well-known/jwks.json",
		"GET /{secret}/rate/{uid}/config",
		"PUT /{secret}/rate/{uid}/config",
		"DELETE /{secret}/rate/{uid}/config",
	}
}
