package coordinator

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// matcher collects the texts that begin with what is searched for, each once, without regard to
// their case.
type matcher struct {
	start string
	found map[string]bool
}

// newMatcher reads what is searched for. Unlike in the original, it is taken as it is, and not
// for a regular expression of the database.
func newMatcher(c *call) (*matcher, error) {
	var asked any = ""
	if values := c.Request.Call.Request.URL.Query()["q"]; len(values) == 1 {
		asked = values[0]
	} else if len(values) > 1 {
		asked = []any{}
	}
	if err := wrong(searchShape.judge(nil, "search", asked)); err != nil {
		return nil, err
	}
	text, _ := asked.(string)
	return &matcher{strings.ToLower(text), make(map[string]bool)}, nil
}

func (m *matcher) look(texts ...string) {
	for _, text := range texts {
		if strings.HasPrefix(strings.ToLower(text), m.start) {
			m.found[text] = true
		}
	}
}

// matches are in order.
func (m *matcher) matches() []string {
	return append([]string{}, slices.Sorted(maps.Keys(m.found))...)
}

func (a *API) searchOrganizations(w http.ResponseWriter, c *call) error {
	m, err := newMatcher(c)
	if err != nil {
		return err
	}
	err = a.eachUser(c, func(user tokenstore.BrokerUser) error {
		var kept userDocument
		err := readDocument(user.Document, &kept)
		m.look(kept.Organization)
		return err
	})
	if err != nil {
		return err
	}
	return c.json(w, m.matches())
}

func (a *API) searchEntityTags(w http.ResponseWriter, c *call) error {
	m, err := newMatcher(c)
	if err != nil {
		return err
	}
	err = a.eachEntity(c, func(entity tokenstore.BrokerEntity) error { return m.lookTags(entity.Document) })
	if err != nil {
		return err
	}
	return c.json(w, m.matches())
}

func (a *API) searchPolicyTags(w http.ResponseWriter, c *call) error {
	m, err := newMatcher(c)
	if err != nil {
		return err
	}
	err = a.eachPolicy(c, func(policy tokenstore.BrokerPolicy) error { return m.lookTags(policy.Document) })
	if err != nil {
		return err
	}
	return c.json(w, m.matches())
}

// lookTags looks at the tags of a document.
func (m *matcher) lookTags(document []byte) error {
	var kept struct {
		Tags []string `json:"tags"`
	}
	err := readDocument(document, &kept)
	m.look(kept.Tags...)
	return err
}
