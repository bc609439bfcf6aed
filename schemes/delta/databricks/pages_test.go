package databricks

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// Whatever a query says, a page is within its bounds and begins where one of ours
// ended.
func FuzzPageOf(f *testing.F) {
	r := httptest.NewRequest(http.MethodGet, recipientsPath, nil)
	path, err := canonpath.FromRequest(r, Paths())
	if err != nil {
		f.Fatal(err)
	}
	c := &call{
		Call:   &schemes.Call{Request: r, Path: path, Identity: &schemes.Identity{Realm: "partners"}},
		sealer: secret.NewSealer(secret.NewMasterKey()),
	}
	good := c.next("acme")
	for _, seed := range []string{"", "max_results=0", "max_results=-1", "max_results=99999999999999999999", "page_token=x", "page_token=" + good, "max_results=7&max_results=8", "%zz", "a;b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		c.Request.URL = &url.URL{Path: recipientsPath, RawQuery: query}
		p, err := c.pageOf()
		if err != nil {
			return
		}
		if p.limit < 0 || p.limit > maxPage || p.after != "" && p.after != "acme" {
			t.Errorf("%q: %+v", query, p)
		}
	})
}
