package databricks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/web"
)

// KindAdmin is the kind of who holds an admin token.
const KindAdmin = "admin"

// API administers the recipients of one realm.
type API struct {
	scheme      *delta.Scheme
	open        schemes.Opener
	description []byte
}

// New returns the administration of a scheme's realm. The description is served as
// it is, as JSON.
func New(scheme *delta.Scheme, open schemes.Opener, description []byte) *API {
	return &API{scheme: scheme, open: open, description: description}
}

// call is one request on its way. The identity of schemes.Call is the admin's.
type call struct {
	*schemes.Call
	route  *route
	values map[string]string // of the route's pattern
	role   tokenstore.AdminRole
	store  *tokenstore.Store
	sealer *secret.Sealer
	body   object // of a request that changes something
}

// ctx is the request's context. Whoever changes something and leaves is not waited
// for, but what was begun is finished, so that log and store agree.
func (c *call) ctx() context.Context {
	if c.route.changes() {
		return context.WithoutCancel(c.Request.Context())
	}
	return c.Request.Context()
}

// actor is whom the audit names for a change.
func (c *call) actor() string { return "admin " + c.Identity.Name }

// maxBody is enough for any request, in bytes.
const maxBody = 64 << 10

// adminLimits bound the calls with one admin token, so that a script that runs away
// leaves the gateway to the data calls. Terraform makes ten at a time.
var adminLimits = schemes.Limits{Rate: 50, Burst: 200, Concurrent: 16}

// Serve answers a call, in any case. It fills in the call's identity and action. What
// it returns is for logs: why the call was refused, or nil.
func (a *API) Serve(w http.ResponseWriter, asked *schemes.Call) *schemes.Refusal {
	// Also on refusals: no answer of this API may be kept, shown in a frame or sniffed.
	web.SecurityHeaders(w.Header())
	c := &call{Call: asked}
	if err := a.serve(w, c); err != nil {
		f := faultOf(err, c)
		f.write(w)
		return &f.Refusal
	}
	return nil
}

// Refuse answers a call that does not come as far as Serve.
func Refuse(w http.ResponseWriter, refusal *schemes.Refusal) {
	web.SecurityHeaders(w.Header())
	faultOf(refusal, nil).write(w)
}

func (a *API) serve(w http.ResponseWriter, c *call) error {
	segments := c.Path.Segments()
	if c.Path.TrailingSlash() {
		segments = nil // no route has one
	}
	var allow []string
	if c.route, c.values, allow = find(c.Request.Method, segments); c.route == nil {
		if len(allow) > 0 {
			return schemes.MethodNotAllowed(strings.Join(allow, ", "))
		}
		return noEndpoint()
	}
	c.Action = c.route.action
	if c.route.public != nil {
		return c.route.public(a, w, c)
	}
	if err := a.identify(c); err != nil {
		return err
	}
	backend, err := a.open(c.Request.Context())
	if err != nil {
		return schemes.Unavailable(err)
	}
	key := schemes.LimitKey{Realm: a.scheme.Realm(), Subject: c.Identity.Accessor, Purpose: "administration"}
	lease, retryAfter, ok := backend.Limiter.Take(key, adminLimits)
	if !ok {
		return schemes.TooMany(retryAfter)
	}
	defer lease.Release()
	if c.route.changes() {
		if err := a.readChange(w, c); err != nil {
			return err
		}
	}
	c.store, c.sealer = backend.Store, backend.Sealer
	answer, err := c.route.admin(a, c)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// identify finds out who calls.
func (a *API) identify(c *call) error {
	value, present, err := headers.Single(c.Request.Header, "Authorization")
	if err != nil {
		return &schemes.Refusal{
			Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: err,
			Public: "Send exactly one Authorization header.",
		}
	}
	if !present {
		return &schemes.Refusal{
			Status: http.StatusUnauthorized, Reason: schemes.NoCredential,
			Public: "Send an admin token as Authorization: Bearer. `caddy gatehouse admin create` makes one.",
		}
	}
	token, ok := headers.Bearer(value)
	if !ok {
		return unknownToken(errors.New("the Authorization header holds no bearer token"))
	}
	admin, err := a.scheme.Admin(c.Request.Context(), token)
	switch {
	case errors.Is(err, secret.ErrMalformed), errors.Is(err, tokenstore.ErrNotFound):
		return unknownToken(err)
	case err != nil:
		return schemes.Unavailable(err)
	}
	c.role = admin.Role
	c.Identity = &schemes.Identity{
		Scheme: a.scheme.Name(), Realm: a.scheme.Realm(), Kind: KindAdmin, Subject: admin.Accessor,
		Name: admin.Name, Roles: []string{string(admin.Role)}, Accessor: admin.Accessor,
	}
	return nil
}

func unknownToken(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusUnauthorized, Reason: schemes.BadCredential, Cause: cause,
		Public: "The admin token is not valid.",
	}
}

// readChange checks that the caller may change something, and reads what.
func (a *API) readChange(w http.ResponseWriter, c *call) error {
	if c.role != tokenstore.AdminFull {
		return &schemes.Refusal{
			Status: http.StatusForbidden, Reason: schemes.Forbidden,
			Public: "This admin token may only read.",
		}
	}
	if c.EarlyData {
		return schemes.TooEarly()
	}
	data, err := io.ReadAll(schemes.OwnBody(w, c.Request, maxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return err
	}
	if err != nil {
		return invalid("The request's body could not be read.")
	}
	if len(data) == 0 && c.route.method == http.MethodDelete {
		data = []byte("{}")
	}
	if c.body, err = parseObject(data); err != nil {
		return err
	}
	// The body may have taken its time: the token may have been revoked meanwhile.
	return a.identify(c)
}

// describe serves the description of all that Gatehouse serves itself.
func (a *API) describe(w http.ResponseWriter, _ *call) error {
	writeBytes(w, http.StatusOK, a.description)
	return nil
}
