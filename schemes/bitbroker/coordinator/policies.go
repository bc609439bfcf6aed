package coordinator

import (
	"encoding/json"
	"math"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// policyDocument is what is kept of a policy besides its slug.
type policyDocument struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Tags        []string        `json:"tags"`
	Policy      json.RawMessage `json:"policy"`
}

// policyItem is a policy in a list, policyDetail one that is told by itself.
type policyItem struct {
	ID          string   `json:"id"`
	URL         string   `json:"url"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
}

type policyDetail struct {
	policyItem
	Policy json.RawMessage `json:"policy"`
}

func (c *call) viewPolicy(policy tokenstore.BrokerPolicy) (policyDetail, error) {
	var kept policyDocument
	if err := readDocument(policy.Document, &kept); err != nil {
		return policyDetail{}, err
	}
	return policyDetail{policyItem{
		ID: policy.Slug, URL: c.address("policy", policy.Slug), Name: kept.Name, Description: kept.Description, Tags: kept.Tags,
	}, kept.Policy}, nil
}

// eachPolicy goes through all policies, in the order of their slugs.
func (a *API) eachPolicy(c *call, look func(tokenstore.BrokerPolicy) error) error {
	for after := ""; ; {
		policies, next, err := c.store.BrokerPolicies(c.reading(), a.config.Realm, after, page)
		if err != nil {
			return err
		}
		for _, policy := range policies {
			if err := look(policy); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

func (a *API) listPolicies(w http.ResponseWriter, c *call) error {
	list := []policyItem{}
	err := a.eachPolicy(c, func(policy tokenstore.BrokerPolicy) error {
		view, err := c.viewPolicy(policy)
		list = append(list, view.policyItem)
		return err
	})
	if err != nil {
		return err
	}
	return c.json(w, list)
}

// policy returns the policy that the path names, as it is told.
func (a *API) policy(c *call) (policyDetail, error) {
	slug, err := c.slug(pid)
	if err != nil {
		return policyDetail{}, err
	}
	policy, _, err := c.store.BrokerPolicy(c.reading(), a.config.Realm, slug)
	if err != nil {
		return policyDetail{}, err
	}
	return c.viewPolicy(policy)
}

func (a *API) getPolicy(w http.ResponseWriter, c *call) error {
	view, err := a.policy(c)
	if err != nil {
		return err
	}
	return c.json(w, view)
}

func (a *API) getAccessControl(w http.ResponseWriter, c *call) error {
	view, err := a.policy(c)
	if err != nil {
		return err
	}
	policy, err := parse(view.Policy) // which has its names as they are, unlike Go's structs
	if err != nil {
		return err
	}
	return c.json(w, json.RawMessage(encode(member(policy, "access_control"))))
}

// policyProperties is what a body says of a policy, with what stands for what it does not say.
func policyProperties(body any) *object {
	return newObject().
		set("name", or(member(body, "name"), "")).
		set("description", or(member(body, "description"), "")).
		set("policy", or(member(body, "policy"), newObject())).
		set("tags", orIfNull(member(body, "tags"), []any{}))
}

// policyFaults adds what is wrong with what is said of a policy.
func policyFaults(faults []envelope.Fault, said *object) []envelope.Fault {
	faults = policyShape.judge(faults, "", said)
	segment := member(member(said.get("policy"), "data_segment"), "segment_query")
	if reason := queryFault(or(segment, newObject())); reason != "" {
		faults = append(faults, envelope.Fault{Name: "policy.data_segment.segment_query", Reason: reason})
	}
	return faults
}

// readPolicy reads what a body says of a policy, whose slug has the given faults.
func (c *call) readPolicy(w http.ResponseWriter, faults []envelope.Fault) (kept []byte, limits tokenstore.BrokerLimits, err error) {
	body, err := c.body(w)
	if err != nil {
		return nil, limits, err
	}
	said := policyProperties(body)
	if err := wrong(policyFaults(faults, said)); err != nil {
		return nil, limits, err
	}
	kept, err = document(said)
	return kept, limitsOf(member(said.get("policy"), "access_control")), err
}

// limitsOf are the limits that a policy's access_control means. A quota of no number is none,
// and one of no interval is for a month, as with BitBroker's rate service.
func limitsOf(control any) tokenstore.BrokerLimits {
	limits := tokenstore.BrokerLimits{Enabled: truthy(member(control, "enabled")), Rate: count(member(control, "rate"))}
	quota := member(control, "quota")
	if number := count(member(quota, "max_number")); number != nil {
		limits.Quota = &tokenstore.BrokerQuota{MaxNumber: *number, Interval: "month"}
		if interval, is := member(quota, "interval_type").(string); is {
			limits.Quota.Interval = interval
		}
	}
	return limits
}

// count is a number of calls; nil for none. What is beyond all numbers of 64 bits is the
// greatest of them.
func count(value any) *int64 {
	number, is := value.(float64)
	if !is {
		return nil
	}
	whole := int64(math.MaxInt64)
	if number < math.MaxInt64 {
		whole = int64(number)
	}
	return &whole
}

func (a *API) createPolicy(w http.ResponseWriter, c *call) error {
	slug, faults := c.newSlug(pid)
	kept, limits, err := c.readPolicy(w, faults)
	if err != nil {
		return err
	}
	if _, err := c.store.CreateBrokerPolicy(c.changing(), a.config.Realm, slug, kept, limits, c.actor()); err != nil {
		return err
	}
	return c.created(w)
}

func (a *API) updatePolicy(w http.ResponseWriter, c *call) error {
	kept, limits, err := c.readPolicy(w, nil)
	if err != nil {
		return err
	}
	slug, err := c.slug(pid)
	if err != nil {
		return err
	}
	_, err = c.store.UpdateBrokerPolicy(c.changing(), a.config.Realm, slug, kept, limits, c.actor())
	return done(w, err)
}

func (a *API) deletePolicy(w http.ResponseWriter, c *call) error {
	slug, err := c.slug(pid)
	if err != nil {
		return err
	}
	return done(w, c.store.DeleteBrokerPolicy(c.changing(), a.config.Realm, slug, c.actor()))
}
