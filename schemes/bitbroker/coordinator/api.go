package coordinator

import (
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// API is the coordinator API of a realm. All methods may be called concurrently.
type API struct {
	config Config
	open   schemes.Opener
}

// Config of an API.
type Config struct {
	Realm           string
	TokenLifetime   time.Duration      // 0: until rescinded
	ReissueOverlap  time.Duration      // 0: none
	AllowSelfDelete bool               // see bitbroker.Config
	AppSecret       schemes.Credential // likewise
	// NewToken makes a token: its public id, and the text that only its holder gets.
	NewToken func() (accessor string, token schemes.Credential)
}

// New returns an API.
func New(config Config, open schemes.Opener) *API { return &API{config, open} }

// Request is a call of the API.
type Request struct {
	*schemes.Call
	// Segments of the path below the API's base, as they came.
	Segments []string
	// Base is the address of the API as clients know it, such as
	// https://bitbroker.example.com/coordinator/v1, and Location that of the request itself
	// without a slash at its end.
	Base, Location string
	// Caller is the user that calls; 0 if it is not known.
	Caller uint64
	// Actor is whom the audit names for what the caller changes.
	Actor string
	// Still returns why the caller may call no more. It is asked once a body was read, which
	// may have taken its time; nil: nobody asks.
	Still func() error
}

// Serve serves an endpoint. A *schemes.Refusal as its error is to be written as refusals are;
// nothing was written then.
type Serve = func(w http.ResponseWriter, r *Request) error

// Answers finds the endpoint that a call is for, by its method and path, whoever calls; nil if
// there is none: it is answered 404 then. action is what the audit names it.
func (a *API) Answers(method string, segments []string) (serve Serve, action string) {
	if serve, action = a.Common(CoordinatorService, method, segments); serve != nil {
		return serve, action
	}
	route := find(method, segments)
	if route == nil {
		return nil, ""
	}
	return func(w http.ResponseWriter, r *Request) error { return a.serve(w, r, route) }, route.action
}

// Common finds an endpoint that all three APIs have, as Answers does.
func (a *API) Common(service Service, method string, segments []string) (serve Serve, action string) {
	if method != http.MethodGet && method != http.MethodHead {
		return nil, ""
	}
	switch {
	case len(segments) == 0:
		return func(w http.ResponseWriter, r *Request) error { return a.announce(w, r, service) }, "announce"
	case len(segments) == 2 && sameWord(segments[0], "error") && sameWord(segments[1], "test"):
		return testError, "testError"
	}
	return nil, ""
}
