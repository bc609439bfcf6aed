package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// call is a request on its way to its endpoint.
type call struct {
	*Request
	route *route
	store *tokenstore.Store
}

func (a *API) serve(w http.ResponseWriter, r *Request, route *route) error {
	backend, err := a.open(r.Request.Context())
	if err != nil {
		return schemes.Unavailable(err)
	}
	err = refusalOf(route.serve(a, w, &call{r, route, backend.Store}))
	if faults, is := errors.AsType[malformed](err); is {
		envelope.BadRequest(w, r.Request, faults)
		return nil
	}
	return err
}

// refusalOf is the one mapping of errors to what a caller is told.
func refusalOf(err error) error {
	if _, is := errors.AsType[*schemes.Refusal](err); is || err == nil {
		return err
	}
	if _, is := errors.AsType[malformed](err); is {
		return err
	}
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return missing()
	case errors.Is(err, tokenstore.ErrExists), errors.Is(err, tokenstore.ErrNoCoordinator), errors.Is(err, tokenstore.ErrLastCoordinator):
		return &schemes.Refusal{Status: http.StatusConflict, Reason: schemes.Conflict, Cause: err}
	case errors.Is(err, tokenstore.ErrInvalid):
		return &schemes.Refusal{Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: err}
	}
	return schemes.Unavailable(err)
}

func missing() error {
	return &schemes.Refusal{Status: http.StatusNotFound, Reason: schemes.Missing}
}

// notOneself is the refusal of what nobody may do to oneself; allow is what else may be done
// at the address.
func notOneself(allow string) error {
	return &schemes.Refusal{
		Status: http.StatusMethodNotAllowed, Reason: schemes.Forbidden, Allow: allow,
		Cause: errors.New("a coordinator would remove itself"),
	}
}

// reading is the context of what changes nothing.
func (c *call) reading() context.Context { return c.Request.Request.Context() }

// changing is the context of a change. Whoever leaves is not waited for, but what was begun is
// finished, so that log and store agree.
func (c *call) changing() context.Context { return context.WithoutCancel(c.reading()) }

// actor is whom the audit names for a change.
func (c *call) actor() string { return c.Actor }

// user returns the user that the path names. The error is a 404 for what can be none.
func (c *call) user() (id uint64, err error) {
	id, ok := userID(c.route.param(uid, c.Segments))
	if !ok {
		return 0, missing()
	}
	return id, nil
}

// slug returns what the path names by a parameter. The error is a 404 for what can be none.
func (c *call) slug(name string) (slug string, err error) {
	slug, ok := storedSlug(c.route.param(name, c.Segments))
	if !ok {
		return "", missing()
	}
	return slug, nil
}

// newSlug returns what the path names for something that is to be made, and what is wrong with
// it.
func (c *call) newSlug(name string) (slug string, faults []envelope.Fault) {
	slug = lower(c.route.param(name, c.Segments))
	return slug, slugShape.judge(nil, "slug", slug)
}

// address of something below the base.
func (c *call) address(segments ...string) string {
	address := c.Base
	for _, segment := range segments {
		address += "/" + segment
	}
	return address
}

// json answers with a value.
func (c *call) json(w http.ResponseWriter, value any) error {
	envelope.JSON(w, c.Request.Request, http.StatusOK, value)
	return nil
}

// created answers that something was made, where the request was sent to.
func (c *call) created(w http.ResponseWriter) error {
	w.Header().Set("Location", c.Location)
	envelope.Empty(w, http.StatusCreated)
	return nil
}

// done answers that a change was made.
func done(w http.ResponseWriter, err error) error {
	if err == nil {
		envelope.Empty(w, http.StatusNoContent)
	}
	return err
}

// newToken makes a token of the realm, and what is stored of it.
func (a *API) newToken() (token string, stored tokenstore.NewBrokerToken) {
	accessor, credential := a.config.NewToken()
	return credential.Reveal(), tokenstore.NewBrokerToken{
		Accessor: accessor, Digest: secret.DigestOf(credential.Reveal()), Lifetime: a.config.TokenLifetime,
	}
}

// page is how much is read of the store at a time.
const page = 100

// document is what is kept of something. The error is a refusal of one that is too long.
func document(o *object) ([]byte, error) {
	data := encode(o)
	if len(data) > maxDocument {
		return nil, tooLarge(errors.New("what is to be kept is too long"))
	}
	return data, nil
}

// readDocument reads what is kept of something. What was noted in front of a BitBroker, before
// the realm was standalone, has none, and is shown by its name alone.
func readDocument(document []byte, kept any) error {
	if len(document) == 0 {
		return nil
	}
	return json.Unmarshal(document, kept)
}
