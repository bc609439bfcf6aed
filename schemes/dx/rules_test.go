package dx

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// callers are who calls, in the order of the columns of the tables.
var callers = []struct {
	name  string
	token string
}{
	{"nobody", ""},
	{"consumer", identityToken().signed()},
	{"provider", identityToken("role", "provider").signed()},
	{"consumer's delegate", delegateToken().signed()},
	{"provider's delegate", delegateToken("drl", "provider").signed()},
	{"AAA", serverToken().signed()},
	{"an administrator", identityToken("role", "admin").signed()},
	{"a stranger", signES256(strangerKey(), header.text(), identityToken().text())},
}

// Columns that many routes share; of each caller: + passes, ! is refused with 401, ? is
// answered with 400, . finds no route (404), : not for this method (405), / is answered
// with 400 for a slash too many.
const (
	//              nobody consumer provider c-delegate p-delegate AAA admin stranger
	consumers  = "!+!+!!!!"
	providers  = "!!+!+!!!"
	both       = "!++++!!!"
	onlyAAA    = "?!!!!+!!"
	everybody  = "++++++++"
	noRoute    = "........"
	noMethod   = "::::::::"
	slashAdded = "////////"
)

type row struct{ method, path, callers string }

var dmpRows = []row{
	{"POST", "/consumer/order/" + alice, consumers},
	{"GET", "/consumer/list/resources", consumers},
	{"GET", "/consumer/list/providers", consumers},
	{"GET", "/consumer/list/purchases", consumers},
	{"GET", "/consumer/list/products", consumers},
	{"GET", "/consumer/product-variant", consumers},
	{"POST", "/verify-payment", consumers},
	{"POST", "/provider/product", providers},
	{"DELETE", "/provider/product", providers},
	{"GET", "/provider/list/products", providers},
	{"GET", "/provider/list/purchases", providers},
	{"POST", "/provider/product-variant", providers},
	{"GET", "/provider/product-variant", providers},
	{"PUT", "/provider/product-variant", providers},
	{"DELETE", "/provider/product-variant", providers},
	{"POST", base + "/account", providers},
	{"PUT", base + "/account", providers},
	{"GET", base + "/account", providers},
	{"POST", "/verify", onlyAAA},
	{"GET", base + "/policies", both},
	{"GET", base + "/check/policies", consumers},
	{"POST", "/order-paid-webhooks", everybody},
	{"POST", "/payment-authorized", everybody},
	{"POST", "/payments-failed", everybody},
	{"GET", "/apis", everybody},
	{"GET", "/apis/spec", everybody},

	// What browsers ask, and what goes with GET.
	{"OPTIONS", "/consumer/list/resources", everybody},
	{"OPTIONS", "/verify", everybody},
	{"OPTIONS", "/", everybody},
	{"OPTIONS", "/nothing/here/", everybody},
	{"HEAD", "/consumer/list/resources", consumers},
	{"HEAD", "/apis", everybody},

	// Of other methods.
	{"POST", "/consumer/list/resources", noMethod},
	{"get", "/consumer/list/resources", noMethod},
	{"PATCH", "/provider/product", noMethod},
	{"GET", "/verify", noMethod},
	{"HEAD", "/verify", noMethod},
	{"DELETE", base + "/policies", noMethod},
	{"GET", "/order-paid-webhooks", noMethod},
	{"GET", "/admin/revokeToken", noMethod},
	{"HEAD", "/admin/revokeToken", noMethod},
	{"OPTIONS", "/admin/revokeToken", noMethod},

	// That there are not.
	{"GET", "/", noRoute},
	{"GET", "/consumer/product-variants", noRoute},
	{"POST", "/consumer/order", noRoute},
	{"POST", "/product/usermaps", noRoute},
	{"POST", base + "/verify", noRoute},
	{"GET", "/policies", noRoute},
	{"GET", base, noRoute},
	{"POST", "/provider/consumer/order/" + alice, noRoute},
	{"POST", "/consumer/provider/product", noRoute},
	{"POST", "/provider/order-paid-webhooks", noRoute},
	{"POST", "/provider/verify", noRoute},
	{"GET", "/Consumer/list/resources", noRoute},
	{"GET", "/consumer/list/Resources", noRoute},
	{"GET", strings.ToUpper(base) + "/policies", noRoute},
	{"POST", "/admin/revoketoken", noRoute},
	{"GET", "/admin", noRoute},

	// With a slash too many.
	{"GET", "/consumer/list/resources/", slashAdded},
	{"POST", "/verify/", slashAdded},
	{"POST", "/order-paid-webhooks/", slashAdded},
	{"GET", base + "/policies/", slashAdded},
	{"DELETE", base + "/policies/", noMethod},
	{"GET", "/nothing/", noRoute},
}

var aclRows = []row{
	{"GET", "/dx/apd/acl/v1/policies", both},
	{"POST", "/dx/apd/acl/v1/policies", providers},
	{"DELETE", "/dx/apd/acl/v1/policies", providers},
	{"GET", "/dx/apd/acl/v1/policies/requests", both},
	{"POST", "/dx/apd/acl/v1/policies/requests", consumers},
	{"DELETE", "/dx/apd/acl/v1/policies/requests", consumers},
	{"PUT", "/dx/apd/acl/v1/policies/requests", providers},
	{"POST", "/verify", onlyAAA},
	{"GET", "/apis", everybody},
	{"GET", "/apis/spec", everybody},
	{"OPTIONS", "/dx/apd/acl/v1/policies", everybody},
	{"PUT", "/dx/apd/acl/v1/policies", noMethod},
	{"PATCH", "/dx/apd/acl/v1/policies/requests", noMethod},
	{"GET", "/policies", noRoute},
	{"GET", "/dx/apd/acl/v1/policies/x", noRoute},
	{"GET", "/dx/apd/acl/v1/policies/requests/", slashAdded},
	{"POST", "/order-paid-webhooks", noRoute},
	{"GET", "/consumer/list/resources", noRoute},
}

func TestWhoMayCallWhat(t *testing.T) {
	acl, err := policies.Parse("acl-apd", rulesOfACL)
	must(t, err)
	for _, table := range []struct {
		name   string
		change func(*Config)
		rows   []row
	}{
		{"dmp-apd", func(*Config) {}, dmpRows},
		{"acl-apd", func(c *Config) { c.Rules, c.BasePath = acl, DefaultBasePath("acl-apd") }, aclRows},
	} {
		t.Run(table.name, func(t *testing.T) {
			s := newSite(t, table.change)
			for _, row := range table.rows {
				for i, caller := range callers {
					r := schemestest.Request(row.method, row.path, "")
					if caller.token != "" {
						r.Header.Set("Authorization", "Bearer "+caller.token)
					}
					a := s.serve(r)
					want := map[byte]int{'+': 200, '!': 401, '?': 400, '/': 400, '.': 404, ':': 405}[row.callers[i]]
					if a.status() != want || (a.forwarded != nil) != (want == 200) {
						t.Errorf("%s %s as %s: %d %s, want %d", row.method, row.path, caller.name, a.status(), a.code(), want)
					}
					if row.callers[i] == '/' && a.code() != "trailing_slash" {
						t.Errorf("%s %s as %s: %s", row.method, row.path, caller.name, a.code())
					}
				}
			}
		})
	}
}

func TestEveryShippedSetIsNamedAndGood(t *testing.T) {
	for _, set := range RuleSets {
		rules, err := policies.Parse(set.Name, set.Text)
		if err != nil {
			t.Fatal(err)
		}
		config := goodConfig(keyFile(t))
		config.Rules, config.BasePath, config.URNPrefix = rules, DefaultBasePath(set.Name), DefaultURNPrefix(set.Name)
		if _, err := New(config, nil); err != nil {
			t.Error(err)
		}
	}
	if _, ok := RuleSets.Find("dmp"); ok {
		t.Error("there is a set of no name")
	}
	if DefaultBasePath("own.rules") != base {
		t.Error("rules of one's own have another base path")
	}
}

// What rules say of a path of the gateway's own must not matter.
func TestOwnRulesDoNotOpenTheRevocation(t *testing.T) {
	own, err := policies.Parse("own", "allow * /{path...} public\nallow POST /admin/revokeToken public")
	must(t, err)
	s := newSite(t, func(c *Config) { c.Rules = own })
	s.serve(schemestest.Request("POST", revocationPath, `{"sub":"`+alice+`"}`)).wants(t, http.StatusUnauthorized, "no_token")
	s.serve(schemestest.Request("GET", "/anything", "")).wants(t, http.StatusOK, "")
}
