package coordinator

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// accessView is a user's access to a policy.
type accessView struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Policy  link   `json:"policy"`
	Created string `json:"created"`
}

func (c *call) viewAccess(user uint64, access tokenstore.BrokerAccess) accessView {
	return accessView{
		ID: access.Policy, URL: c.address("user", strconv.FormatUint(user, 10), "access", access.Policy),
		Policy:  link{access.Policy, c.address("policy", access.Policy)},
		Created: isoTime(access.CreatedAt),
	}
}

// accessOf returns whose access to which policy the path names.
func (c *call) accessOf() (user uint64, policy string, err error) {
	if user, err = c.user(); err != nil {
		return 0, "", err
	}
	policy, err = c.slug(pid)
	return user, policy, err
}

func (a *API) listAccesses(w http.ResponseWriter, c *call) error {
	id, err := c.user()
	if err != nil {
		return err
	}
	user, err := c.store.BrokerUser(c.reading(), a.config.Realm, id)
	if err != nil {
		return err
	}
	accesses := slices.SortedStableFunc(slices.Values(user.Accesses), func(x, y tokenstore.BrokerAccess) int {
		return x.CreatedAt.Compare(y.CreatedAt)
	})
	list := make([]accessView, len(accesses))
	for i, access := range accesses {
		list[i] = c.viewAccess(id, access)
	}
	return c.json(w, list)
}

func (a *API) getAccess(w http.ResponseWriter, c *call) error {
	id, policy, err := c.accessOf()
	if err != nil {
		return err
	}
	user, err := c.store.BrokerUser(c.reading(), a.config.Realm, id)
	if err != nil {
		return err
	}
	for _, access := range user.Accesses {
		if access.Policy == policy {
			return c.json(w, c.viewAccess(id, access))
		}
	}
	return missing()
}

func (a *API) createAccess(w http.ResponseWriter, c *call) error {
	user, policy, err := c.accessOf()
	if err != nil {
		return err
	}
	token, stored := a.newToken()
	if _, err := c.store.CreateBrokerAccess(c.changing(), a.config.Realm, user, policy, stored, c.actor()); err != nil {
		return err
	}
	w.Header().Set("Location", c.Location)
	envelope.Token(w, c.Request.Request, http.StatusCreated, token)
	return nil
}

// reissueAccess gives an access a new token.
func (a *API) reissueAccess(w http.ResponseWriter, c *call) error {
	user, policy, err := c.accessOf()
	if err != nil {
		return err
	}
	token, stored := a.newToken()
	err = c.store.ReissueBrokerAccess(c.changing(), a.config.Realm, user, policy, stored, a.config.ReissueOverlap, c.actor())
	if err != nil {
		return err
	}
	envelope.Token(w, c.Request.Request, http.StatusOK, token)
	return nil
}

func (a *API) deleteAccess(w http.ResponseWriter, c *call) error {
	user, policy, err := c.accessOf()
	if err != nil {
		return err
	}
	return done(w, c.store.DeleteBrokerAccess(c.changing(), a.config.Realm, user, policy, c.actor()))
}
