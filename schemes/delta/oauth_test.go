package delta

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const formType = "application/x-www-form-urlencoded"

// basic is an Authorization header for an id and a secret, encoded as RFC 6749
// section 2.3.1 has it.
func basic(id, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(password)))
}

// token calls the token endpoint as Python's and Spark's clients do.
func (s *site) token(p clientProfile) *answer {
	s.t.Helper()
	return s.serve(tokenRequest("grant_type=client_credentials", "Authorization", basic(p.ClientID, p.ClientSecret)))
}

func tokenRequest(body string, headers ...string) *http.Request {
	return schemestest.Request("POST", DefaultTokenEndpoint, body, append([]string{"Content-Type", formType}, headers...)...)
}

// access returns a new access token.
func (s *site) access(p clientProfile) string {
	s.t.Helper()
	var got tokenAnswer
	s.token(p).wantJSON(s.t, http.StatusOK, &got)
	return got.AccessToken
}

// wantOAuthError checks an error of the token endpoint and returns its description.
func (a *answer) wantOAuthError(t testing.TB, status int, code string) string {
	t.Helper()
	var body oauthError
	a.wantJSON(t, status, &body)
	if body.Error != code || body.Description == "" {
		t.Errorf("error %+v, want %s", body, code)
	}
	// RFC 6749 section 5.2 allows neither quotation marks nor backslashes.
	if strings.ContainsFunc(body.Description, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		t.Errorf("description %q", body.Description)
	}
	challenge := ""
	if status == http.StatusUnauthorized {
		challenge = `Basic realm="delta-sharing", charset="UTF-8"`
	}
	a.wantHeaders(t, "Content-Type", "application/json", "Cache-Control", "no-store", "Pragma", "no-cache", "WWW-Authenticate", challenge)
	return body.Description
}

func TestProfileOfAnOAuthClient(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PublicURL += "/" }) // no slash may be doubled
	created, err := s.Create(t.Context(), Order{Name: "acme", Auth: tokenstore.ClientCredentials}, "test")
	must(t, err)
	a := s.serve(schemestest.Request("GET", path(created.Link), ""))
	a.wantStatus(t, http.StatusOK)
	const golden = `{"shareCredentialsVersion":2,"type":"oauth_client_credentials","endpoint":"https://sharing.example.com/delta-sharing","tokenEndpoint":"https://sharing.example.com/oauth/token","clientId":"ID","clientSecret":"SECRET"}`
	var p clientProfile
	a.wantJSON(t, http.StatusOK, &p)
	if got := strings.NewReplacer(p.ClientID, "ID", p.ClientSecret, "SECRET").Replace(a.Body.String()); got != golden {
		t.Errorf("got  %s\nwant %s", got, golden)
	}
	if p.ClientID != created.Recipient.ID {
		t.Errorf("client id %s, want the recipient's: %s", p.ClientID, created.Recipient.ID)
	}
	a.wantHeaders(t, append([]string{"Content-Disposition", `attachment; filename="config.share"`}, linkHeaders...)...)
}

func TestAccessToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.oauthClient("acme", nil, "sales")
	a := s.token(p)
	var got tokenAnswer
	a.wantJSON(t, http.StatusOK, &got)
	// RFC 6749 section 5.1. Clients renew once less than 600 seconds are left.
	a.wantHeaders(t, "Content-Type", "application/json", "Cache-Control", "no-store", "Pragma", "no-cache")
	if got.TokenType != "Bearer" || got.ExpiresIn != 3600 {
		t.Errorf("answer %+v", got)
	}
	if id := a.call.Identity; id == nil || id.Subject != p.ClientID || id.Name != "acme" || id.Accessor == "" || a.call.Action != "issueAccessToken" {
		t.Errorf("the audit sees %+v, %s", id, a.call.Action)
	}
	id := s.data(got.AccessToken, "GET", "/shares").call.Identity
	if id == nil || id.Subject != p.ClientID || !id.Expiry.Equal(noon.Add(time.Hour)) || !id.Grants.Allows(query.String(), "sales") || id.Old != schemes.NotOld {
		t.Errorf("identity %+v", id)
	}
	s.data(p.ClientSecret, "GET", "/shares").wantStatus(t, http.StatusUnauthorized) // the secret itself is no bearer token
	s.clock.Advance(time.Hour - time.Second)
	s.data(got.AccessToken, "GET", "/shares").wantStatus(t, http.StatusOK)
	second := s.access(p)
	s.clock.Advance(time.Second)
	s.data(got.AccessToken, "GET", "/shares").wantStatus(t, http.StatusUnauthorized)
	s.data(second, "GET", "/shares").wantStatus(t, http.StatusOK)
}

func TestAccessTokenEndsWithItsSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.oauthClient("acme", func(o *Order) { o.TokenLifetime = 90 * time.Minute }, "sales")
	s.clock.Advance(45 * time.Minute)
	var got tokenAnswer
	s.token(p).wantJSON(t, http.StatusOK, &got)
	if got.ExpiresIn != 45*60 {
		t.Errorf("expires in %d seconds, but its secret in 45 minutes", got.ExpiresIn)
	}
	s.clock.Advance(45 * time.Minute)
	s.data(got.AccessToken, "GET", "/shares").wantStatus(t, http.StatusUnauthorized)
	if said := s.token(p).wantOAuthError(t, http.StatusUnauthorized, "invalid_client"); !strings.Contains(said, "The client secret expired at 2026-11-22T13:30:00Z.") {
		t.Errorf("told: %s", said)
	}
}

// What ends a secret ends its access tokens with the next call.
func TestWhatEndsASecretEndsItsAccessTokens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end    func(*site) error
		status int // of the exchange afterwards
		code   string
		says   string
		data   int
	}{
		"revoked": {func(s *site) error {
			_, err := s.backend.Store.Revoke(t.Context(), s.Realm(), "acme", "test")
			return err
		}, 401, "invalid_client", "revoked at 2026-11-22T12:00:00Z", 401},
		"deleted": {func(s *site) error {
			_, err := s.backend.Store.DeleteRecipient(t.Context(), s.Realm(), "acme", "test")
			return err
		}, 401, "invalid_client", "revoked", 401},
		"disabled": {func(s *site) error {
			s.disable("acme", true)
			return nil
		}, 400, "unauthorized_client", "disabled", 403},
		"rotated without overlap": {func(s *site) error {
			_, _, err := s.Rotate(t.Context(), "acme", 0, "test")
			return err
		}, 401, "invalid_client", "rotated", 401},
		"at the recipient's end": {func(s *site) error {
			s.change("acme", func(r *tokenstore.Recipient) { r.NotAfter = noon })
			return nil
		}, 401, "invalid_client", "expired", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			p := s.oauthClient("acme", nil, "sales")
			access := s.access(p)
			s.data(access, "GET", "/shares").wantStatus(t, http.StatusOK)
			must(t, tt.end(s))
			s.data(access, "GET", "/shares").wantStatus(t, tt.data)
			said := s.token(p).wantOAuthError(t, tt.status, tt.code)
			if !strings.Contains(said, tt.says) {
				t.Errorf("told: %s", said)
			}
			// Who does not hold the secret, or is another client, is told nothing of it.
			thief := clientProfile{ClientID: "rcp_another", ClientSecret: p.ClientSecret}
			if said := s.token(thief).wantOAuthError(t, 401, "invalid_client"); said != unknownClient(nil).Public {
				t.Errorf("another client is told: %s", said)
			}
			p.ClientSecret = secret.New(secret.ClientSecret).Reveal()
			if said := s.token(p).wantOAuthError(t, 401, "invalid_client"); said != unknownClient(nil).Public {
				t.Errorf("a stranger is told: %s", said)
			}
		})
	}
}

func TestSecretsRotateWithOverlap(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old := s.oauthClient("acme", nil, "sales")
	link, _, err := s.Rotate(t.Context(), "acme", 2*time.Hour, "test")
	must(t, err)
	fresh := s.fetchClient(link)
	if fresh.ClientID != old.ClientID || fresh.ClientSecret == old.ClientSecret {
		t.Error("the id stays, the secret changes")
	}
	byOld, byNew := s.access(old), s.access(fresh)
	for _, access := range []string{byOld, byNew} {
		s.data(access, "GET", "/shares").wantStatus(t, http.StatusOK)
	}
	// An operator sees who still uses the old secret, and with what.
	old1, _, err := s.backend.Store.Credentials(t.Context(), s.Realm(), "acme")
	must(t, err)
	clients, err := s.backend.Store.Clients(t.Context(), old1.Slots[0].Accessor)
	if err != nil || len(clients) != 1 {
		t.Errorf("clients of the old secret: %v, %v", clients, err)
	}
	s.clock.Advance(2 * time.Hour)
	s.token(old).wantOAuthError(t, 401, "invalid_client")
	s.token(fresh).wantStatus(t, http.StatusOK)
}

func TestCredentialsAPIRotatesClientSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, err := s.Create(t.Context(), Order{Name: "acme", Auth: tokenstore.ClientCredentials, ManagementKey: true}, "test")
	must(t, err)
	key := created.ManagementKey.Reveal()
	old := s.fetchClient(created.Link)
	s.access(old)
	wantCredentials(t, s.api(key, "GET", "").list(t), "ACTIVE") // access tokens are no credentials of their own
	list := s.api(key, "POST", expiry("3600")).list(t)
	wantCredentials(t, list, "ACTIVE+link ROTATED")
	fresh := s.fetchClient(*list[0].ActivationLink)
	access := s.access(old)
	s.api(key, "PATCH", expiry("0")).wantStatus(t, http.StatusOK)
	s.data(access, "GET", "/shares").wantStatus(t, http.StatusUnauthorized)
	s.token(old).wantOAuthError(t, 401, "invalid_client")
	s.token(fresh).wantOAuthError(t, 401, "invalid_client")
}

func TestFederatedRecipientHasNothingToRotate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, err := s.Create(t.Context(), Order{Name: "acme", Auth: tokenstore.Federation, ManagementKey: true}, "test")
	must(t, err)
	key := created.ManagementKey.Reveal()
	if list := s.api(key, "GET", "").list(t); len(list) != 0 || created.Link != "" {
		t.Errorf("credentials %+v", list)
	}
	s.api(key, "POST", expiry("0")).wantProblem(t, http.StatusConflict)
}

func TestWaysToAuthenticateAtTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.oauthClient("acme", nil, "sales")
	other := s.oauthClient("other", nil)
	var (
		id, password = p.ClientID, p.ClientSecret
		header       = basic(id, password)
		inBody       = "grant_type=client_credentials&client_id=" + id + "&client_secret=" + password
		grant        = "grant_type=client_credentials"
		plain        = "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+password))
		escaped      = "Basic " + base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(id, "_", "%5F")+":%67"+password[1:]))
		ok           = ""
	)
	for _, tt := range []struct {
		name, body string
		headers    []string
		status     int
		code       string
	}{
		{"basic", grant, []string{"Authorization", header}, 200, ok},
		{"basic as Python's client writes it", grant, []string{"Authorization", plain}, 200, ok},
		{"basic with escapes", grant, []string{"Authorization", escaped}, 200, ok},
		{"basic in another case", grant, []string{"Authorization", "bASIC" + header[5:]}, 200, ok},
		{"basic and the same client id", grant + "&client_id=" + id, []string{"Authorization", header}, 200, ok},
		{"parameters", inBody, nil, 200, ok},
		{"scope is ignored", grant + "&scope=" + id + "/.default other", []string{"Authorization", header}, 200, ok},
		{"unknown parameters are ignored", grant + "&resource=x", []string{"Authorization", header}, 200, ok},
		{"empty parameters are absent", grant + "&client_secret=&client_id=", []string{"Authorization", header}, 200, ok},

		{"both", inBody, []string{"Authorization", header}, 400, "invalid_request"},
		{"basic and another client id", grant + "&client_id=" + other.ClientID, []string{"Authorization", header}, 400, "invalid_request"},
		{"basic and a secret alone", grant + "&client_secret=" + password, []string{"Authorization", header}, 400, "invalid_request"},
		{"two headers", grant, []string{"Authorization", header, "Authorization", header}, 400, "invalid_request"},
		{"none", grant, nil, 401, "invalid_client"},
		{"id alone", grant + "&client_id=" + id, nil, 401, "invalid_client"},
		{"secret alone", grant + "&client_secret=" + password, nil, 401, "invalid_client"},
		{"another client's id", grant, []string{"Authorization", basic(other.ClientID, password)}, 401, "invalid_client"},
		{"the name for the id", grant, []string{"Authorization", basic("acme", password)}, 401, "invalid_client"},
		{"id in capitals", grant, []string{"Authorization", basic(strings.ToUpper(id), password)}, 401, "invalid_client"},
		{"unknown secret", grant, []string{"Authorization", basic(id, secret.New(secret.ClientSecret).Reveal())}, 401, "invalid_client"},
		{"secret with a letter less", grant, []string{"Authorization", basic(id, password[:len(password)-1])}, 401, "invalid_client"},
		{"secret with a space", grant, []string{"Authorization", basic(id, password+" ")}, 401, "invalid_client"},
		{"bearer", grant, []string{"Authorization", "Bearer " + password}, 401, "invalid_client"},
		{"no scheme", grant, []string{"Authorization", header[6:]}, 401, "invalid_client"},
		{"scheme alone", grant, []string{"Authorization", "Basic"}, 401, "invalid_client"},
		{"no base64", grant, []string{"Authorization", "Basic !"}, 401, "invalid_client"},
		{"base64 without padding", grant, []string{"Authorization", "Basic eA"}, 401, "invalid_client"},
		{"base64 with stray bits", grant, []string{"Authorization", "Basic eDp5Cx=="}, 401, "invalid_client"},
		{"no colon", grant, []string{"Authorization", "Basic eA=="}, 401, "invalid_client"},
		{"broken escape", grant, []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":%zz"))}, 401, "invalid_client"},

		{"no grant type", "client_id=" + id, []string{"Authorization", header}, 400, "invalid_request"},
		{"empty grant type", "grant_type=", []string{"Authorization", header}, 400, "invalid_request"},
		{"another grant type", "grant_type=password", []string{"Authorization", header}, 400, "unsupported_grant_type"},
		{"grant type in capitals", "grant_type=CLIENT_CREDENTIALS", []string{"Authorization", header}, 400, "unsupported_grant_type"},
		{"grant type twice", grant + "&" + grant, []string{"Authorization", header}, 400, "invalid_request"},
		{"grant type twice, once escaped", grant + "&grant%5Ftype=client_credentials", []string{"Authorization", header}, 400, "invalid_request"},
		{"secret twice", inBody + "&client_secret=" + password, nil, 400, "invalid_request"},
		{"unknown parameter twice", grant + "&a=1&a=2", []string{"Authorization", header}, 400, "invalid_request"},
		{"scope twice, once empty", grant + "&scope=&scope=x", []string{"Authorization", header}, 400, "invalid_request"},
		{"scope as it stands in a profile", grant + "&scope=a;b %zz/.default", []string{"Authorization", header}, 200, ""},
		{"semicolons", "grant_type=client_credentials;client_id=" + id, nil, 400, "invalid_request"},
		{"broken escape in the form", grant + "&a=%zz", []string{"Authorization", header}, 400, "invalid_request"},
		{"no body", "", []string{"Authorization", header}, 400, "invalid_request"},
		{"json", `{"grant_type":"client_credentials"}`, []string{"Authorization", header}, 400, "invalid_request"},
		{"too long", grant + "&a=" + strings.Repeat("a", maxForm), []string{"Authorization", header}, 400, "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.serve(tokenRequest(tt.body, tt.headers...))
			if tt.status == http.StatusOK {
				a.wantStatus(t, http.StatusOK)
				return
			}
			a.wantOAuthError(t, tt.status, tt.code)
			if strings.Contains(a.Body.String(), password) {
				t.Error("the answer holds the secret")
			}
		})
	}
}

func TestRequestsOfTheTokenEndpointThatAreRefusedWhoeverAsks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.oauthClient("acme", nil)
	const grant = "grant_type=client_credentials"
	header := basic(p.ClientID, p.ClientSecret)
	credentials := "client_id=" + p.ClientID + "&client_secret=" + p.ClientSecret
	early := func(c *schemes.Call) { c.EarlyData = true }
	for _, tt := range []struct {
		name   string
		r      *http.Request
		change func(*schemes.Call)
		status int
	}{
		{"GET", schemestest.Request("GET", DefaultTokenEndpoint+"?"+grant+"&"+credentials, ""), nil, 405},
		{"PUT", schemestest.Request("PUT", DefaultTokenEndpoint, grant, "Content-Type", formType, "Authorization", header), nil, 405},
		{"HEAD", schemestest.Request("HEAD", DefaultTokenEndpoint, "", "Authorization", header), nil, 405},
		{"early data", tokenRequest(grant, "Authorization", header), early, 425},
		{"credentials in the url", schemestest.Request("POST", DefaultTokenEndpoint+"?"+credentials, grant, "Content-Type", formType), nil, 400},
		{"grant type in the url", schemestest.Request("POST", DefaultTokenEndpoint+"?"+grant, "", "Content-Type", formType, "Authorization", header), nil, 400},
		{"no content type", schemestest.Request("POST", DefaultTokenEndpoint, grant, "Authorization", header), nil, 400},
		{"another content type", schemestest.Request("POST", DefaultTokenEndpoint, grant, "Content-Type", "application/json", "Authorization", header), nil, 400},
		{"a word more in the content type", schemestest.Request("POST", DefaultTokenEndpoint, grant, "Content-Type", formType+"x", "Authorization", header), nil, 400},
		{"two content types", tokenRequest(grant, "Content-Type", formType, "Authorization", header), nil, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var changes []func(*schemes.Call)
			if tt.change != nil {
				changes = append(changes, tt.change)
			}
			a := s.serve(tt.r, changes...)
			if tt.r.Method == http.MethodHead {
				a.wantStatus(t, tt.status)
			} else {
				a.wantOAuthError(t, tt.status, "invalid_request")
			}
			if tt.status == 405 {
				a.wantHeaders(t, "Allow", "POST")
			}
		})
	}
	s.serve(schemestest.Request("POST", DefaultTokenEndpoint, grant, "Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "Authorization", header)).wantStatus(t, 200)
}

func TestGarbageAtTheTokenEndpointIsRefusedWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.broken.Store(true)
	for _, garbage := range []string{"", "secret", secret.New(secret.DeltaToken).Reveal(), secret.New(secret.AccessToken).Reveal(), strings.Repeat("x", 2000)} {
		s.token(clientProfile{ClientID: "rcp_x", ClientSecret: garbage}).wantOAuthError(t, 401, "invalid_client")
	}
	if n := s.asked.Load(); n != 0 {
		t.Errorf("the store was asked for %d times", n)
	}
	a := s.token(clientProfile{ClientID: "rcp_x", ClientSecret: secret.New(secret.ClientSecret).Reveal()})
	a.wantOAuthError(t, 503, "temporarily_unavailable")
	a.wantHeaders(t, "Retry-After", "1")
}

func TestExchangesAreLimitedPerClient(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.Limits = schemes.Limits{} }) // which says nothing of exchanges
	p, other := s.oauthClient("acme", nil), s.oauthClient("other", nil)
	// A stranger who knows the id uses up nothing of the client's.
	for range 2 * exchangeLimits.Burst {
		s.token(clientProfile{ClientID: p.ClientID, ClientSecret: secret.New(secret.ClientSecret).Reveal()}).wantStatus(t, 401)
	}
	for range exchangeLimits.Burst {
		s.token(p).wantStatus(t, http.StatusOK)
	}
	a := s.token(p)
	a.wantOAuthError(t, http.StatusTooManyRequests, "temporarily_unavailable")
	a.wantHeaders(t, "Retry-After", "1")
	s.token(other).wantStatus(t, http.StatusOK)
	s.clock.Advance(time.Second)
	s.token(p).wantStatus(t, http.StatusOK)
	s.token(p).wantStatus(t, http.StatusTooManyRequests)
}

func FuzzTokenForm(f *testing.F) {
	for _, seed := range []string{
		"grant_type=client_credentials", "a=b&a=c", "a=%zz", "a;b", "=", "&&", "grant_type=client_credentials&client_id=x&client_secret=y", "%00=%00", "a=b=c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := formOf(body)
		if _, ok := form["scope"]; ok || err != nil {
			return // a scope is not read, so it need not be readable
		}
		// A standard reader must see the same, once.
		values, err := url.ParseQuery(body)
		if err != nil || len(values) != len(form) {
			t.Fatalf("%q read as %q and as %q", body, form, values)
		}
		for name, value := range form {
			if all := values[name]; len(all) != 1 || all[0] != value {
				t.Fatalf("%q: %q is %q and %q", body, name, value, all)
			}
		}
	})
}

func FuzzBasic(f *testing.F) {
	for _, seed := range []string{basic("id", "secret"), "Basic", "basic  eDp5", "Basic eDp5\r\n", "Bearer x", "Basic eDo=", "Basic OnAlM0E="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		c, err := basicOf(authorization)
		if err != nil {
			if strings.Contains(err.Error(), "illegal") {
				t.Fatal("the decoder's text might quote the secret")
			}
			return
		}
		again, err := basicOf(basic(c.id, c.secret.Reveal()))
		if err != nil || again.id != c.id || again.secret.Reveal() != c.secret.Reveal() {
			t.Fatalf("%q read as %q, that as %q, %v", authorization, c.id, again.id, err)
		}
	})
}
