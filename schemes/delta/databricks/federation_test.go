package databricks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const policiesPath = sharingBase + "/recipients/acme/federation-policies"

func policy(name string) string {
	return `{"name":"` + name + `","comment":"theirs","oidc_policy":{"issuer":"https://login.example.com","subject":"` + name + `-client","subject_claim":"azp","audiences":["gatehouse"]}}`
}

func newFederated(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	s.ok(http.MethodPost, recipientsPath, `{"name":"acme","authentication_type":"OIDC_FEDERATION"}`)
	return s
}

func TestFederationPolicyLives(t *testing.T) {
	s := newFederated(t)
	made := s.ok(http.MethodPost, policiesPath, policy("prod"))
	want := "map[audiences:[gatehouse] issuer:https://login.example.com subject:prod-client subject_claim:azp]"
	if fmt.Sprint(made["oidc_policy"]) != want || made["name"] != "prod" || made["comment"] != "theirs" || made["create_time"] != "2026-11-22T12:00:00Z" {
		t.Errorf("got %v", made)
	}
	for _, name := range []string{"prod", "PROD", made["id"].(string)} {
		if got := s.ok(http.MethodGet, policiesPath+"/"+name, ""); fmt.Sprint(got) != fmt.Sprint(made) {
			t.Errorf("%s: %v", name, got)
		}
	}
	changed := s.ok(http.MethodPatch, policiesPath+"/prod", `{"oidc_policy":{"subject":"another"}}`)
	if fmt.Sprint(changed["oidc_policy"]) != strings.Replace(want, "prod-client", "another", 1) || changed["id"] != made["id"] || changed["comment"] != "theirs" {
		t.Errorf("got %v", changed)
	}
	s.ok(http.MethodPost, policiesPath, policy("test"))
	got := s.ok(http.MethodGet, policiesPath+"?max_results=1", "")
	next := s.ok(http.MethodGet, policiesPath+"?page_token="+got["next_page_token"].(string), "")
	if len(got["policies"].([]any)) != 1 || len(next["policies"].([]any)) != 1 || next["next_page_token"] != nil {
		t.Errorf("got %v, then %v", got, next)
	}
	s.ok(http.MethodDelete, policiesPath+"/prod", "")
	s.refused(http.MethodGet, policiesPath+"/prod", "", http.StatusNotFound, codeMissing)
	s.refused(http.MethodDelete, policiesPath+"/prod", "", http.StatusNotFound, codeMissing)
}

func TestFederationPolicyThatCannotBe(t *testing.T) {
	s := newFederated(t)
	s.create("tokens")
	s.ok(http.MethodPost, policiesPath, policy("prod"))
	for name, tc := range map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"name taken":                 {policiesPath, policy("prod"), http.StatusConflict, codePolicyExists},
		"no name":                    {policiesPath, `{"oidc_policy":{}}`, http.StatusBadRequest, codeInvalid},
		"name in capitals":           {policiesPath, policy("Prod"), http.StatusBadRequest, codeInvalid},
		"no policy":                  {policiesPath, `{"name":"x"}`, http.StatusBadRequest, codeInvalid},
		"no audience":                {policiesPath, strings.Replace(policy("x"), `["gatehouse"]`, `[]`, 1), http.StatusBadRequest, codeInvalid},
		"a claim that is not one":    {policiesPath, strings.Replace(policy("x"), "azp", "email", 1), http.StatusBadRequest, codeInvalid},
		"an issuer that is not one":  {policiesPath, strings.Replace(policy("x"), "https://login.example.com", "login", 1), http.StatusBadRequest, codeInvalid},
		"the subject of another":     {policiesPath, strings.Replace(policy("x"), "x-client", "prod-client", 1), http.StatusBadRequest, codeInvalid},
		"a recipient with tokens":    {strings.Replace(policiesPath, "acme", "tokens", 1), policy("x"), http.StatusBadRequest, codeInvalid},
		"a recipient that is not":    {strings.Replace(policiesPath, "acme", "nobody", 1), policy("x"), http.StatusNotFound, codeNoRecipient},
		"audiences that are a text":  {policiesPath, strings.Replace(policy("x"), `["gatehouse"]`, `"gatehouse"`, 1), http.StatusBadRequest, codeInvalid},
		"issuer twice in the object": {policiesPath, strings.Replace(policy("x"), `"issuer"`, `"issuer":"https://a.example.com","issuer"`, 1), http.StatusBadRequest, codeInvalid},
	} {
		t.Run(name, func(t *testing.T) { s.refused(http.MethodPost, tc.path, tc.body, tc.status, tc.code) })
	}
	if got := s.ok(http.MethodGet, policiesPath, "")["policies"].([]any); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// rival has another call made just before the next change reaches the store.
func (s *server) rival(method, target, body string) {
	s.driver.before = func() { s.ok(method, target, body) }
}

func TestPolicyDeletedDuringAnUpdateStaysDeleted(t *testing.T) {
	s := newFederated(t)
	s.ok(http.MethodPost, policiesPath, policy("prod"))
	s.rival(http.MethodDelete, policiesPath+"/prod", "")
	s.refused(http.MethodPatch, policiesPath+"/prod", `{"comment":"new"}`, http.StatusNotFound, codeMissing)
	if got := s.ok(http.MethodGet, policiesPath, "")["policies"].([]any); len(got) != 0 {
		t.Errorf("it is back: %v", got)
	}
	// Nor does a change go to another policy that has been given the name.
	s.ok(http.MethodPost, policiesPath, policy("prod"))
	s.driver.before = func() {
		s.ok(http.MethodDelete, policiesPath+"/prod", "")
		s.ok(http.MethodPost, policiesPath, strings.Replace(policy("prod"), "prod-client", "another", 1))
	}
	s.refused(http.MethodPatch, policiesPath+"/prod", `{"comment":"new"}`, http.StatusNotFound, codeMissing)
	if got := s.ok(http.MethodGet, policiesPath+"/prod", ""); got["comment"] != "theirs" {
		t.Errorf("got %v", got)
	}
}

func TestAudienceRemovedDuringAnUpdateStaysRemoved(t *testing.T) {
	s := newFederated(t)
	s.ok(http.MethodPost, policiesPath, strings.Replace(policy("prod"), `["gatehouse"]`, `["gatehouse","leaked"]`, 1))
	s.rival(http.MethodPatch, policiesPath+"/prod", `{"oidc_policy":{"audiences":["gatehouse"]}}`)
	got := s.ok(http.MethodPatch, policiesPath+"/prod", `{"comment":"new"}`)
	if oidc := got["oidc_policy"].(map[string]any); fmt.Sprint(oidc["audiences"]) != "[gatehouse]" || got["comment"] != "new" {
		t.Errorf("got %v", got)
	}
}

func TestPolicyMadeMeanwhileIsNotReplacedByOneOfItsName(t *testing.T) {
	s := newFederated(t)
	s.rival(http.MethodPost, policiesPath, policy("prod"))
	s.refused(http.MethodPost, policiesPath, strings.Replace(policy("prod"), "prod-client", "another", 1), http.StatusConflict, codePolicyExists)
	if got := s.ok(http.MethodGet, policiesPath+"/prod", "")["oidc_policy"].(map[string]any); got["subject"] != "prod-client" {
		t.Errorf("got %v", got)
	}
}

// The keys of a former issuer would go on vouching for the new one.
func TestChangeOfIssuerForgetsWhereTheKeysWere(t *testing.T) {
	s := newFederated(t)
	_, err := s.scheme.AddFederation(t.Context(), "acme", tokenstore.FederationPolicy{
		Name: "prod", Issuer: "https://login.example.com", JWKS: "https://login.example.com/keys",
		Audiences: []string{"gatehouse"}, Subject: "prod-client",
	}, "test")
	must(t, err)
	for _, step := range []struct{ body, jwks string }{
		{`{"comment":"new","oidc_policy":{"issuer":"https://login.example.com"}}`, "https://login.example.com/keys"},
		{`{"oidc_policy":{"issuer":"https://login.example.org"}}`, ""},
	} {
		s.ok(http.MethodPatch, policiesPath+"/prod", step.body)
		recipient, err := s.store.Recipient(t.Context(), "partners", "acme")
		must(t, err)
		if got := recipient.Federation[0].JWKS; got != step.jwks {
			t.Errorf("%s: the keys are at %q, want %q", step.body, got, step.jwks)
		}
	}
	s.refused(http.MethodPatch, policiesPath+"/prod", `{"oidc_policy":{"issuer":"http://login.example.org"}}`, http.StatusBadRequest, codeInvalid)
}
