package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// brokerUser is a row of its users, with those of the accesses.
type brokerUser struct {
	id                        int
	name, email, organization string
	addendum                  json.RawMessage
	key                       string // of the coordinator token; empty: none
	accesses                  []brokerAccess
}

type brokerAccess struct {
	policy, key string
	created     time.Time
}

var userID = regexp.MustCompile(`^[0-9]{1,8}$`)

// user finds the one that the path names.
func (b *BitBroker) user(c *brokerCall) (brokerUser, error) {
	if !userID.MatchString(c.params["uid"]) {
		return brokerUser{}, failure(http.StatusNotFound)
	}
	id, _ := strconv.Atoi(c.params["uid"])
	b.mu.Lock()
	defer b.mu.Unlock()
	u, ok := b.users[id]
	if !ok {
		return brokerUser{}, failure(http.StatusNotFound)
	}
	found := *u
	found.accesses = slices.Clone(u.accesses)
	return found, nil
}

// write changes the row of a user, if it is still there.
func (b *BitBroker) write(id int, change func(*brokerUser)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if u, ok := b.users[id]; ok {
		change(u)
	}
}

func (c *brokerCall) viewUser(u brokerUser, full bool) map[string]any {
	at := fmt.Sprintf("%s/user/%d", c.base, u.id)
	accesses := []map[string]string{}
	for _, a := range u.accesses {
		accesses = append(accesses, map[string]string{"id": a.policy, "url": at + "/access/" + a.policy})
	}
	view := map[string]any{
		"id": u.id, "url": at, "name": u.name, "email": u.email, "organization": u.organization,
		"coordinator": u.key != "", "accesses": accesses,
	}
	if full {
		view["addendum"] = u.addendum
		if len(u.addendum) == 0 {
			view["addendum"] = struct{}{}
		}
	}
	return view
}

func (c *brokerCall) checkUser() error {
	var faults []brokerFault
	for _, name := range []string{"name", "organization"} {
		switch n := len([]rune(c.text(name))); {
		case n == 0:
			faults = append(faults, brokerFault{Name: name, Reason: "does not meet minimum length of 1"})
		case n > 64:
			faults = append(faults, brokerFault{Name: name, Reason: "does not meet maximum length of 64"})
		}
	}
	if len(faults) > 0 {
		return failure(http.StatusBadRequest, faults...)
	}
	return nil
}

func (b *BitBroker) listUsers(c *brokerCall) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []map[string]any{}
	for id := 1; id <= b.lastUser; id++ {
		if u, ok := b.users[id]; ok {
			all = append(all, c.viewUser(*u, false))
		}
	}
	return c.json(http.StatusOK, all)
}

func (b *BitBroker) getUser(c *brokerCall) error {
	u, err := b.user(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, c.viewUser(u, true))
}

func (b *BitBroker) addUser(c *brokerCall) error {
	if err := c.checkUser(); err != nil {
		return err
	}
	email := strings.ToLower(c.text("email"))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range b.users {
		if u.email == email {
			return failure(http.StatusConflict)
		}
	}
	b.lastUser++
	b.users[b.lastUser] = &brokerUser{
		id: b.lastUser, name: c.text("name"), email: email, organization: c.text("organization"), addendum: c.body["addendum"],
	}
	c.w.Header().Set("Location", fmt.Sprintf("%s/%d", c.location(), b.lastUser))
	return c.empty(http.StatusCreated)
}

func (b *BitBroker) updateUser(c *brokerCall) error {
	if err := c.checkUser(); err != nil {
		return err
	}
	u, err := b.user(c)
	if err != nil {
		return err
	}
	b.write(u.id, func(u *brokerUser) {
		u.name, u.organization, u.addendum = c.text("name"), c.text("organization"), c.body["addendum"]
	})
	return c.empty(http.StatusNoContent)
}

// deleteUser ends the tokens of the accesses and, as the original, no coordinator's.
func (b *BitBroker) deleteUser(c *brokerCall) error {
	u, err := b.user(c)
	if err != nil {
		return err
	}
	var keys []string
	for _, a := range u.accesses {
		keys = append(keys, a.key)
	}
	if len(keys) > 0 {
		if err := b.rescind(keys...); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.users, u.id)
	return c.empty(http.StatusNoContent)
}

func (b *BitBroker) promote(c *brokerCall) error {
	u, err := b.user(c)
	if err != nil {
		return err
	}
	if u.key != "" {
		return failure(http.StatusConflict)
	}
	m, err := b.mint("coordinator", "")
	if err != nil {
		return err
	}
	b.write(u.id, func(u *brokerUser) { u.key = m.KeyID })
	return c.send(http.StatusOK, m.Token)
}

func (b *BitBroker) demote(c *brokerCall) error {
	u, err := b.user(c)
	if err != nil {
		return err
	}
	if u.key == "" {
		return failure(http.StatusConflict)
	}
	if err := b.rescind(u.key); err != nil {
		return err
	}
	b.write(u.id, func(u *brokerUser) { u.key = "" })
	return c.empty(http.StatusNoContent)
}

// access finds a user and its access to the policy that the path names.
func (b *BitBroker) access(c *brokerCall) (u brokerUser, index int, err error) {
	if u, err = b.user(c); err != nil {
		return u, -1, err
	}
	return u, u.accessTo(c.params["pid"]), nil
}

func (u *brokerUser) accessTo(policy string) int {
	return slices.IndexFunc(u.accesses, func(a brokerAccess) bool { return a.policy == policy })
}

func (c *brokerCall) viewAccess(u brokerUser, a brokerAccess) map[string]any {
	return map[string]any{
		"id": a.policy, "url": fmt.Sprintf("%s/user/%d/access/%s", c.base, u.id, a.policy),
		"policy":  map[string]string{"id": a.policy, "url": c.base + "/policy/" + a.policy},
		"created": a.created.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

func (b *BitBroker) listAccesses(c *brokerCall) error {
	u, err := b.user(c)
	if err != nil {
		return err
	}
	all := []map[string]any{}
	for _, a := range u.accesses {
		all = append(all, c.viewAccess(u, a))
	}
	return c.json(http.StatusOK, all)
}

func (b *BitBroker) getAccess(c *brokerCall) error {
	u, at, err := b.access(c)
	if err != nil {
		return err
	}
	if at < 0 {
		return failure(http.StatusNotFound)
	}
	return c.json(http.StatusOK, c.viewAccess(u, u.accesses[at]))
}

var errUnique = errors.New("duplicate key value violates unique constraint")

func (b *BitBroker) addAccess(c *brokerCall) error {
	policy := c.params["pid"]
	if _, err := b.policy(c); err != nil {
		return err
	}
	u, at, err := b.access(c)
	if err != nil {
		return err
	}
	if at >= 0 {
		return failure(http.StatusConflict)
	}
	m, err := b.mint("consumer", policy)
	if err != nil {
		return err
	}
	unique := false
	b.write(u.id, func(u *brokerUser) {
		if unique = u.accessTo(policy) < 0; unique {
			u.accesses = append(u.accesses, brokerAccess{policy, m.KeyID, time.Now()})
		}
	})
	if !unique {
		return errUnique // after minting: the token is nobody's
	}
	c.w.Header().Set("Location", c.location())
	return c.send(http.StatusCreated, m.Token)
}

// reissue ends the old token first.
func (b *BitBroker) reissue(c *brokerCall) error {
	policy := c.params["pid"]
	u, at, err := b.access(c)
	if err != nil {
		return err
	}
	if at < 0 {
		return failure(http.StatusNotFound)
	}
	if err := b.rescind(u.accesses[at].key); err != nil {
		return err
	}
	m, err := b.mint("consumer", policy)
	if err != nil {
		return err
	}
	b.write(u.id, func(u *brokerUser) {
		if at := u.accessTo(policy); at >= 0 {
			u.accesses[at].key = m.KeyID
		}
	})
	return c.send(http.StatusOK, m.Token)
}

func (b *BitBroker) deleteAccess(c *brokerCall) error {
	u, at, err := b.access(c)
	if err != nil {
		return err
	}
	if at < 0 {
		return failure(http.StatusNotFound)
	}
	if err := b.rescind(u.accesses[at].key); err != nil {
		return err
	}
	policy := c.params["pid"]
	b.write(u.id, func(u *brokerUser) {
		u.accesses = slices.DeleteFunc(u.accesses, func(a brokerAccess) bool { return a.policy == policy })
	})
	return c.empty(http.StatusNoContent)
}
