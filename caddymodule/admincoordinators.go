package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/coordinator"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// coordinatorView is a user of a BitBroker that is a coordinator, as the admin API shows it.
type coordinatorView struct {
	User      uint64     `json:"user"`
	Email     string     `json:"email,omitempty"` // none in front of a BitBroker, which does not say it
	Realm     string     `json:"realm"`
	TokenID   string     `json:"token_id,omitempty"`
	Status    string     `json:"status,omitempty"` // of the token
	IssuedAt  *time.Time `json:"issued_at,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // none: not by itself
	LastUsed  *time.Time `json:"last_used_at,omitempty"`

	// Token is shown once, where it was made.
	Token  string `json:"token,omitempty"`
	Notice string `json:"notice,omitempty"`
}

// brokerCall finds what a call on a realm of a BitBroker needs.
func brokerCall(app *App, r *http.Request) (*bitbroker.Scheme, *tokenstore.Store, string, error) {
	return schemeCall[*bitbroker.Scheme](app, r, bitbroker.Name)
}

// newBrokerToken makes a token of a BitBroker.
func newBrokerToken(life time.Duration) (tokenstore.NewBrokerToken, schemes.Credential) {
	accessor, token := bitbroker.NewToken()
	return tokenstore.NewBrokerToken{Accessor: accessor, Digest: secret.DigestOf(token.Reveal()), Lifetime: life}, token
}

// firstLifetime is how long the token lives with which a coordinator begins, unless its order
// says otherwise.
const firstLifetime = 24 * time.Hour

// coordinatorOrder is what a request says of a new coordinator.
type coordinatorOrder struct {
	Email        string         `json:"email"`
	Name         string         `json:"name"`
	Organization string         `json:"organization"`
	User         uint64         `json:"user"`
	Lifetime     caddy.Duration `json:"lifetime"`
}

func createCoordinator(app *App, r *http.Request) (any, error) {
	order := coordinatorOrder{Lifetime: caddy.Duration(firstLifetime)}
	scheme, store, realm, err := brokerCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	if order.Lifetime <= 0 {
		return nil, fmt.Errorf("%w: lifetime: this token needs an end, such as \"24h\"", tokenstore.ErrInvalid)
	}
	inFront := scheme.Config().InFront
	if err := order.check(inFront); err != nil {
		return nil, err
	}
	if !inFront {
		if order.User, err = userOfAddress(r, store, realm, order); err != nil {
			return nil, err
		}
	}
	n, token := newBrokerToken(time.Duration(order.Lifetime))
	if inFront {
		err = store.SeatCoordinator(r.Context(), realm, order.User, n, actor(r))
	} else {
		_, err = store.Promote(r.Context(), realm, order.User, n, actor(r))
		if errors.Is(err, tokenstore.ErrExists) {
			return nil, stillGood(r, store, realm, order.User, err)
		}
	}
	if err != nil {
		return nil, err
	}
	view, err := viewCoordinator(r, store, realm, order.User)
	if err != nil {
		return nil, err
	}
	view.Token = token.Reveal()
	view.Notice = "Another coordinator can give this user a token that lives longer: demote it, and promote it again."
	if inFront {
		view.Notice = "The BitBroker must know this user as a coordinator; it is not asked. A token that the user had before has ended."
	}
	return view, nil
}

// stillGood adds to the error of a user that is a coordinator already what can be done.
func stillGood(r *http.Request, store *tokenstore.Store, realm string, user uint64, err error) error {
	view, failed := viewCoordinator(r, store, realm, user)
	if failed != nil || view.Status != tokenstore.StatusActive {
		return err
	}
	until := "until it is revoked"
	if view.ExpiresAt != nil {
		until = "until " + when(*view.ExpiresAt) + " UTC"
	}
	return fmt.Errorf("%w; its token %s is good %s; if it is lost: caddy gatehouse token revoke %[2]s, then this again", err, view.TokenID, until)
}

// check finds what does not go with where the users are.
func (o *coordinatorOrder) check(inFront bool) error {
	switch {
	case inFront && (o.User == 0 || o.Email != "" || o.Name != "" || o.Organization != ""):
		return fmt.Errorf("%w: the users are those of the BitBroker behind: say which one is the coordinator by its id there, with user, and nothing else of it; the first one's is 1", tokenstore.ErrInvalid)
	case !inFront && (o.User != 0 || o.Email == ""):
		return fmt.Errorf("%w: say which user is the coordinator by its email address", tokenstore.ErrInvalid)
	}
	return nil
}

// userOfAddress is the id of the user that has an email address; one that is not there is
// made.
func userOfAddress(r *http.Request, store *tokenstore.Store, realm string, order coordinatorOrder) (uint64, error) {
	email, document, wrong := coordinator.NewUser(order.Email, order.Name, order.Organization)
	user, err := store.BrokerUserByEmail(r.Context(), realm, email)
	if err == nil || !errors.Is(err, tokenstore.ErrNotFound) {
		return user.ID, err
	}
	if wrong != nil {
		return 0, fmt.Errorf("%w: there is no user of this address yet, and of a new one %w", tokenstore.ErrInvalid, wrong)
	}
	user, err = store.CreateBrokerUser(r.Context(), realm, email, document, actor(r))
	return user.ID, err
}

// viewCoordinator views a user with the newest of its coordinator tokens.
func viewCoordinator(r *http.Request, store *tokenstore.Store, realm string, id uint64) (coordinatorView, error) {
	view := coordinatorView{User: id, Realm: realm}
	user, err := store.BrokerUser(r.Context(), realm, id)
	if err != nil {
		return view, err
	}
	view.Email = user.Email
	slots := user.Coordinator.Slots
	if len(slots) == 0 {
		return view, nil // demoted meanwhile
	}
	view.TokenID = slots[len(slots)-1].Accessor
	info, err := store.TokenByAccessor(r.Context(), view.TokenID)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound): // long over
		view.Status = string(tokenstore.Expired)
		return view, nil
	case err != nil:
		return view, err
	}
	view.Status, view.IssuedAt, view.LastUsed = info.Status, known(info.IssuedAt), known(info.Use.At)
	if !isEndless(&info.Token) {
		view.ExpiresAt = known(info.ExpiresAt)
	}
	return view, nil
}

func listCoordinators(app *App, r *http.Request) (any, error) {
	_, store, realm, err := brokerCall(app, r)
	if err != nil {
		return nil, err
	}
	ids, err := store.Coordinators(r.Context(), realm)
	if err != nil {
		return nil, err
	}
	views := make([]coordinatorView, 0, len(ids))
	for _, id := range ids {
		view, err := viewCoordinator(r, store, realm, id)
		if errors.Is(err, tokenstore.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return map[string]any{"coordinators": views}, nil
}

// connectorView is a connector whose token was rotated, as the admin API shows it.
type connectorView struct {
	Entity       string `json:"entity"`
	Connector    string `json:"connector"`
	Realm        string `json:"realm"`
	Contribution string `json:"contribution_id"`
	TokenID      string `json:"token_id"`
	Token        string `json:"token"` // shown only now
	Notice       string `json:"notice,omitempty"`
}

func rotateConnector(app *App, r *http.Request) (any, error) {
	var order struct {
		OldExpiresIn *caddy.Duration `json:"old_expires_in"`
	}
	scheme, store, realm, err := brokerCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	overlap := scheme.Config().ReissueOverlap
	if order.OldExpiresIn != nil {
		overlap = time.Duration(*order.OldExpiresIn)
	}
	entity, slug := r.PathValue("entity"), r.PathValue("connector")
	n, token := newBrokerToken(scheme.Config().TokenLifetime)
	if err := store.RotateBrokerConnector(r.Context(), realm, entity, slug, n, overlap, actor(r)); err != nil {
		return nil, err
	}
	connector, err := store.BrokerConnector(r.Context(), realm, entity, slug)
	if err != nil {
		return nil, err
	}
	view := connectorView{Entity: entity, Connector: slug, Realm: realm, Contribution: connector.Contribution, TokenID: n.Accessor, Token: token.Reveal()}
	view.Notice = "The token before has ended."
	if overlap > 0 {
		view.Notice = "The token before goes on for at most " + days(overlap) + "."
	}
	return view, nil
}
