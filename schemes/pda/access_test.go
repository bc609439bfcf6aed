package pda

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// callers are who calls, in the order of the columns of the table.
var callers = []struct {
	name     string
	identity *schemes.Identity
}{
	{"nobody", nil},
	{"owner", &schemes.Identity{Kind: kindOwner, Grants: ownerGrants}},
	{"notes", application(kindApplication, "namespace-read:notes", "namespace-write:notes", "data-debit:d1", "manage-files:photos",
		"application-list", "application-manage:friend", "retrieve-application-token:friend")},
	{"reader", application(kindApplication, "namespace-read:notes", "data-debit-create")},
	{"like the owner", application(kindApplication, "owner")},
	{"platform", application(kindApplication, "platform")},
	{"nothing", application(kindApplication)},
	{"service", &schemes.Identity{Kind: kindService}},
	{"inactive", application(kindInactive, "owner", "namespace-read:notes")},
	{"disabled", application(kindDisabled, "owner", "namespace-read:notes")},
}

func application(kind string, grants ...string) *schemes.Identity {
	return &schemes.Identity{Kind: kind, Grants: newGrants(grants)}
}

// Columns that many routes share; of each caller: + may, ! is asked for a token (401),
// - may not (403), . there is no such route (404).
const (
	//                 nobody owner notes reader like-owner platform nothing service inactive disabled
	everybody     = "++++++++++"
	nobodyAtAll   = "----------"
	anyToken      = "!+++++++--"
	onlyOwner     = "!+--------"
	ownerOrLike   = "!+--+-----"
	notesOrLike   = "!++-+-----"
	readersOrLike = "!++++-----"
	platforms     = "!+--++----"
	missing       = ".........."
)

// access is who may call what, without anything left to the server behind.
var access = []struct{ method, path, callers string }{
	// The gateway's own.
	{"GET", "/users/access_token", everybody},
	{"POST", "/users/access_token", missing},
	{"GET", "/users/access_token/validate", "!++++++++-"},
	{"GET", "/users/application_token", onlyOwner},
	{"GET", "/publickey", everybody},
	{"GET", "/.well-known/jwks.json", everybody},
	{"POST", "/control/v2/auth/password", onlyOwner},
	{"POST", "/control/v2/auth/logout", "!+++++++++"},
	{"GET", "/control/v2/auth/hatlogin", onlyOwner},
	{"GET", "/api/v2.6/applications", notesOrLike},
	{"GET", "/api/v2.6/applications/hmi", notesOrLike},
	{"GET", "/api/v2.6/applications/friend", notesOrLike},
	{"GET", "/api/v2.6/applications/other", ownerOrLike},
	{"GET", "/api/v2.6/applications/friend/setup", notesOrLike},
	{"GET", "/api/v2.6/applications/other/setup", ownerOrLike},
	{"POST", "/api/v2.6/applications/friend/setup", missing},
	{"GET", "/api/v2.6/applications/friend/disable", notesOrLike},
	{"GET", "/api/v2.6/applications/friend/access-token", "!++-------"},
	{"GET", "/api/v2.6/applications/other/access-token", onlyOwner},
	{"GET", "/api/v2.6/applications/friend/hmi", "++++++++--"}, // the endpoint refuses who is known,
	{"GET", "/api/v2.6/applications/fr_end", missing},
	{"GET", "/api/v2.6/applications/friend/", missing},

	// Namespaces.
	{"GET", "/api/v2.6/data/notes/x", readersOrLike},
	{"HEAD", "/api/v2.6/data/notes/x", readersOrLike},
	{"GET", "/api/v2.6/data/notes/x/y-1", readersOrLike},
	{"GET", "/api/v2.6/data/notes/x/", readersOrLike},
	{"GET", "/api/v2.6/data/other/x", ownerOrLike},
	{"GET", "/api/v2.6/data/notes-2/x", ownerOrLike},
	{"GET", "/api/v2.6/data/note/x", ownerOrLike},
	{"POST", "/api/v2.6/data/notes/x", notesOrLike},
	{"POST", "/api/v2.6/data/other/x", ownerOrLike},
	{"DELETE", "/api/v2.6/data/notes/x", notesOrLike},
	{"DELETE", "/api/v2.6/data/other/x", ownerOrLike},
	{"PUT", "/api/v2.6/data/notes/x", missing},
	{"PATCH", "/api/v2.6/data/notes/x", missing},
	{"get", "/api/v2.6/data/notes/x", missing},
	{"GET", "/api/v2.6/data/Notes/x", missing},
	{"GET", "/api/v2.6/data/notes/X", missing},
	{"GET", "/api/v2.6/data/notes/x.json", missing},
	{"GET", "/api/v2.6/data/notes/a_b", missing},
	{"GET", "/api/v2.6/data/notes/%C3%A9", missing},
	{"GET", "/api/v2.6/data/notes/a%20b", missing},
	{"GET", "/api/v2.6/data/n*tes/x", missing},
	{"GET", "/api/v2.6/data/*/x", missing},
	{"GET", "/api/v2.6/data/notes", missing},
	{"GET", "/api/v2.6/data/notes/", missing},
	{"GET", "/api/v2.6/data", missing},
	{"GET", "/api/v2.6/data/", missing},
	{"GET", "/api/v2.6/data/sources", "!++-++----"},
	{"GET", "/api/v2.6/data/sources/", missing},
	{"GET", "/api/v2.6/data/sources/x", ownerOrLike},

	// Records of many namespaces.
	{"POST", "/api/v2.6/data-batch", notesOrLike},
	{"PUT", "/api/v2.6/data", ownerOrLike},
	{"DELETE", "/api/v2.6/data?records=5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", ownerOrLike},
	{"POST", "/api/v2.6/data-link", ownerOrLike},
	{"GET", "/api/v2.6/data-record/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", ownerOrLike},
	{"GET", "/api/v2.6/combinator/a/b", ownerOrLike},
	{"POST", "/api/v2.6/combinator/a", ownerOrLike},
	{"DELETE", "/api/v2.6/combinator/a", missing},
	{"GET", "/api/v2.6/combinator/A", missing},
	{"GET", "/api/v2.6/combinator", missing},
	{"GET", "/api/v2.6/combinator/", missing},
	{"GET", "/api/v2.6/data-bundle/b1", ownerOrLike},
	{"POST", "/api/v2.6/data-bundle/b1", ownerOrLike},
	{"GET", "/api/v2.6/data-bundle/b1/structure", ownerOrLike},
	{"GET", "/api/v2.6/data-bundle/b.1", missing},

	// Data debits.
	{"GET", "/api/v2.6/data-debit", ownerOrLike},
	{"POST", "/api/v2.6/data-debit/d1", "!+-+++----"},
	{"GET", "/api/v2.6/data-debit/d1", notesOrLike},
	{"PUT", "/api/v2.6/data-debit/d1", notesOrLike},
	{"GET", "/api/v2.6/data-debit/D1", ownerOrLike},
	{"GET", "/api/v2.6/data-debit/d2", ownerOrLike},
	{"GET", "/api/v2.6/data-debit/d1/values", notesOrLike},
	{"GET", "/api/v2.6/data-debit/d2/values", ownerOrLike},
	{"GET", "/api/v2.6/data-debit/d1/enable", ownerOrLike},
	{"GET", "/api/v2.6/data-debit/d1/disable", ownerOrLike},
	{"DELETE", "/api/v2.6/data-debit/d1", missing},

	// Files.
	{"POST", "/api/v2.6/files/upload", notesOrLike},
	{"PUT", "/api/v2.6/files/file/f1/complete", notesOrLike},
	{"POST", "/api/v2.6/files/search", ownerOrLike},
	{"GET", "/api/v2.6/files/file/f1", ownerOrLike},
	{"PUT", "/api/v2.6/files/file/f1", ownerOrLike},
	{"DELETE", "/api/v2.6/files/file/f1", ownerOrLike},
	{"GET", "/api/v2.6/files/allowAccess/f1/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", ownerOrLike},
	{"GET", "/api/v2.6/files/allowAccess/f1/somebody", missing},
	{"GET", "/api/v2.6/files/restrictAccess/f1/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", ownerOrLike},
	{"POST", "/api/v2.6/files/allowAccess/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", ownerOrLike},
	{"POST", "/api/v2.6/files/restrictAccess/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", ownerOrLike},
	{"GET", "/api/v2.6/files/allowAccessPublic/f1", ownerOrLike},
	{"GET", "/api/v2.6/files/restrictAccessPublic/f1", "!---------"},
	{"GET", "/api/v2.6/files/content/f1", "++--+-----"},
	{"GET", "/api/v2.6/files/content/" + strings.Repeat("f", maxFileName+1), missing},
	{"GET", "/api/v2.6/files/content/f1/x", missing},

	// Functions and feeds.
	{"GET", "/api/v2.6/she/function", platforms},
	{"GET", "/api/v2.6/she/function/friend", platforms},
	{"GET", "/api/v2.6/she/function/friend/enable", ownerOrLike},
	{"GET", "/api/v2.6/she/function/friend/disable", ownerOrLike},
	{"GET", "/api/v2.6/she/function/friend/trigger", notesOrLike},
	{"GET", "/api/v2.6/she/function/other/trigger", ownerOrLike},
	{"GET", "/api/v2.6/she/feed", ownerOrLike},
	{"GET", "/api/v2.6/she/feed/a/b", ownerOrLike},
	{"GET", "/api/v2.6/she/static/a", ownerOrLike},
	{"GET", "/api/v2.6/she/static/A", missing},
	{"GET", "/api/v2.6/she/feed/", missing},
	{"GET", "/api/v2.6/she/static/", missing},

	// Applications' servers.
	{"GET", "/api/v2.6/applications/friend/proxy/a/B.c", notesOrLike},
	{"POST", "/api/v2.6/applications/friend/proxy/a", notesOrLike},
	{"DELETE", "/api/v2.6/applications/other/proxy/a", ownerOrLike},
	{"TRACE", "/api/v2.6/applications/friend/proxy/a", missing},
	{"GET", "/api/v2.6/applications/friend/proxy/", missing},

	// The system.
	{"GET", "/api/v2.6/system/status", platforms},
	{"DELETE", "/api/v2.6/system/destroy-cache", missing},
	{"POST", "/api/v2.6/reset-password", missing},
	{"POST", "/reset-password", missing},
	{"POST", "/api/v2.6/report-frontend-action", anyToken},
	{"GET", "/api/v2.6/phata/profile", everybody},
	{"GET", "/api/v2.6/migrate?fromSource=a", onlyOwner},
	{"GET", "/system/update", everybody},
	{"GET", "/healthz", everybody},
	{"POST", "/api/v2.6/contract-data/read/notes/x", nobodyAtAll},
	{"POST", "/api/v2.6/contract-data/create/notes/x", nobodyAtAll},
	{"PUT", "/api/v2.6/contract-data/update/notes", nobodyAtAll},
	{"PUT", "/api/v2.6/contract-data/update/No", missing},
	{"POST", "/api/v2.6/contract-data/read/notes/", missing},

	// Users of the server behind.
	{"GET", "/users/user", platforms},
	{"POST", "/users/user", platforms},
	{"PUT", "/users/user/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e/enable", platforms},
	{"PUT", "/users/user/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e/delete", platforms},
	{"PUT", "/users/user/all/delete", missing},

	// Mails.
	{"POST", "/control/v2/auth/passwordReset", everybody},
	{"POST", "/control/v2/auth/passwordReset?sendEmailToUser=false", nobodyAtAll},
	{"POST", "/control/v2/auth/passwordReset?", everybody},
	{"POST", "/control/v2/auth/passwordreset", missing},
	{"POST", "/control/v2/auth/request-verification?lang=pt-BR", everybody},
	{"POST", "/control/v2/auth/request-verification?sendEmailToUser=false", nobodyAtAll},
	{"POST", "/control/v2/auth/request-verification?lang=en&sendEmailToUser=false", nobodyAtAll},
	{"POST", "/control/v2/auth/claim?lang=en&lang=en", nobodyAtAll},
	{"POST", "/control/v2/auth/claim?lang=en;sendEmailToUser=false", nobodyAtAll},
	{"POST", "/control/v2/auth/claim", everybody},
	{"POST", "/control/v2/auth/passwordreset/confirm/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", missing},
	{"POST", "/control/v2/auth/claim/complete/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", missing},

	// What there is not.
	{"GET", "/", missing},
	{"GET", "/api", missing},
	{"GET", "/api/v2.6", missing},
	{"GET", "/api/v2.6/", missing},
	{"GET", "/api/v1/data/notes/x", missing},
	{"GET", "/api/v2.7/data/notes/x", missing},
	{"GET", "/api/V2.6/data/notes/x", missing},
	{"GET", "/v2.6/data/notes/x", missing},
	{"GET", "/data/notes/x", missing},
	{"GET", "/x/api/v2.6/data/notes/x", missing},
	{"GET", "/Users/user", missing},
}

// ask puts a call to the rules and what they leave open, and returns the sign that the
// columns have.
func ask(t *testing.T, policy *policies.Policy, method, target string, identity *schemes.Identity, leaves ...string) string {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	r.Method = method
	path, err := canonpath.FromRequest(r, canonpath.Options{})
	if err != nil {
		t.Fatal(err)
	}
	segments, slash, ok := canonical(path)
	if !ok {
		return "."
	}
	decision := policy.Decide(method, segments, slash, (&schemes.Call{Identity: identity}).PolicySubject())
	switch decision.Reason {
	case policies.NoRule, policies.MethodNotAllowed:
		return "."
	case policies.NotAuthenticated:
		return "!"
	}
	if !decision.Allow {
		return "-"
	}
	if decision.Reason == policies.AllowedPublic && !looksAtCallers[decision.Rule.Pattern] {
		identity = nil // nobody looked
	}
	refusal := furtherDenial(question{
		pattern: decision.Rule.Pattern, query: r.URL.RawQuery, identity: identity, leaves: leaves,
	})
	if refusal != nil {
		if refusal.Status != 403 {
			t.Errorf("%s %s is denied with %d", method, target, refusal.Status)
		}
		return "-"
	}
	return "+"
}

func rules(t *testing.T) *policies.Policy {
	t.Helper()
	policy, _, err := new(Config).compile()
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func TestWhoMayCallWhat(t *testing.T) {
	t.Parallel()
	policy := rules(t)
	for _, row := range access {
		if len(row.callers) != len(callers) {
			t.Fatalf("%s %s has %d columns", row.method, row.path, len(row.callers))
		}
		for i, caller := range callers {
			want := row.callers[i : i+1]
			for _, m := range mounts {
				path := strings.Replace(row.path, "/api/v2.6/", "/api/"+m+"/", 1)
				if got := ask(t, policy, row.method, path, caller.identity); got != want {
					t.Errorf("%s %s by %s: got %s, want %s", row.method, path, caller.name, got, want)
				}
			}
		}
	}
}

func TestWhatIsLeftToTheServer(t *testing.T) {
	t.Parallel()
	policy := rules(t)
	for _, row := range []struct{ method, path, area, callers string }{
		{"DELETE", "/api/v2/data?records=x", areaRecords, notesOrLike},
		{"PUT", "/api/v2/data", areaRecords, notesOrLike},
		{"POST", "/api/v2/data-link", areaLinks, notesOrLike},
		{"POST", "/api/v2/files/search", areaFiles, anyToken},
		{"GET", "/api/v2/files/file/f", areaFiles, anyToken},
		{"PUT", "/api/v2/files/file/f", areaFiles, anyToken},
		{"DELETE", "/api/v2/files/file/f", areaFiles, notesOrLike},
		{"GET", "/api/v2/files/content/f", areaFiles, "++++++++--"},
		{"GET", "/api/v2/files/allowAccessPublic/f", areaFiles, notesOrLike},
		{"GET", "/api/v2/files/restrictAccessPublic/f", areaFiles, "!---------"},
		{"POST", "/api/v2/files/allowAccess/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", areaFiles, notesOrLike},
		{"GET", "/api/v2/files/restrictAccess/f/5c0bbc0b-6b38-4c8e-8f2c-0f0c2a7d9f3e", areaFiles, notesOrLike},
		{"POST", "/api/v2/contract-data/read/notes/x", areaContracts, everybody},
		{"POST", "/api/v2/contract-data/create/notes/x", areaContracts, everybody},
		{"PUT", "/api/v2/contract-data/update/notes", areaContracts, everybody},
	} {
		for i, caller := range callers {
			if got, want := ask(t, policy, row.method, row.path, caller.identity, row.area), row.callers[i:i+1]; got != want {
				t.Errorf("%s %s by %s, left: got %s, want %s", row.method, row.path, caller.name, got, want)
			}
			for _, other := range Areas {
				if other == row.area {
					continue
				}
				if got, want := ask(t, policy, row.method, row.path, caller.identity, other), ask(t, policy, row.method, row.path, caller.identity); got != want {
					t.Errorf("%s %s by %s: leaving %s changes %s into %s", row.method, row.path, caller.name, other, want, got)
				}
			}
		}
	}
}

func TestEveryPatternThatIsSpokenOfIsARule(t *testing.T) {
	t.Parallel()
	parsed, err := policies.Parse("rules", defaultRules)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, rule := range parsed {
		known[rule.Pattern] = true
	}
	var spoken []string
	for pattern := range undecided {
		spoken = append(spoken, pattern)
	}
	for _, set := range []map[string]bool{changesByGet, looksAtCallers, showsUsers} {
		for pattern := range set {
			spoken = append(spoken, pattern)
		}
	}
	for _, pattern := range append(spoken, patternReset, patternVerify, patternClaim, patternValidate, patternBatch) {
		if !known[pattern] {
			t.Errorf("%s is no rule's pattern", pattern)
		}
	}
}

func TestLinksOfOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	owner := callers[1].identity
	for pattern := range changesByGet {
		if furtherDenial(question{pattern: pattern, identity: owner, leaves: Areas, crossSite: true}) == nil {
			t.Errorf("%s is served to a browser on another site", pattern)
		}
	}
	if furtherDenial(question{pattern: api + "/data/{namespace}/{endpoint...}", identity: owner, crossSite: true}) != nil {
		t.Error("reading data is refused to a browser on another site, which cannot read the answer anyway")
	}
}

func TestContractsAreNobodysUnlessLeft(t *testing.T) {
	t.Parallel()
	pattern := api + "/contract-data/read/{namespace}/{endpoint...}"
	for _, caller := range callers {
		if furtherDenial(question{pattern: pattern, identity: caller.identity}) == nil {
			t.Errorf("%s may call with a token that nobody checked", caller.name)
		}
	}
}

func TestOnlyApplicationsThatAreSetUpActAsTheOwner(t *testing.T) {
	t.Parallel()
	for _, caller := range callers {
		if got, want := actsAsOwner(caller.identity), caller.name == "owner" || caller.name == "like the owner"; got != want {
			t.Errorf("%s: %v", caller.name, got)
		}
	}
}
