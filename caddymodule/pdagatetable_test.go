package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes/pda"
)

// callers are tokens of every kind, by the names that the table gives them.
func (h *household) callers() map[string]string {
	h.t.Helper()
	owner := h.signIn()
	callers := map[string]string{
		"owner": owner, "nobody": "", "garbage": "eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
		"reader":    h.application(owner, "reader", "namespace-read:notes"),
		"writer":    h.application(owner, "writer", "namespace-write:notes"),
		"debtor":    h.application(owner, "debtor", "data-debit:debt-1"),
		"lender":    h.application(owner, "lender", "data-debit-create"),
		"filer":     h.application(owner, "filer", "manage-files:photos"),
		"lister":    h.application(owner, "lister", "application-list", "application-manage:reader"),
		"retriever": h.application(owner, "retriever", "retrieve-application-token:reader"),
		"platform":  h.application(owner, "platform", "platform"),
		"deputy":    h.application(owner, "deputy", "owner"),
		"bare":      h.application(owner, "bare"),
		"off":       h.application(owner, "off", "owner"),
		"banned":    h.application(owner, "banned", "owner"),
		"service":   h.bodyToken(askAlice("GET", "/users/application_token?name=x&resource=https://x.example.com", owner)),
	}
	h.register("inactive", "owner", "namespace-read:notes")
	callers["inactive"] = h.tokenOf(owner, "inactive")
	h.register("spare")
	h.send(askAlice("GET", "/api/v2.6/applications/off/disable", owner)).want(http.StatusOK, "")
	_, err := h.store.EnableApplication(h.t.Context(), "people", "banned", false, "a test")
	h.must(err)
	return callers
}

// row is a call and its answer. The body is compared if it is not empty; a path that
// begins with ~ stands for all mounts of the data API.
type row struct {
	method, path, who string
	status            int
	body              string
	fresh             bool // a fresh token comes with the answer
}

const (
	batchDeniedBody   = `{"message":"Forbidden","cause":"Access Denied - No rights to insert some or all of the data in the batch"}`
	unknownAppBody    = `{"message":"Application not Found","cause":"Application ghost does not appear to be a valid application registered with the DEX"}`
	unknownHMIBody    = `{"message":"Not Found","cause":"Application configuration for ID ghost could not be found. Make sure application is correctly registered"}`
	authenticatedBody = `{"message":"Authenticated"}`
)

var rows = []row{
	// Reading and writing data.
	{"GET", "~/data/notes/daily", "owner", 200, fromServer, true},
	{"GET", "~/data/notes/daily", "reader", 200, fromServer, true},
	{"GET", "~/data/notes/daily/deep/er", "reader", 200, fromServer, true},
	{"GET", "~/data/notes/daily?take=1&orderBy=x", "reader", 200, fromServer, true},
	{"HEAD", "~/data/notes/daily", "reader", 200, "", true},
	{"GET", "~/data/diary/daily", "reader", 403, accessDeniedBody, true},
	{"GET", "~/data/note/daily", "reader", 403, accessDeniedBody, true},
	{"GET", "~/data/notesx/daily", "reader", 403, accessDeniedBody, true},
	{"GET", "~/data/notes-x/daily", "reader", 403, accessDeniedBody, true},
	{"GET", "~/data/notes/daily", "writer", 403, accessDeniedBody, true},
	{"POST", "~/data/notes/daily", "reader", 403, accessDeniedBody, true},
	{"POST", "~/data/notes/daily", "writer", 200, fromServer, true},
	{"DELETE", "~/data/notes/daily", "writer", 200, fromServer, true},
	{"POST", "~/data/diary/daily", "writer", 403, accessDeniedBody, true},
	{"POST", "~/data/diary/daily", "deputy", 200, fromServer, true},
	{"GET", "~/data/notes/daily", "service", 403, accessDeniedBody, true},
	{"GET", "~/data/notes/daily", "bare", 403, accessDeniedBody, true},
	{"GET", "~/data/notes/daily", "inactive", 403, accessDeniedBody, true},
	{"GET", "~/data/notes/daily", "off", 403, accessDeniedBody, true},
	{"GET", "~/data/notes/daily", "banned", 403, accessDeniedBody, true},
	{"GET", "~/data/notes/daily", "nobody", 401, notAuthenticatedBody, false},
	{"GET", "~/data/notes/daily", "garbage", 401, notAuthenticatedBody, false},
	{"PATCH", "~/data/notes/daily", "owner", 404, "", true},
	{"PUT", "~/data/notes/daily", "owner", 404, "", true},
	{"GET", "~/data/Notes/daily", "owner", 404, "", true},
	{"GET", "~/data/no_tes/daily", "owner", 404, "", true},
	{"GET", "~/data/notes/Daily", "owner", 404, "", true},
	{"GET", "~/data/notes", "owner", 404, "", true},
	{"GET", "~/data/sources", "owner", 200, fromServer, true},
	{"GET", "~/data/sources", "writer", 200, fromServer, true},
	{"GET", "~/data/sources", "platform", 200, fromServer, true},
	{"GET", "~/data/sources", "reader", 403, accessDeniedBody, true},
	{"DELETE", "~/data?records=6c796c29-fa9e-4678-9c0b-e48956f22bcc", "owner", 200, fromServer, true},
	{"DELETE", "~/data?records=6c796c29-fa9e-4678-9c0b-e48956f22bcc", "writer", 403, "", true},
	{"DELETE", "~/data?records=6c796c29-fa9e-4678-9c0b-e48956f22bcc", "deputy", 200, fromServer, true},
	{"POST", "~/data-link", "writer", 403, "", true},
	{"POST", "~/data-link", "owner", 200, fromServer, true},
	{"POST", "~/data-batch", "reader", 403, accessDeniedBody, true},
	{"POST", "~/data-batch", "nobody", 401, notAuthenticatedBody, false},
	{"GET", "~/data-record/6c796c29", "owner", 200, fromServer, true},
	{"GET", "~/data-record/6c796c29", "reader", 403, accessDeniedBody, true},
	{"GET", "~/combinator/x/y", "owner", 200, fromServer, true},
	{"GET", "~/combinator/x/y", "reader", 403, accessDeniedBody, true},
	{"GET", "~/data-bundle/b1", "deputy", 200, fromServer, true},
	{"POST", "~/data-bundle/b1", "platform", 403, accessDeniedBody, true},

	// Data debits.
	{"GET", "~/data-debit/debt-1", "debtor", 200, fromServer, true},
	{"PUT", "~/data-debit/debt-1", "debtor", 200, fromServer, true},
	{"GET", "~/data-debit/debt-1/values", "debtor", 200, fromServer, true},
	{"GET", "~/data-debit/debt-2/values", "debtor", 403, accessDeniedBody, true},
	{"GET", "~/data-debit/debt-1/values", "owner", 200, fromServer, true},
	{"POST", "~/data-debit/debt-3", "lender", 200, fromServer, true},
	{"POST", "~/data-debit/debt-3", "debtor", 403, accessDeniedBody, true},
	{"POST", "~/data-debit/debt-3", "platform", 200, fromServer, true},
	{"GET", "~/data-debit/debt-1/enable", "debtor", 403, accessDeniedBody, true},
	{"GET", "~/data-debit/debt-1/disable?atPeriodEnd=true", "owner", 200, fromServer, true},
	{"GET", "~/data-debit", "debtor", 403, accessDeniedBody, true},
	{"GET", "~/data-debit", "owner", 200, fromServer, true},

	// Files.
	{"POST", "~/files/upload", "filer", 200, fromServer, true},
	{"POST", "~/files/upload", "writer", 403, accessDeniedBody, true},
	{"PUT", "~/files/file/abc/complete", "filer", 200, fromServer, true},
	{"GET", "~/files/file/abc", "owner", 200, fromServer, true},
	{"GET", "~/files/file/abc", "filer", 403, "", true},
	{"POST", "~/files/search", "reader", 403, "", true},
	{"DELETE", "~/files/file/abc", "filer", 403, "", true},
	{"DELETE", "~/files/file/abc", "owner", 200, fromServer, true},
	{"DELETE", "~/files/file/abc", "reader", 403, accessDeniedBody, true},
	{"GET", "~/files/content/abc", "nobody", 200, fromServer, false},
	{"GET", "~/files/content/abc", "owner", 200, fromServer, false},
	{"GET", "~/files/content/abc", "inactive", 403, accessDeniedBody, true},
	{"GET", "~/files/content/abc", "banned", 403, accessDeniedBody, true},
	{"GET", "~/files/restrictAccessPublic/abc", "owner", 403, "", true},
	{"GET", "~/files/allowAccessPublic/abc", "owner", 200, fromServer, true},
	{"GET", "~/files/allowAccessPublic/abc", "reader", 403, accessDeniedBody, true},
	{"GET", "~/files/allowAccess/abc/6c796c29-fa9e-4678-9c0b-e48956f22bcc", "owner", 200, fromServer, true},
	{"GET", "~/files/allowAccess/abc/bob", "owner", 404, "", true},

	// The owner's own.
	{"GET", "~/she/function", "platform", 200, fromServer, true},
	{"GET", "~/she/function/f/enable", "platform", 403, accessDeniedBody, true},
	{"GET", "~/she/function/f/trigger", "owner", 200, fromServer, true},
	{"GET", "~/she/feed", "reader", 403, accessDeniedBody, true},
	{"GET", "~/system/status", "platform", 200, fromServer, true},
	{"GET", "~/system/status", "service", 403, accessDeniedBody, true},
	{"GET", "~/migrate", "owner", 200, fromServer, true},
	{"GET", "~/migrate", "deputy", 403, accessDeniedBody, true},
	{"POST", "~/report-frontend-action", "service", 200, fromServer, true},
	{"POST", "~/report-frontend-action", "inactive", 403, accessDeniedBody, true},
	{"POST", "/report-frontend-action", "nobody", 401, notAuthenticatedBody, false},
	{"DELETE", "~/system/destroy-cache", "owner", 404, "", true},

	// Tokens and applications, which the gateway serves itself.
	{"GET", "/users/access_token/validate", "owner", 200, authenticatedBody, true},
	{"GET", "/users/access_token/validate", "reader", 200, authenticatedBody, true},
	{"GET", "/users/access_token/validate", "service", 200, authenticatedBody, true},
	{"GET", "/users/access_token/validate", "inactive", 200, authenticatedBody, true},
	{"GET", "/users/access_token/validate", "off", 403, accessDeniedBody, true},
	{"GET", "/users/access_token/validate", "banned", 403, accessDeniedBody, true},
	{"GET", "/users/access_token/validate", "nobody", 401, notAuthenticatedBody, false},
	{"GET", "/users/access_token/validate", "garbage", 401, notAuthenticatedBody, false},
	{"POST", "/users/access_token/validate", "owner", 404, "", true},
	{"GET", "/users/application_token?name=x&resource=y", "deputy", 403, accessDeniedBody, true},
	{"GET", "/users/application_token?name=x&resource=y", "service", 403, accessDeniedBody, true},
	{"GET", "/users/application_token?name=x", "owner", 400, "", true},
	{"GET", "/control/v2/auth/hatlogin?name=reader&redirect=https://reader.example.com/cb?x=1", "deputy", 403, accessDeniedBody, true},
	{"GET", "/control/v2/auth/hatlogin?name=reader&redirect=https://evil.example.com/", "owner", 400, "", true},
	{"GET", "/control/v2/auth/hatlogin?name=ghost&redirect=https://reader.example.com/cb?x=1", "owner", 400, "", true},
	{"GET", "/control/v2/auth/hatlogin?name=reader&redirect=https://reader.example.com/cb?x=1", "nobody", 401, notAuthenticatedBody, false},
	{"POST", "/control/v2/auth/password", "deputy", 403, accessDeniedBody, true},
	{"POST", "/control/v2/auth/password", "nobody", 401, notAuthenticatedBody, false},
	{"GET", "~/applications", "owner", 200, "", true},
	{"GET", "~/applications/hmi", "owner", 200, "", true},
	{"GET", "~/applications", "lister", 200, "", true},
	{"GET", "~/applications", "reader", 403, accessDeniedBody, true},
	{"GET", "~/applications", "nobody", 401, notAuthenticatedBody, false},
	{"GET", "~/applications/reader", "owner", 200, "", true},
	{"GET", "~/applications/reader", "lister", 200, "", true},
	{"GET", "~/applications/writer", "lister", 403, accessDeniedBody, true},
	{"GET", "~/applications/ghost", "owner", 404, unknownAppBody, true},
	{"GET", "~/applications/ghost/setup", "owner", 400, unknownAppBody, true},
	{"GET", "~/applications/ghost/disable", "owner", 400, unknownAppBody, true},
	{"GET", "~/applications/ghost/access-token", "owner", 404, unknownAppBody, true},
	{"GET", "~/applications/spare/setup", "owner", 200, "", true},
	{"GET", "~/applications/spare/disable", "owner", 200, "", true},
	{"GET", "~/applications/spare/setup", "lister", 403, accessDeniedBody, true},
	{"GET", "~/applications/reader/access-token", "retriever", 200, "", true},
	{"GET", "~/applications/writer/access-token", "retriever", 403, accessDeniedBody, true},
	{"GET", "~/applications/reader/access-token", "deputy", 403, accessDeniedBody, true},
	{"GET", "~/applications/reader/access-token", "lister", 403, accessDeniedBody, true},
	{"GET", "~/applications/reader/access-token", "service", 403, accessDeniedBody, true},
	{"GET", "~/applications/reader/hmi", "nobody", 200, "", false},
	{"GET", "~/applications/reader/hmi", "owner", 403, accessDeniedBody, true},
	{"GET", "~/applications/ghost/hmi", "nobody", 404, unknownHMIBody, false},
	{"GET", "~/applications/reader/proxy/x", "lister", 200, fromServer, true},
	{"POST", "~/applications/writer/proxy/x", "lister", 403, accessDeniedBody, true},

	// Public routes look at nobody.
	{"GET", "/publickey", "nobody", 200, "", false},
	{"GET", "/publickey", "owner", 200, "", false},
	{"GET", "/publickey", "garbage", 200, "", false},
	{"GET", "/.well-known/jwks.json", "owner", 200, "", false},
	{"GET", "/system/update", "owner", 200, fromServer, false},
	{"GET", "~/system/update", "garbage", 200, fromServer, false},
	{"GET", "/phata/profile", "owner", 200, fromServer, false},
	{"GET", "~/phata/profile", "nobody", 200, fromServer, false},
	{"GET", "/healthz", "owner", 200, fromServer, false},
	{"GET", "/version", "nobody", 200, fromServer, false},
	{"POST", "/control/v2/auth/passwordReset", "nobody", 200, fromServer, false},
	{"POST", "/control/v2/auth/passwordReset?sendEmailToUser=false", "nobody", 403, "", false},
	{"POST", "/control/v2/auth/passwordReset?sendEmailToUser=false", "owner", 403, "", false},
	{"POST", "/control/v2/auth/request-verification?lang=en", "nobody", 200, fromServer, false},
	{"POST", "/control/v2/auth/claim?sendEmailToUser=false", "nobody", 403, "", false},
	{"POST", "/control/v2/auth/passwordreset/confirm/6c796c29-fa9e-4678-9c0b-e48956f22bcc", "nobody", 404, "", false},
	{"POST", "/control/v2/auth/claim/complete/6c796c29-fa9e-4678-9c0b-e48956f22bcc", "owner", 404, "", true},
	{"POST", "~/contract-data/read/notes/daily", "nobody", 403, "", false},
	{"POST", "~/contract-data/read/notes/daily", "owner", 403, "", false},
	{"GET", "/dashboard/app.js", "nobody", 200, fromServer, false},
	{"GET", "/dashboard/app.js", "owner", 200, fromServer, false},
	{"GET", "/dashboard/app.js", "garbage", 200, fromServer, false},

	// Users of the server behind.
	{"GET", "/users/user", "platform", 200, "", true},
	{"GET", "/users/user", "service", 403, accessDeniedBody, true},
	{"GET", "/users/user", "reader", 403, accessDeniedBody, true},
	{"PUT", "/users/user/6c796c29-fa9e-4678-9c0b-e48956f22bcc/disable", "owner", 200, "", true},
	{"PUT", "/users/user/bob/disable", "owner", 404, "", true},

	// What there is not.
	{"GET", "/", "nobody", 404, `{"error":"Handler Not Found","message":"Request handler at GET:/ does not exist"}`, false},
	{"GET", "/api/v2.7/data/notes/daily", "owner", 404, "", true},
	{"GET", "/api/v2.6.0/data/notes/daily", "owner", 404, "", true},
	{"GET", "/api/V2.6/data/notes/daily", "owner", 404, "", true},
	{"GET", "~/unheard-of", "owner", 404, "", true},
	{"OPTIONS", "~/data/notes/daily", "owner", 404, "", true},
	{"TRACE", "~/data/notes/daily", "owner", 404, "", true},
	{"HEAD", "/users/access_token", "nobody", 404, "", false},
	{"POST", "/users/access_token", "nobody", 404, "", false},
	{"HEAD", "~/applications/spare/setup", "owner", 404, "", true},
	{"GET", "/control/v2/auth/logout", "owner", 404, "", true},
}

func TestWhoMayCallWhatOfAPersonalDataAccount(t *testing.T) {
	h := newHousehold(t, func(c *pda.Config) { c.Public = []string{"/dashboard/*"} })
	callers := h.callers()
	for _, row := range rows {
		paths := []string{row.path}
		if tail, ok := strings.CutPrefix(row.path, "~"); ok {
			paths = []string{"/api/v2.6" + tail, "/api/v2.0" + tail, "/api/v2" + tail}
		}
		for _, path := range paths {
			t.Run(row.method+" "+path+" by "+row.who, func(t *testing.T) {
				h.t = t
				token, ok := callers[row.who]
				if !ok {
					t.Fatal("no such caller")
				}
				a := h.send(askAlice(row.method, path, token)).want(row.status, row.body)
				passed := row.body == fromServer || row.path == "/users/user" && row.status == 200 ||
					row.method == "PUT" && row.status == 200 || row.method == "HEAD" && row.status == 200
				if (a.forwarded != nil) != passed {
					t.Errorf("passed to the server behind: %t", a.forwarded != nil)
				}
				if (a.fresh() != "") != row.fresh {
					t.Fatalf("a fresh token came: %t", a.fresh() != "")
				}
				if !row.fresh {
					return
				}
				if said(t, a.fresh())["jti"] != said(t, token)["jti"] {
					t.Error("the fresh token is of another family than the caller's")
				}
				if !isSignedBy(a.fresh(), &householdKeys()[0].PublicKey) {
					t.Error("the fresh token is not signed by the account's key")
				}
			})
		}
	}
	h.t = t
}
