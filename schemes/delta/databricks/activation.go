package databricks

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
)

// activation serves who holds an activation link, as the scheme does on its own
// sites.
func (a *API) activation(w http.ResponseWriter, c *call) error {
	endpoint := a.scheme.PublicActivation(c.Call)
	if endpoint == nil {
		return noEndpoint()
	}
	return endpoint(w, c.Call)
}

// Paths says where doubled slashes are folded.
func Paths() canonpath.Options { return canonpath.Options{FoldAfter: delta.FoldedPaths} }

// UnfoldLink puts the code of an activation link in place of the whole link, if that
// is what the path ends with, percent-encoded: a path with an encoded slash has no
// one spelling and would be refused. It comes before the path is read. Nothing is
// forwarded from here, so no other server can read the path in another way.
func UnfoldLink(u *url.URL) {
	path := u.EscapedPath()
	for _, base := range []string{activationBase, activationInfoBase} {
		rest, ok := strings.CutPrefix(path, base+"/")
		if !ok || strings.Contains(rest, "/") {
			continue
		}
		link, err := url.PathUnescape(rest)
		if err != nil || !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") {
			continue
		}
		if _, code, ok := strings.Cut(link, "?"); ok && code != "" && !strings.ContainsAny(code, "/?#") {
			u.Path, u.RawPath = base+"/"+code, ""
		}
	}
}
