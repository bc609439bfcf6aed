package bitbroker

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
)

// expressRoute is a plain reference of how Express (4) routes: the base of a router and the
// path of a route are regular expressions over the path as it stands in the request line,
// without regard to case, with a slash at the end or not; parameters are decoded after.
type expressRoute struct {
	kind, method string
	pattern      string // below the base
	expression   *regexp.Regexp
	params       []string
}

func expressRoutes(bases map[string]string) []expressRoute {
	var routes []expressRoute
	for kind, list := range map[string][]string{
		kindCoordinator: {
			"DELETE /user/:uid", "POST /user/:uid/coordinator", "DELETE /user/:uid/coordinator", "POST /user/:uid/access/:pid",
			"PUT /user/:uid/access/:pid", "DELETE /user/:uid/access/:pid", "DELETE /policy/:pid", "DELETE /entity/:eid",
			"POST /entity/:eid/connector/:cid", "DELETE /entity/:eid/connector/:cid",
		},
		kindContributor: {"GET /connector/:cid/session/open/:mode", "POST /connector/:cid/session/:sid/:action", "GET /connector/:cid/session/:sid/close/:commit"},
		kindConsumer:    {"GET /catalog", "GET /entity/:type/:id"},
	} {
		for _, text := range list {
			method, pattern, _ := strings.Cut(text, " ")
			r := expressRoute{kind: kind, method: method, pattern: pattern}
			expression := `(?i)^` + regexp.QuoteMeta(bases[kind])
			for segment := range strings.SplitSeq(pattern[1:], "/") {
				if name, ok := strings.CutPrefix(segment, ":"); ok {
					r.params, expression = append(r.params, name), expression+`/([^/]+?)`
				} else {
					expression += "/" + segment
				}
			}
			r.expression = regexp.MustCompile(expression + `/?$`)
			routes = append(routes, r)
		}
	}
	return routes
}

// match returns the decoded parameters of a path as it stands in the request line.
func (r *expressRoute) match(method, escaped string) (params map[string]string, ok bool) {
	found := r.expression.FindStringSubmatch(escaped)
	if method != r.method || found == nil || !isASCII(escaped) {
		return nil, false // of other letters, JavaScript's comparison has no case here
	}
	params = map[string]string{}
	for i, name := range r.params {
		text, err := url.PathUnescape(found[i+1])
		if err != nil {
			return nil, false
		}
		params[name] = text
	}
	return params, true
}

// jsLower is what JavaScript makes of a slug.
func jsLower(text string) string { return strings.ToLower(text) }

// FuzzPlaces holds the way in which paths are read against how a BitBroker's servers read what
// is forwarded to them: an allowed path is one that these route to the same place.
func FuzzPlaces(f *testing.F) {
	config := Config{Realm: realm, InFront: true}.withDefaults()
	s, err := New(config, nil)
	if err != nil {
		f.Fatal(err)
	}
	routes := expressRoutes(map[string]string{kindCoordinator: DefaultCoordinator, kindContributor: DefaultContributor, kindConsumer: DefaultConsumer})
	for _, path := range []string{
		"/coordinator/v1/user/007", "/COORDINATOR/v1/User/1/Access/Pol-One/", "/coordinator/v1/user/1/coordinator", "/coordinator/v1/policy/%E2%84%AA",
		"/coordinator/v1/entity/Ent/connector/CON", "/coordinator/v1/%75ser/1", "/coordinator/v1/user/%31", "/coordinator/v1/user/1%20/access/p",
		"/contributor/v1/connector/" + contributionA + "/session/open/x", "/contributor/v1/Connector/" + upper(contributionA) + "/session/1/upsert/",
		"/consumer/v1/catalog/", "/con\u017fumer/v1/catalog", "/consumer/v1//catalog", "/consumer/v1/./catalog", "/consumer/v1/entity/a/b%2Fc",
		"/coordinator/v1/user/email/coordinator", "/coordinator/v1.0/user/1", "/coordinator/v1", "//", "/coordinator/v1/user/+1/coordinator",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			f.Add(method, path)
		}
	}
	f.Fuzz(func(t *testing.T, method, raw string) {
		u := &url.URL{Path: raw}
		if unescaped, err := url.PathUnescape(raw); err == nil {
			u.Path, u.RawPath = unescaped, raw
		}
		path, err := canonpath.FromURL(u, canonpath.Options{})
		if err != nil {
			return
		}
		p := s.placeOf(path)
		kind := ""
		if p.api != nil {
			kind = p.api.kind
		}
		for i := range routes {
			params, ok := routes[i].match(method, path.Escaped())
			if !ok {
				continue
			}
			if routes[i].kind != kind {
				t.Fatalf("%s %s is %s of %s there, and of %q here", method, path.Escaped(), routes[i].pattern, routes[i].kind, kind)
			}
			if kind == kindContributor && p.came[1] != params["cid"] {
				t.Fatalf("%s: contribution id %q there, %q here", path.Escaped(), params["cid"], p.came[1])
			}
			if kind != kindCoordinator || isNothing(method, p.below) {
				continue
			}
			// What changes there is known here, and of the same things.
			c := changeOf(method, p.below)
			possible := true // that there is such a thing
			for name, text := range params {
				possible = possible && (name == "uid" || isSlug(jsLower(text)))
			}
			if c.verb == noChange && possible {
				t.Fatalf("%s %s: a change there, none here", method, path.Escaped())
			}
			for name, text := range params {
				id, isUser := userID(text)
				here := map[string]string{"pid": c.policy, "eid": c.entity, "cid": c.connector}[name]
				switch {
				case name == "uid" && (!isUser || c.verb != noChange && c.user != id):
					t.Fatalf("%s: user %q there, %d here", path.Escaped(), text, c.user)
				case name != "uid" && c.verb != noChange && here != jsLower(text):
					t.Fatalf("%s: %q there, %q here", path.Escaped(), text, here)
				}
			}
		}
		// And what is taken for a change here is one there.
		if kind == kindCoordinator && !isNothing(method, p.below) && changeOf(method, p.below).verb != noChange &&
			!slices.ContainsFunc(routes, func(r expressRoute) bool { _, ok := r.match(method, path.Escaped()); return ok }) {
			t.Fatalf("%s %s: a change here, none there", method, path.Escaped())
		}
	})
}

var tokenForm = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(\.|$)){3}$`)

func FuzzIsToken(f *testing.F) {
	text, _ := fresh()
	f.Add(text)
	f.Add(upper(text))
	f.Add(text + ".")
	f.Add(text[:110] + "\n")
	f.Add(strings.Replace(text, ".", "-", 1))
	f.Fuzz(func(t *testing.T, text string) {
		want := tokenForm.MatchString(text) && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "\n")
		if isToken(text) != want {
			t.Fatalf("%q: %t", text, !want)
		}
	})
}

func TestNewTokensAreTokensAndNoneIsLikeAnother(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		accessor, token := NewToken()
		text := token.Reveal()
		if !isToken(text) || len(accessor) != 36 || !isUUID(accessor) {
			t.Fatalf("%q of %q", text, accessor)
		}
		for _, part := range append(strings.Split(text, "."), accessor) {
			if seen[part] {
				t.Fatal("a UUID comes twice")
			}
			seen[part] = true
		}
	}
}
