package coordinator

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
)

// promote makes a user a coordinator, and answers with its token.
func (a *API) promote(w http.ResponseWriter, c *call) error {
	id, err := c.user()
	if err != nil {
		return err
	}
	token, stored := a.newToken()
	if _, err := c.store.Promote(c.changing(), a.config.Realm, id, stored, c.actor()); err != nil {
		return err
	}
	envelope.Token(w, c.Request.Request, http.StatusOK, token)
	return nil
}

// demote ends a user's being a coordinator. Nobody demotes itself, and the last one stays.
func (a *API) demote(w http.ResponseWriter, c *call) error {
	id, err := c.user()
	if err != nil {
		return err
	}
	if id == c.Caller {
		return notOneself(http.MethodPost)
	}
	return done(w, c.store.Demote(c.changing(), a.config.Realm, id, c.actor()))
}
