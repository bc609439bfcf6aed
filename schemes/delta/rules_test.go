package delta

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// decide asks the rules for a recipient with grants; nil is a caller without
// credential.
func decide(t *testing.T, s *Scheme, method, target string, grants []string) (*schemes.Call, policies.Decision) {
	t.Helper()
	r := request(method, target, "")
	path, err := canonpath.FromRequest(r, s.Paths())
	if err != nil {
		t.Fatal(err)
	}
	call := &schemes.Call{Request: r, Path: path}
	if grants != nil {
		call.Identity = &schemes.Identity{Kind: kindRecipient, Grants: newGrantSet(grants)}
	}
	return call, s.Decide(call)
}

func scheme(t *testing.T) *Scheme {
	t.Helper()
	s, err := New(goodConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// endpoints are those of the protocol, on what is shared and what is beside it.
var endpoints = []struct {
	methods string
	path    string
	action  string
	// who may call it: a holder of nothing, of other shares, of the table
	// sales/retail/orders, of its schema, of its share.
	nothing, other, table, schema, share bool
}{
	{"GET HEAD", "/shares", "deltaSharingListShares", true, true, true, true, true},
	{"GET HEAD", "/shares/sales", "deltaSharingGetShare", false, false, true, true, true},
	{"GET HEAD", "/shares/sales/schemas", "deltaSharingListSchemas", false, false, true, true, true},
	{"GET HEAD", "/shares/sales/all-tables", "deltaSharingListAllTables", false, false, true, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables", "deltaSharingListTables", false, false, true, true, true},
	{"HEAD", "/shares/sales/schemas/retail/tables/orders", "deltaSharingGetTableVersion", false, false, true, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/orders/version", "deltaSharingGetTableVersion", false, false, true, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/orders/metadata", "deltaSharingGetTableMetadata", false, false, true, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/orders/changes", "deltaSharingQueryTableChanges", false, false, true, true, true},
	{"POST", "/shares/sales/schemas/retail/tables/orders/query", "deltaSharingQueryTable", false, false, true, true, true},
	{"POST", "/shares/sales/schemas/retail/tables/orders/queries/q1", "deltaSharingQueryTable", false, false, true, true, true},
	{"POST", "/shares/sales/schemas/retail/tables/orders/temporary-table-credentials", "generateTemporaryTableCredentials", false, false, true, true, true},

	// What is beside the granted schema and table.
	{"GET HEAD", "/shares/sales/schemas/wholesale/tables", "deltaSharingListTables", false, false, false, false, true},
	{"HEAD", "/shares/sales/schemas/retail/tables/returns", "deltaSharingGetTableVersion", false, false, false, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/returns/version", "deltaSharingGetTableVersion", false, false, false, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/returns/metadata", "deltaSharingGetTableMetadata", false, false, false, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/returns/changes", "deltaSharingQueryTableChanges", false, false, false, true, true},
	{"POST", "/shares/sales/schemas/retail/tables/returns/query", "deltaSharingQueryTable", false, false, false, true, true},
	{"POST", "/shares/sales/schemas/retail/tables/returns/queries/q1", "deltaSharingQueryTable", false, false, false, true, true},
	{"POST", "/shares/sales/schemas/retail/tables/returns/temporary-table-credentials", "generateTemporaryTableCredentials", false, false, false, true, true},
	{"POST", "/shares/sales/schemas/wholesale/tables/orders/query", "deltaSharingQueryTable", false, false, false, false, true},
}

func TestEveryEndpointByMethodAndGrant(t *testing.T) {
	t.Parallel()
	s := scheme(t)
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "get"}
	for _, e := range endpoints {
		holders := []struct {
			name   string
			grants []string
			allow  bool
		}{
			{"nothing", []string{}, e.nothing},
			{"another share", []string{"finance", "sales2", "sale"}, e.other},
			{"the table", []string{"sales/retail/orders"}, e.table},
			{"the schema", []string{"sales/retail"}, e.schema},
			{"the share", []string{"SALES"}, e.share},
		}
		for _, method := range methods {
			served := slices.Contains(strings.Fields(e.methods), method)
			for _, h := range holders {
				call, d := decide(t, s, method, DefaultEndpoint+e.path, h.grants)
				if want := served && h.allow; d.Allow != want {
					t.Errorf("%s %s by a holder of %s: %v (%s), want %v", method, e.path, h.name, d.Allow, d.Reason, want)
				}
				if served && call.Action != e.action {
					t.Errorf("%s %s: action %q, want %q", method, e.path, call.Action, e.action)
				}
				if refusal := s.Denied(call); !d.Allow && *refusal != *missing() {
					t.Errorf("%s %s by a holder of %s answers %+v, unlike what is missing", method, e.path, h.name, refusal)
				}
			}
			if _, d := decide(t, s, method, DefaultEndpoint+e.path, nil); d.Allow {
				t.Errorf("%s %s without credential is allowed", method, e.path)
			}
		}
	}
}

func TestWhatNoEndpointNamesIsMissing(t *testing.T) {
	t.Parallel()
	s := scheme(t)
	targets := []string{
		"/", "/delta", "/delta-sharin", "/Delta-Sharing/shares", "/delta-sharings/shares", "/shares", "/x/delta-sharing/shares",
		apiPath + "/", apiPath + "/x", "/DDS-tokens", ActivationPath + "/", ActivationPath + "/x", "/delta_sharing", "/.well-known/databricks-config",
	}
	for _, below := range []string{
		"", "/", "/x", "/Shares", "/shares/", "/shares/sales/", "/shares/sales/x", "/shares/sales/schemas/", "/shares/sales/Schemas",
		"/shares/sales/schemas/retail", "/shares/sales/schemas/retail/", "/shares/sales/schemas/retail/x", "/shares/sales/schemas/retail/tables/",
		"/shares/sales/schemas/retail/tables/orders/", "/shares/sales/schemas/retail/tables/orders/x",
		"/shares/sales/schemas/retail/tables/orders/query/x", "/shares/sales/schemas/retail/tables/orders/queries",
		"/shares/sales/schemas/retail/tables/orders/queries/q1/x", "/shares/sales/all-tables/x", "/shares/sales/tables",
		"/shares/sales/schemas/retail/volumes", "/shares/sales/all-skills", "/iceberg/v1/config", "/all-tables",
	} {
		targets = append(targets, DefaultEndpoint+below)
	}
	for _, target := range targets {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
			call, d := decide(t, s, method, target, []string{"sales"})
			if method == "HEAD" && strings.HasSuffix(target, "/tables/orders") {
				continue
			}
			if d.Allow || d.Reason != policies.NoRule && d.Reason != policies.MethodNotAllowed {
				t.Errorf("%s %s: %s", method, target, d.Reason)
			}
			if refusal := s.Denied(call); refusal.Status != http.StatusNotFound {
				t.Errorf("%s %s: status %d", method, target, refusal.Status)
			}
		}
	}
}

func TestWithoutCredentialEveryEndpointAsksForOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, e := range endpoints {
		for method := range strings.FieldsSeq(e.methods) {
			a := s.data("", method, e.path)
			a.wantError(t, http.StatusUnauthorized, "UNAUTHENTICATED")
			a.wantHeaders(t, "WWW-Authenticate", `Bearer realm="delta-sharing"`)
			if a.forwarded != nil {
				t.Errorf("%s %s was forwarded", method, e.path)
			}
		}
	}
}

func TestEveryRuleHasAnActionAndTheReverse(t *testing.T) {
	t.Parallel()
	rules, err := policies.Parse("rules.txt", defaultRules)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, rule := range rules {
		seen[rule.Pattern] = true
		if actions[rule.Pattern] == "" {
			t.Errorf("%s has no action", rule.Pattern)
		}
		if rule.Who.Class != policies.Kind && rule.Who.Class != policies.Grant {
			t.Errorf("%s is for %s", rule.Pattern, rule.Who.Class)
		}
	}
	for pattern := range actions {
		if !seen[pattern] {
			t.Errorf("no rule is for %s", pattern)
		}
	}
}

// A manager, or whoever else could come to have an identity, is no recipient.
func TestOnlyRecipientsReadData(t *testing.T) {
	t.Parallel()
	s := scheme(t)
	call, _ := decide(t, s, "GET", DefaultEndpoint+"/shares", []string{})
	call.Identity = &schemes.Identity{Kind: kindManager, Roles: []string{roleRead, roleWrite}}
	if d := s.Decide(call); d.Allow || d.Reason != policies.KindMissing {
		t.Errorf("a manager lists shares: %s", d.Reason)
	}
}
