package coordinator

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// userDocument is what is kept of a user besides its id, its address and its tokens.
type userDocument struct {
	Name         string          `json:"name"`
	Organization string          `json:"organization"`
	Addendum     json.RawMessage `json:"addendum"`
}

// userItem is a user in a list, userDetail one that is told by itself.
type userItem struct {
	ID           uint64 `json:"id"`
	URL          string `json:"url"`
	Name         string `json:"name"`
	Email        string `json:"email"`
	Organization string `json:"organization"`
	Coordinator  bool   `json:"coordinator"`
	Accesses     []link `json:"accesses"`
}

type userDetail struct {
	userItem
	Addendum json.RawMessage `json:"addendum"`
}

// link leads to something else.
type link struct {
	ID  string `json:"id"`
	URL string `json:"url"`
}

func (c *call) viewUser(user tokenstore.BrokerUser) (userDetail, error) {
	var kept userDocument
	if err := readDocument(user.Document, &kept); err != nil {
		return userDetail{}, err
	}
	id := strconv.FormatUint(user.ID, 10)
	view := userDetail{userItem{
		ID: user.ID, URL: c.address("user", id), Name: kept.Name, Email: user.Email, Organization: kept.Organization,
		Coordinator: user.Coordinator.Taken(), Accesses: make([]link, len(user.Accesses)),
	}, kept.Addendum}
	for i, access := range user.Accesses {
		view.Accesses[i] = link{access.Policy, c.address("user", id, "access", access.Policy)}
	}
	return view, nil
}

// eachUser goes through all users, in the order of their ids.
func (a *API) eachUser(c *call, look func(tokenstore.BrokerUser) error) error {
	for after := uint64(0); ; {
		users, next, err := c.store.BrokerUsers(c.reading(), a.config.Realm, after, page)
		if err != nil {
			return err
		}
		for _, user := range users {
			if err := look(user); err != nil {
				return err
			}
		}
		if next == 0 {
			return nil
		}
		after = next
	}
}

func (a *API) listUsers(w http.ResponseWriter, c *call) error {
	list := []userItem{}
	err := a.eachUser(c, func(user tokenstore.BrokerUser) error {
		view, err := c.viewUser(user)
		list = append(list, view.userItem)
		return err
	})
	if err != nil {
		return err
	}
	return c.json(w, list)
}

func (a *API) getUser(w http.ResponseWriter, c *call) error {
	id, err := c.user()
	if err != nil {
		return err
	}
	user, err := c.store.BrokerUser(c.reading(), a.config.Realm, id)
	return a.showUser(w, c, user, err)
}

func (a *API) findUser(w http.ResponseWriter, c *call) error {
	address := lower(c.route.param(email, c.Segments))
	if !isEmail.MatchString(address) {
		return missing()
	}
	user, err := c.store.BrokerUserByEmail(c.reading(), a.config.Realm, address)
	return a.showUser(w, c, user, err)
}

func (a *API) showUser(w http.ResponseWriter, c *call, user tokenstore.BrokerUser, err error) error {
	if err != nil {
		return err
	}
	view, err := c.viewUser(user)
	if err != nil {
		return err
	}
	return c.json(w, view)
}

// userProperties is what a body says of a user, with what stands for what it does not say.
func userProperties(body any) *object {
	return newObject().
		set("name", or(member(body, "name"), "")).
		set("email", emailOf(member(body, "email"))).
		set("organization", or(member(body, "organization"), "")).
		set("addendum", or(member(body, "addendum"), newObject()))
}

// emailOf is an address in lower case. What is no text becomes one in JavaScript, but here none
// that is an address.
func emailOf(value any) string {
	switch v := value.(type) {
	case string:
		return lower(v)
	case []any:
		if len(v) == 0 {
			return ""
		}
	}
	if truthy(value) {
		return "[object]"
	}
	return ""
}

// newUserFaults are what is wrong with what is said of a new user, userFaults of one that there
// is, whose address is not looked at.
func newUserFaults(said *object) []envelope.Fault {
	return addendumShape.judge(userShape.judge(nil, "", said), "addendum", said.get("addendum"))
}

func userFaults(said *object) []envelope.Fault {
	faults := nameShape.judge(nil, "name", said.get("name"))
	faults = nameShape.judge(faults, "organization", said.get("organization"))
	return addendumShape.judge(faults, "addendum", said.get("addendum"))
}

// userDocumentOf is what is kept of what a body says.
func userDocumentOf(said *object) ([]byte, error) {
	return document(newObject().
		set("name", said.get("name")).
		set("organization", said.get("organization")).
		set("addendum", said.get("addendum")))
}

func (a *API) createUser(w http.ResponseWriter, c *call) error {
	body, err := c.body(w)
	if err != nil {
		return err
	}
	said := userProperties(body)
	if err := wrong(newUserFaults(said)); err != nil {
		return err
	}
	kept, err := userDocumentOf(said)
	if err != nil {
		return err
	}
	address, _ := said.get("email").(string)
	user, err := c.store.CreateBrokerUser(c.changing(), a.config.Realm, address, kept, c.actor())
	if err != nil {
		return err
	}
	w.Header().Set("Location", c.Location+"/"+strconv.FormatUint(user.ID, 10))
	envelope.Empty(w, http.StatusCreated)
	return nil
}

// updateUser replaces what is kept of a user. Its address stays, whatever the body says.
func (a *API) updateUser(w http.ResponseWriter, c *call) error {
	id, err := c.user()
	if err != nil {
		return err
	}
	body, err := c.body(w)
	if err != nil {
		return err
	}
	said := userProperties(body)
	if err := wrong(userFaults(said)); err != nil {
		return err
	}
	kept, err := userDocumentOf(said)
	if err != nil {
		return err
	}
	_, err = c.store.UpdateBrokerUser(c.changing(), a.config.Realm, id, kept, c.actor())
	return done(w, err)
}

func (a *API) deleteUser(w http.ResponseWriter, c *call) error {
	id, err := c.user()
	if err != nil {
		return err
	}
	if id == c.Caller && !a.config.AllowSelfDelete {
		return notOneself("GET, HEAD, PUT")
	}
	return done(w, c.store.DeleteBrokerUser(c.changing(), a.config.Realm, id, c.actor()))
}
