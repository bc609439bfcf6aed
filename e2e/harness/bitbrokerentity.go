package harness

import (
	"crypto/sha1" //nolint:gosec // it is what contribution ids are made with
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
)

// brokerEntity is an entity type with its connectors.
type brokerEntity struct {
	document   map[string]json.RawMessage
	connectors map[string]*brokerConnector
}

type brokerConnector struct {
	document          map[string]json.RawMessage
	contribution, key string
	live              bool
}

// BrokerSecret is its APP_SECRET.
const BrokerSecret = "a-secret-of-the-application"

// ContributionID is the id of a connector on the contributor API.
func ContributionID(entity, connector, secret string) string {
	sum := sha1.Sum([]byte(entity + ":" + connector + ":" + secret)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

var brokerSlug = regexp.MustCompile(`^[a-z][a-z0-9-]{2,31}$`)

var coordinatorRoutes = []brokerRoute{
	{"GET", "user", (*BitBroker).listUsers},
	{"POST", "user", (*BitBroker).addUser},
	{"GET", "user/:uid", (*BitBroker).getUser},
	{"PUT", "user/:uid", (*BitBroker).updateUser},
	{"DELETE", "user/:uid", (*BitBroker).deleteUser},
	{"POST", "user/:uid/coordinator", (*BitBroker).promote},
	{"DELETE", "user/:uid/coordinator", (*BitBroker).demote},
	{"GET", "user/:uid/access", (*BitBroker).listAccesses},
	{"GET", "user/:uid/access/:pid", (*BitBroker).getAccess},
	{"POST", "user/:uid/access/:pid", (*BitBroker).addAccess},
	{"PUT", "user/:uid/access/:pid", (*BitBroker).reissue},
	{"DELETE", "user/:uid/access/:pid", (*BitBroker).deleteAccess},
	{"GET", "policy", (*BitBroker).listPolicies},
	{"GET", "policy/:pid", (*BitBroker).getPolicy},
	{"POST", "policy/:pid", (*BitBroker).addPolicy},
	{"PUT", "policy/:pid", (*BitBroker).updatePolicy},
	{"DELETE", "policy/:pid", (*BitBroker).deletePolicy},
	{"GET", "entity", (*BitBroker).listEntities},
	{"GET", "entity/:eid", (*BitBroker).getEntity},
	{"POST", "entity/:eid", (*BitBroker).addEntity},
	{"DELETE", "entity/:eid", (*BitBroker).deleteEntity},
	{"GET", "entity/:eid/connector/:cid", (*BitBroker).getConnector},
	{"POST", "entity/:eid/connector/:cid", (*BitBroker).addConnector},
	{"DELETE", "entity/:eid/connector/:cid", (*BitBroker).deleteConnector},
	{"POST", "entity/:eid/connector/:cid/live", (*BitBroker).setLive},
	{"DELETE", "entity/:eid/connector/:cid/live", (*BitBroker).setLive},
}

func checkSlug(slug string) error {
	if !brokerSlug.MatchString(slug) {
		return failure(http.StatusBadRequest, brokerFault{Name: "slug", Reason: `does not match pattern "^[a-z][a-z0-9-]+$"`})
	}
	return nil
}

// policy finds the one that the path names.
func (b *BitBroker) policy(c *brokerCall) (json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.policies[c.params["pid"]]
	if !ok {
		return nil, failure(http.StatusNotFound)
	}
	return p, nil
}

func (b *BitBroker) listPolicies(c *brokerCall) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []map[string]string{}
	for _, slug := range slices.Sorted(maps.Keys(b.policies)) {
		all = append(all, map[string]string{"id": slug, "url": c.base + "/policy/" + slug})
	}
	return c.json(http.StatusOK, all)
}

func (b *BitBroker) getPolicy(c *brokerCall) error {
	p, err := b.policy(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{"id": c.params["pid"], "url": c.base + "/policy/" + c.params["pid"], "policy": p})
}

// limits is what the body says of calls; the rate service is told it as it is.
func (c *brokerCall) limits() json.RawMessage {
	var policy struct {
		AccessControl json.RawMessage `json:"access_control"`
	}
	_ = json.Unmarshal(c.body["policy"], &policy)
	return policy.AccessControl
}

func (b *BitBroker) addPolicy(c *brokerCall) error {
	slug := c.params["pid"]
	if err := checkSlug(slug); err != nil {
		return err
	}
	if _, err := b.policy(c); err == nil {
		return failure(http.StatusConflict)
	}
	if err := b.limit("consumer", slug, c.limits()); err != nil {
		return err // the row is rolled back
	}
	b.setPolicy(slug, c.body["policy"])
	c.w.Header().Set("Location", c.location())
	return c.empty(http.StatusCreated)
}

func (b *BitBroker) updatePolicy(c *brokerCall) error {
	if _, err := b.policy(c); err != nil {
		return err
	}
	if err := b.limit("consumer", c.params["pid"], c.limits()); err != nil {
		return err
	}
	b.setPolicy(c.params["pid"], c.body["policy"])
	return c.empty(http.StatusNoContent)
}

// deletePolicy ends no token. Its accesses go with it.
func (b *BitBroker) deletePolicy(c *brokerCall) error {
	if _, err := b.policy(c); err != nil {
		return err
	}
	if err := b.limit("consumer", c.params["pid"], nil); err != nil {
		return err
	}
	b.setPolicy(c.params["pid"], nil)
	return c.empty(http.StatusNoContent)
}

func (b *BitBroker) setPolicy(slug string, policy json.RawMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if policy != nil {
		b.policies[slug] = policy
		return
	}
	delete(b.policies, slug)
	for _, u := range b.users {
		u.accesses = slices.DeleteFunc(u.accesses, func(a brokerAccess) bool { return a.policy == slug })
	}
}

func (b *BitBroker) listEntities(c *brokerCall) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []map[string]string{}
	for _, slug := range slices.Sorted(maps.Keys(b.entities)) {
		all = append(all, map[string]string{"id": slug, "url": c.base + "/entity/" + slug})
	}
	return c.json(http.StatusOK, all)
}

func (b *BitBroker) getEntity(c *brokerCall) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entities[c.params["eid"]] == nil {
		return failure(http.StatusNotFound)
	}
	return c.json(http.StatusOK, map[string]string{"id": c.params["eid"], "url": c.base + "/entity/" + c.params["eid"]})
}

func (b *BitBroker) addEntity(c *brokerCall) error {
	slug := c.params["eid"]
	if err := checkSlug(slug); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entities[slug] != nil {
		return failure(http.StatusConflict)
	}
	b.entities[slug] = &brokerEntity{c.body, make(map[string]*brokerConnector)}
	c.w.Header().Set("Location", c.location())
	return c.empty(http.StatusCreated)
}

// deleteEntity ends no token of its connectors.
func (b *BitBroker) deleteEntity(c *brokerCall) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entities[c.params["eid"]] == nil {
		return failure(http.StatusNotFound)
	}
	delete(b.entities, c.params["eid"])
	return c.empty(http.StatusNoContent)
}

// connector finds the one that the path names.
func (b *BitBroker) connector(c *brokerCall) (*brokerConnector, error) {
	entity := b.entities[c.params["eid"]]
	if entity == nil || entity.connectors[c.params["cid"]] == nil {
		return nil, failure(http.StatusNotFound)
	}
	return entity.connectors[c.params["cid"]], nil
}

func (b *BitBroker) getConnector(c *brokerCall) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, err := b.connector(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{"id": c.params["cid"], "contribution_id": found.contribution, "is_live": found.live})
}

var errDuplicateSlug = errors.New("duplicate key value violates unique constraint on the slug")

// addConnector mints before it writes: a slug of another entity type leaves a token behind
// that is nobody's.
func (b *BitBroker) addConnector(c *brokerCall) error {
	entity, slug := c.params["eid"], c.params["cid"]
	if err := checkSlug(slug); err != nil {
		return err
	}
	b.mu.Lock()
	known := b.entities[entity] != nil
	_, missing := b.connector(c)
	b.mu.Unlock()
	if !known {
		return failure(http.StatusNotFound)
	}
	if missing == nil {
		return failure(http.StatusConflict)
	}
	m, err := b.mint("contributor", slug)
	if err != nil {
		return err
	}
	made := &brokerConnector{document: c.body, contribution: ContributionID(entity, slug, BrokerSecret), key: m.KeyID}
	if !b.insertConnector(entity, slug, made) {
		return errDuplicateSlug
	}
	if err := b.limit("contributor", slug, map[string]any{
		"enabled": true, "quota": map[string]any{"max_number": 86400, "interval_type": "day"}, "rate": 10,
	}); err != nil {
		return err
	}
	c.w.Header().Set("Location", c.location())
	return c.json(http.StatusCreated, struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	}{made.contribution, m.Token})
}

func (b *BitBroker) insertConnector(entity, slug string, made *brokerConnector) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entities {
		if e.connectors[slug] != nil {
			return false
		}
	}
	if b.entities[entity] == nil {
		return false
	}
	b.entities[entity].connectors[slug] = made
	return true
}

// deleteConnector ends no token.
func (b *BitBroker) deleteConnector(c *brokerCall) error {
	b.mu.Lock()
	_, err := b.connector(c)
	if err == nil {
		delete(b.entities[c.params["eid"]].connectors, c.params["cid"])
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if err := b.limit("contributor", c.params["cid"], nil); err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}

func (b *BitBroker) setLive(c *brokerCall) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, err := b.connector(c)
	if err != nil {
		return err
	}
	found.live = c.r.Method == http.MethodPost
	return c.empty(http.StatusNoContent)
}
