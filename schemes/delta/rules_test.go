package delta

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// decide asks the rules for a recipient with grants; nil is a caller without
// credential.
func decide(t *testing.T, s *Scheme, method, target string, grants []string) (*schemes.Call, policies.Decision) {
	t.Helper()
	r := schemestest.Request(method, target, "")
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

// endpoints are those of the protocol that a plain grant gives, on what is shared and
// what is beside it.
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

	// What is beside the granted schema and table.
	{"GET HEAD", "/shares/sales/schemas/wholesale/tables", "deltaSharingListTables", false, false, false, false, true},
	{"HEAD", "/shares/sales/schemas/retail/tables/returns", "deltaSharingGetTableVersion", false, false, false, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/returns/version", "deltaSharingGetTableVersion", false, false, false, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/returns/metadata", "deltaSharingGetTableMetadata", false, false, false, true, true},
	{"GET HEAD", "/shares/sales/schemas/retail/tables/returns/changes", "deltaSharingQueryTableChanges", false, false, false, true, true},
	{"POST", "/shares/sales/schemas/retail/tables/returns/query", "deltaSharingQueryTable", false, false, false, true, true},
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
		"/shares/sales/volumes", "/shares/sales/all-volumes", "/shares/sales/schemas/retail/volumes/v", "/iceberg", "/iceberg/v1", "/iceberg/v2/config",
		"/iceberg/v1/shares/sales", "/iceberg/v1/namespaces", "/iceberg/v1/shares/sales/namespaces/retail/views",
		"/iceberg/v1/shares/sales/namespaces/retail/tables/orders/metrics", "/iceberg/v1/shares/sales/transactions/commit", "/all-tables",
	} {
		targets = append(targets, DefaultEndpoint+below)
	}
	for _, target := range targets {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
			call, d := decide(t, s, method, target, []string{"sales", "sales volumes,models,skills,iceberg"})
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

// privileged are the endpoints of tables and of OpenSharing, with the privilege that
// each needs.
var privileged = []struct{ method, path, needs string }{
	{"HEAD", "/shares/sales/schemas/retail/tables/orders", "metadata"},
	{"GET", "/shares/sales/schemas/retail/tables/orders/version", "metadata"},
	{"GET", "/shares/sales/schemas/retail/tables/orders/metadata", "metadata"},
	{"GET", "/shares/sales/schemas/retail/tables/orders/changes", "changes"},
	{"POST", "/shares/sales/schemas/retail/tables/orders/query", "query"},
	{"POST", "/shares/sales/schemas/retail/tables/orders/temporary-table-credentials", "temporary-credentials"},
	{"GET", "/shares/sales/schemas/retail/volumes", "volumes"},
	{"GET", "/shares/sales/schemas/retail/models", "models"},
	{"GET", "/shares/sales/schemas/retail/skills", "skills"},
	{"GET", "/shares/sales/all-skills", "skills"},
	{"POST", "/shares/sales/schemas/retail/volumes/orders/temporary-volume-credentials", "volumes"},
	{"POST", "/shares/sales/schemas/retail/skills/orders/temporary-skill-credentials", "skills"},
	{"POST", "/shares/sales/schemas/retail/models/orders/versions/1/temporary-model-credentials", "models"},
	{"GET", "/iceberg/v1/config", "iceberg"},
	{"GET", "/iceberg/v1/config?warehouse=Sales", "iceberg"},
	{"GET", "/iceberg/v1/shares/sales/namespaces", "iceberg"},
	{"HEAD", "/iceberg/v1/shares/sales/namespaces/retail", "iceberg"},
	{"GET", "/iceberg/v1/shares/sales/namespaces/retail/tables", "iceberg"},
	{"GET", "/iceberg/v1/shares/sales/namespaces/retail/tables/orders", "iceberg"},
	{"GET", "/iceberg/v1/shares/sales/namespaces/retail/tables/orders/credentials", "iceberg"},
}

func TestEachEndpointNeedsItsPrivilege(t *testing.T) {
	t.Parallel()
	s := scheme(t)
	for _, e := range privileged {
		needed := privilegeNamed(e.needs)
		for _, given := range privilegeNames {
			for _, object := range []string{"sales", "*"} {
				grants := []string{object + " " + given}
				call, d := decide(t, s, e.method, DefaultEndpoint+e.path, grants)
				has := privilegeNamed(given).closed()
				if want := has&needed != 0; d.Allow != want {
					t.Errorf("%s %s with %q: %v (%s), want %v", e.method, e.path, grants, d.Allow, d.Reason, want)
				}
				call.Decision = d
				switch refusal := s.Denied(call); {
				case d.Allow:
				case needed&ofTables != 0 && has&discover != 0:
					if refusal.Status != http.StatusForbidden || !strings.Contains(refusal.Public, "privilege "+e.needs+".") {
						t.Errorf("%s %s with %q: %+v, want the missing privilege", e.method, e.path, grants, refusal)
					}
				case *refusal != *missing():
					t.Errorf("%s %s with %q: %+v, unlike what is missing", e.method, e.path, grants, refusal)
				}
			}
		}
		if _, d := decide(t, s, e.method, DefaultEndpoint+e.path, []string{"sales", "sales2 " + e.needs}); d.Allow && needed&selects == 0 {
			if !strings.HasSuffix(e.path, "/config") {
				t.Errorf("%s %s is allowed by a grant on another share", e.method, e.path)
			}
		}
	}
}

// The catalogue is not filtered, so each level is for who holds all of it.
func TestIcebergIsForWhoHoldsTheWholeLevel(t *testing.T) {
	t.Parallel()
	s := scheme(t)
	const at = DefaultEndpoint + "/iceberg/v1/shares/sales/namespaces"
	for _, tt := range []struct {
		target string
		grant  string
		allow  bool
	}{
		{at, "sales/retail iceberg", false},
		{at + "/retail", "sales/retail iceberg", true},
		{at + "/Retail/tables", "sales/retail iceberg", true},
		{at + "/retail/tables", "sales/retail/orders iceberg", false},
		{at + "/retail/tables/orders", "sales/retail/orders iceberg", true},
		{at + "/retail/tables/returns", "sales/retail/orders iceberg", false},
		{at + "/wholesale/tables/orders", "sales/retail iceberg", false},
		{DefaultEndpoint + "/iceberg/v1/config", "sales/retail/orders iceberg", true},
		{DefaultEndpoint + "/iceberg/v1/config?warehouse=", "sales/retail/orders iceberg", true},
		{DefaultEndpoint + "/iceberg/v1/config?warehouse=s%61LES", "sales/retail/orders iceberg", true},
		{DefaultEndpoint + "/iceberg/v1/config?warehouse=finance", "sales iceberg", false},
		{DefaultEndpoint + "/iceberg/v1/config?warehouse=finance", "* iceberg", true},
		{DefaultEndpoint + "/iceberg/v1/config?warehouse=sales&warehouse=finance", "sales iceberg", false},
		{DefaultEndpoint + "/iceberg/v1/config?warehouse=sales/retail", "sales iceberg", false},
		{DefaultEndpoint + "/iceberg/v1/config?warehouse=%zz", "* iceberg", false},
		{DefaultEndpoint + "/iceberg/v1/config?x=1;warehouse=finance", "sales iceberg", false},
	} {
		if _, d := decide(t, s, "GET", tt.target, []string{tt.grant, "finance"}); d.Allow != tt.allow {
			t.Errorf("%s with %q: %v, want %v", tt.target, tt.grant, d.Allow, tt.allow)
		}
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			if _, d := decide(t, s, method, tt.target, []string{"* iceberg"}); d.Allow {
				t.Errorf("%s %s is allowed: the catalogue is only read", method, tt.target)
			}
		}
	}
}

func TestIcebergHasErrorsOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales iceberg")
	s.upstream = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }
	const at = "/iceberg/v1/shares/"
	for _, tt := range []struct {
		token, target string
		status        int
		kind          string
	}{
		{"", at + "sales/namespaces", 401, "NotAuthorizedException"},
		{token, at + "finance/namespaces", 404, "NoSuchNamespaceException"},
		{token, at + "sales/namespaces", 404, "NoSuchNamespaceException"},
		{token, at + "finance/namespaces/a/tables/b", 404, "NoSuchTableException"},
		{token, at + "sales/namespaces/a/tables/b", 404, "NoSuchTableException"},
		{token, "/iceberg", 404, "NoSuchNamespaceException"},
	} {
		a := s.data(tt.token, "GET", tt.target)
		var body icebergError
		a.wantJSON(t, tt.status, &body)
		if body.Error.Code != tt.status || body.Error.Type != tt.kind || body.Error.Message == "" {
			t.Errorf("%s answers %+v", tt.target, body)
		}
	}
	ungranted, missing := s.data(token, "GET", at+"finance/namespaces/a/tables/b"), s.data(token, "GET", at+"sales/namespaces/a/tables/b")
	if whole(ungranted.ResponseRecorder) != whole(missing.ResponseRecorder) {
		t.Errorf("what is not granted answers %s, what is missing %s", ungranted.Body, missing.Body)
	}
	for status, kind := range map[int]string{400: "BadRequestException", 405: "BadRequestException", 403: "ForbiddenException", 502: "InternalServerError", 503: "ServiceUnavailableException"} {
		a := &answer{ResponseRecorder: httptest.NewRecorder(), call: ungranted.call}
		s.Refuse(a, ungranted.call, &schemes.Refusal{Status: status, Public: "x"})
		if !strings.Contains(a.Body.String(), `"type":"`+kind+`"`) {
			t.Errorf("%d answers %s", status, a.Body)
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
