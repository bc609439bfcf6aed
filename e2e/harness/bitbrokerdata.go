package harness

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
)

var contributorRoutes = []brokerRoute{
	{"GET", "error/test", (*BitBroker).breakDown},
	{"GET", "connector/:cid/session/open/:mode", (*BitBroker).openSession},
	{"POST", "connector/:cid/session/:sid/:action", (*BitBroker).contribute},
	{"GET", "connector/:cid/session/:sid/close/:commit", (*BitBroker).closeSession},
}

var consumerRoutes = []brokerRoute{
	{"GET", "error/test", (*BitBroker).breakDown},
	{"GET", "catalog", (*BitBroker).catalog},
	{"GET", "entity", (*BitBroker).catalog},
	{"GET", "entity/:type", (*BitBroker).catalog},
	{"GET", "entity/:type/:id", (*BitBroker).instance},
}

// breakDown fails on purpose.
func (b *BitBroker) breakDown(*brokerCall) error { return fmt.Errorf("a test of the error handler") }

var contributionID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// contributor finds the connector of a contribution id, whoever asks.
func (b *BitBroker) contributor(c *brokerCall) error {
	id := c.params["cid"]
	if !contributionID.MatchString(id) {
		return failure(http.StatusBadRequest, brokerFault{Name: "id", Reason: `does not match pattern "^[0-9a-f]{40}$"`})
	}
	if b.hasData() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entities {
		for _, connector := range e.connectors {
			if connector.contribution == id {
				return nil
			}
		}
	}
	return failure(http.StatusNotFound)
}

// openSession discards the session that is open.
func (b *BitBroker) openSession(c *brokerCall) error {
	if err := b.contributor(c); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made++
	session := fmt.Sprintf("00000000-0000-4000-8000-%012d", b.made)
	b.sessions[c.params["cid"]] = session
	return c.json(http.StatusOK, session)
}

// session is the connector's and the path's, or the server's own 401.
func (b *BitBroker) session(c *brokerCall) error {
	if err := b.contributor(c); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sessions[c.params["cid"]] != c.params["sid"] {
		return failure(http.StatusUnauthorized)
	}
	return nil
}

func (b *BitBroker) contribute(c *brokerCall) error {
	if err := b.session(c); err != nil {
		return err
	}
	var records []struct {
		ID string `json:"id"`
	}
	var raw []json.RawMessage
	_ = json.Unmarshal(c.raw, &records)
	_ = json.Unmarshal(c.raw, &raw)
	answer := make(map[string]string)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, r := range records {
		b.records[r.ID] = raw[i]
		answer[r.ID] = ContributionID(c.params["cid"], r.ID, "")
	}
	return c.json(http.StatusOK, answer)
}

func (b *BitBroker) closeSession(c *brokerCall) error {
	if err := b.session(c); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sessions, c.params["cid"])
	return c.empty(http.StatusOK)
}

// allowed tells whether the policy that the gateway names is there: the server asks nothing
// else.
func (b *BitBroker) allowed(c *brokerCall) error {
	policy := c.r.Header.Get("X-Bbk-Audience")
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.policies[policy]; policy == "" || b.services != "" && !ok {
		return failure(http.StatusForbidden)
	}
	return nil
}

// catalog shows every record.
func (b *BitBroker) catalog(c *brokerCall) error {
	if err := b.allowed(c); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []json.RawMessage{}
	for _, id := range slices.Sorted(maps.Keys(b.records)) {
		all = append(all, b.records[id])
	}
	return c.json(http.StatusOK, all)
}

func (b *BitBroker) instance(c *brokerCall) error {
	if err := b.allowed(c); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	record, ok := b.records[c.params["id"]]
	if !ok {
		return failure(http.StatusNotFound)
	}
	return c.json(http.StatusOK, record)
}
