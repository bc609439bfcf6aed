package pda

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

func written(refusal *schemes.Refusal, accept ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/api/v2.6/data/notes/x", nil)
	if accept != nil {
		r.Header["Accept"] = accept
	}
	writeRefusal(w, r, refusal)
	return w
}

func TestBodiesOfRefusals(t *testing.T) {
	t.Parallel()
	const unauthorized, denied = `{"error":"Not Authenticated","message":"Not Authenticated"}`, `{"error":"Forbidden","message":"Access Denied"}`
	path, err := canonpath.FromURL(&url.URL{Path: "/api/v2.6/data/<BadNS>/x"}, canonpath.Options{})
	if err != nil {
		t.Fatal(err)
	}
	nowhere := &schemes.Call{Path: path, Request: httptest.NewRequest("POST", "/", nil)}
	for name, tt := range map[string]struct {
		refusal *schemes.Refusal
		status  int
		body    string
	}{
		"no token":          {notAuthenticated(schemes.NoCredential, nil), 401, unauthorized},
		"a bad token":       {notAuthenticated(schemes.BadCredential, errors.New("why")), 401, unauthorized},
		"any 401":           {&schemes.Refusal{Status: 401, Public: "other words"}, 401, unauthorized},
		"no right":          {forbidden(), 403, denied},
		"any 403":           {schemes.AddressRefused(), 403, denied},
		"an unknown host":   {noAccount(nil), 404, `{"error":"Not Found","message":"HAT unavailable"}`},
		"an unknown route":  {noHandler(nowhere), 404, `{"error":"Handler Not Found","message":"Request handler at POST:/api/v2.6/data/<BadNS>/x does not exist"}`},
		"a bad request":     {badRequest("Send one.", nil), 400, `{"error":"Bad Request","message":"Send one."}`},
		"store down":        {schemes.Unavailable(nil), 503, `{"error":"Service Unavailable","message":"The gateway cannot check credentials at the moment. Try again shortly."}`},
		"no password":       {credentialsRequired(), 401, `{"message":"Credentials required","cause":"No username or password provided to retrieve token"}`},
		"too often":         {signInsLimited(429, time.Second), 429, `{"message":"Request rate exceeded","cause":"Rate of requests from your IP exceeded","details":["Request to /users/access_token"]}`},
		"too often, as 400": {signInsLimited(400, time.Second), 400, `{"message":"Request rate exceeded","cause":"Rate of requests from your IP exceeded","details":["Request to /users/access_token"]}`},
		"a wrong password":  {oldPasswordInvalid(), 403, `{"message":"Invalid password","cause":"Old password invalid"}`},
		"no old password":   {oldPasswordMissing(), 403, `{"message":"Invalid password","cause":"Old password missing"}`},
		"a weak password": {weakPassword([]string{"Add another word", "Avoid years"}), 400, `{"error":"Bad Request","message":{"obj.newPassword":[` +
			`{"msg":["Minimum password requirement strength not met"],"args":["Add another word","Avoid years"]}]}}`},
		"a weak password without hints": {weakPassword(nil), 400, `{"error":"Bad Request","message":{"obj.newPassword":[` +
			`{"msg":["Minimum password requirement strength not met"],"args":[]}]}}`},
		"an unknown application": {unknownApplication(404, "x"), 404, `{"message":"Application not Found","cause":"Application x does not appear to be a valid application registered with the DEX"}`},
		"its set-up":             {unknownApplication(400, "x"), 400, `{"message":"Application not Found","cause":"Application x does not appear to be a valid application registered with the DEX"}`},
		"its page":               {unknownApplicationPage("x"), 404, `{"message":"Not Found","cause":"Application configuration for ID x could not be found. Make sure application is correctly registered"}`},
		"a foreign batch":        {batchDenied(), 403, `{"message":"Forbidden","cause":"Access Denied - No rights to insert some or all of the data in the batch"}`},
		"with a cause":           {withCause(batchDenied(), errors.New("why")), 403, `{"message":"Forbidden","cause":"Access Denied - No rights to insert some or all of the data in the batch"}`},
	} {
		for _, accept := range [][]string{nil, {"*/*"}, {"application/json"}} {
			w := written(tt.refusal, accept...)
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("%s: Content-Type %q", name, got)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s: Cache-Control %q", name, got)
			}
			if w.Header().Get("WWW-Authenticate") != "" {
				t.Errorf("%s: asks a browser for a password of its own", name)
			}
		}
	}
}

func TestRefusalsTellTheLogTheirCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("why")
	if refusal := withCause(batchDenied(), cause); !errors.Is(refusal, cause) || !strings.Contains(refusal.Error(), "why") {
		t.Errorf("got %v", refusal)
	}
	if refusal := credentialsRequired(); !strings.Contains(refusal.Error(), "No username or password") {
		t.Errorf("got %v", refusal)
	}
	if refusal := noAccount(cause); !errors.Is(refusal, cause) {
		t.Errorf("got %v", refusal)
	}
}

func TestPagesAreSentToTheDashboard(t *testing.T) {
	t.Parallel()
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	for _, refusal := range []*schemes.Refusal{notAuthenticated(schemes.NoCredential, nil), forbidden()} {
		w := written(refusal, browser)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" || w.Body.Len() > 0 {
			t.Errorf("%d: %d %q %s", refusal.Status, w.Code, w.Header().Get("Location"), w.Body)
		}
		for _, accept := range []string{browser, "*/*"} {
			if got := written(refusal, accept).Header().Get("Vary"); got != "Accept" {
				t.Errorf("%d to %s: varies with %q", refusal.Status, accept, got)
			}
		}
	}
	for _, refusal := range []*schemes.Refusal{credentialsRequired(), batchDenied(), noAccount(nil), badRequest("x", nil), signInsLimited(429, 1)} {
		if w := written(refusal, browser); w.Code != refusal.Status || w.Header().Get("Vary") != "" {
			t.Errorf("%v: a browser gets %d, which varies with %q", refusal, w.Code, w.Header().Get("Vary"))
		}
	}
}

func TestHeadersOfRefusals(t *testing.T) {
	t.Parallel()
	if got := written(signInsLimited(429, 1500*time.Millisecond)).Header().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q", got)
	}
	if got := written(schemes.MethodNotAllowed("POST")).Header().Get("Allow"); got != "POST" {
		t.Errorf("Allow %q", got)
	}
}

func TestWhoWantsAPage(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"":                                   false,
		"*/*":                                false,
		"text/html":                          true,
		"TEXT/HTML; charset=utf-8":           true,
		"text/*":                             true,
		"text/html, */*":                     true,
		"*/*, text/html":                     true, // the more specific one
		"text/html;q=0.8, application/json":  false,
		"text/html, application/json":        true,
		"application/json, text/html":        false,
		"application/json;q=0.5, text/html":  true,
		"application/*, text/html":           true,
		"text/html;q=0, */*;q=0.1":           false,
		"text/html;q=0":                      false,
		"text/html;q=x":                      false,
		"text/html;q=NaN":                    false,
		"text/html;q=2":                      false,
		"text/html;q=-1":                     false,
		"application/xml, text/html;q=0.1":   true,
		"application/xml, */*;q=0.1":         false,
		"application/xml":                    false,
		"html":                               false,
		"text/html;q":                        false,
		"image/png, ,text/html":              true,
		strings.Repeat("text/html,", 40):     true,
		strings.Repeat("text/html,", 60):     false,
		strings.Repeat("text/html,", 100000): false,
	} {
		if got := prefersPage([]string{accept}); got != want {
			t.Errorf("%.60q: %v", accept, got)
		}
	}
	if !prefersPage([]string{"application/json;q=0.1", "text/html"}) {
		t.Error("a second header line is not read")
	}
	if prefersPage(nil) {
		t.Error("no header wants a page")
	}
}
