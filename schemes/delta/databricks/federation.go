package databricks

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// policyInfo is a federation policy as Databricks' clients know it.
type policyInfo struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Comment    string   `json:"comment,omitempty"`
	OIDC       oidcInfo `json:"oidc_policy"`
	CreateTime string   `json:"create_time"` // RFC 3339
	UpdateTime string   `json:"update_time"`
}

type oidcInfo struct {
	Issuer       string   `json:"issuer"`
	Subject      string   `json:"subject"`
	SubjectClaim string   `json:"subject_claim"`
	Audiences    []string `json:"audiences"`
}

type policyList struct {
	Policies []policyInfo `json:"policies"`
	Next     string       `json:"next_page_token,omitempty"`
}

// maxPolicyText bounds each text of a policy, in bytes.
const maxPolicyText = 1000

func viewPolicy(p tokenstore.FederationPolicy) policyInfo {
	return policyInfo{
		ID: p.ID, Name: p.Name, Comment: p.Comment,
		OIDC:       oidcInfo{p.Issuer, p.Subject, p.Claim, p.Audiences},
		CreateTime: p.CreatedAt.UTC().Format(time.RFC3339), UpdateTime: p.UpdatedAt.UTC().Format(time.RFC3339),
	}
}

func noPolicy(recipient, policy string) *fault {
	return newFault(http.StatusNotFound, codeMissing, schemes.Missing, "Recipient '%s' has no federation policy '%s'.", recipient, policy)
}

// policyHolder reads the recipient of the call's path.
func (c *call) policyHolder() (tokenstore.Recipient, error) {
	return c.store.Recipient(c.ctx(), c.Identity.Realm, c.values["name"])
}

// policyOf reads the recipient and the policy of the call's path.
func (c *call) policyOf() (tokenstore.Recipient, tokenstore.FederationPolicy, error) {
	recipient, err := c.policyHolder()
	if err != nil {
		return recipient, tokenstore.FederationPolicy{}, err
	}
	policy, ok := recipient.Policy(c.values["policy"])
	if !ok {
		return recipient, policy, noPolicy(recipient.Name, c.values["policy"])
	}
	return recipient, policy, nil
}

func (a *API) listPolicies(c *call) (any, error) {
	p, err := c.pageOf()
	if err != nil {
		return nil, err
	}
	recipient, err := c.policyHolder()
	if err != nil {
		return nil, err
	}
	folded := func(p tokenstore.FederationPolicy) string { return tokenstore.FoldName(p.Name) }
	sorted := slices.SortedFunc(slices.Values(recipient.Federation), func(a, b tokenstore.FederationPolicy) int {
		return strings.Compare(folded(a), folded(b))
	})
	policies, next := cut(sorted, p, folded)
	list := policyList{Policies: []policyInfo{}}
	for _, policy := range policies {
		list.Policies = append(list.Policies, viewPolicy(policy))
	}
	if next != "" {
		list.Next = c.next(next)
	}
	return list, nil
}

func (a *API) getPolicy(c *call) (any, error) {
	_, policy, err := c.policyOf()
	if err != nil {
		return nil, err
	}
	return viewPolicy(policy), nil
}

func (a *API) createPolicy(c *call) (any, error) {
	recipient, err := c.policyHolder()
	if err != nil {
		return nil, err
	}
	var policy tokenstore.FederationPolicy
	name, err := c.body.text("name", maxName)
	if err != nil {
		return nil, err
	}
	if name == nil || !isPolicyName(*name) {
		return nil, invalid("name must be given: lower-case letters, digits and hyphens.")
	}
	policy.Name = *name
	if err := c.readPolicy(&policy); err != nil {
		return nil, err
	}
	if recipient.Auth != tokenstore.Federation {
		return nil, invalid("Recipient %s does not have authentication_type OIDC_FEDERATION.", recipient.Name)
	}
	policy, err = a.scheme.AddFederation(c.ctx(), recipient.ID, policy, c.actor())
	if errors.Is(err, tokenstore.ErrExists) {
		return nil, newFault(http.StatusConflict, codePolicyExists, schemes.Conflict, "Recipient '%s' has a federation policy '%s' already.", recipient.Name, *name)
	}
	if err != nil {
		return nil, err
	}
	return viewPolicy(policy), nil
}

func (a *API) updatePolicy(c *call) (any, error) {
	recipient, policy, err := c.policyOf()
	if err != nil {
		return nil, err
	}
	policy, err = a.scheme.ChangeFederation(c.ctx(), recipient.ID, policy.ID, c.actor(), func(policy *tokenstore.FederationPolicy) error {
		issuer := policy.Issuer
		if err := c.readPolicy(policy); err != nil {
			return err
		}
		if policy.Issuer != issuer {
			policy.JWKS = "" // where the former issuer's keys are, which this API does not show
		}
		return nil
	})
	if errors.Is(err, tokenstore.ErrNotFound) { // not any more
		return nil, noPolicy(recipient.Name, c.values["policy"])
	}
	if err != nil {
		return nil, err
	}
	return viewPolicy(policy), nil
}

func (a *API) deletePolicy(c *call) (any, error) {
	recipient, policy, err := c.policyOf()
	if err != nil {
		return nil, err
	}
	err = a.scheme.DeleteFederation(c.ctx(), recipient.ID, policy.ID, c.actor())
	if errors.Is(err, tokenstore.ErrNotFound) { // not any more
		return nil, noPolicy(recipient.Name, c.values["policy"])
	}
	return struct{}{}, err
}

// isPolicyName tells whether a text can be a policy's name (Databricks' rule).
func isPolicyName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-')
	})
}

// readPolicy reads what the request says of a policy; what it does not say stays.
func (c *call) readPolicy(policy *tokenstore.FederationPolicy) error {
	oidc, _, err := c.body.object("oidc_policy")
	if err != nil {
		return err
	}
	for _, field := range []struct {
		in    object
		name  string
		value *string
	}{
		{c.body, "comment", &policy.Comment},
		{oidc, "issuer", &policy.Issuer},
		{oidc, "subject", &policy.Subject},
		{oidc, "subject_claim", &policy.Claim},
	} {
		text, err := field.in.text(field.name, maxPolicyText)
		if err != nil {
			return err
		}
		if text != nil {
			*field.value = *text
		}
	}
	audiences, err := oidc.texts("audiences")
	if err != nil {
		return err
	}
	if audiences != nil {
		policy.Audiences = audiences
	}
	return nil
}
