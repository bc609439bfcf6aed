package delta

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func digest(t testing.TB, token string) secret.Digest {
	t.Helper()
	parsed, err := secret.Parse(secret.DeltaToken, token)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Digest()
}

const (
	toStrangers = "The bearer token is not valid."
	challenge   = `Bearer realm="delta-sharing", error="invalid_token"`
)

func TestGarbageIsRefusedWithoutTheStore(t *testing.T) {
	t.Parallel()
	good := secret.New(secret.DeltaToken).Reveal()
	flipped := []byte(good)
	flipped[20] = 'a' + (flipped[20]-'a'+1)%26
	s := newSite(t)
	s.broken.Store(true)
	for name, value := range map[string]string{
		"a word":               "Bearer secret",
		"empty":                "",
		"scheme alone":         "Bearer",
		"scheme and a space":   "Bearer ",
		"basic":                "Basic dXNlcjpwYXNz",
		"basic with the token": "Basic " + good,
		"no scheme":            good,
		"token scheme":         "Token " + good,
		"two in one":           "Bearer " + good + ", Bearer " + good,
		"two tokens":           "Bearer " + good + " " + good,
		"tab":                  "Bearer\t" + good,
		"a letter changed":     "Bearer " + string(flipped),
		"a letter cut off":     "Bearer " + good[:len(good)-1],
		"a letter added":       "Bearer " + good + "a",
		"padding":              "Bearer " + good + "=",
		"activation code":      "Bearer " + secret.New(secret.ActivationCode).Reveal(),
		"management key":       "Bearer " + secret.New(secret.ManagementKey).Reveal(),
		"client secret":        "Bearer " + secret.New(secret.ClientSecret).Reveal(),
		"admin token":          "Bearer " + secret.New(secret.AdminToken).Reveal(),
		"access token changed": "Bearer gho_" + string(flipped[4:]),
		"long":                 "Bearer " + strings.Repeat("a", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			a := s.serve(schemestest.Request("GET", DefaultEndpoint+"/shares", "", "Authorization", value))
			if message := a.wantError(t, http.StatusUnauthorized, "UNAUTHENTICATED"); message != toStrangers {
				t.Errorf("a stranger is told: %s", message)
			}
			a.wantHeaders(t, "WWW-Authenticate", challenge, "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff")
			if a.refusal.Reason != schemes.BadCredential {
				t.Errorf("reason %s", a.refusal.Reason)
			}
		})
	}
	if n := s.asked.Load(); n != 0 {
		t.Errorf("the store was asked for %d times", n)
	}
}

// What is no secret of ours could be an imported token, so that the store must be
// asked; it is told nothing else than garbage is.
func TestUnknownForeignTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.imported("acme", "static-token-of-the-past", "*")
	for name, token := range map[string]string{
		"jwt":                          "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhY21lIn0.",
		"jwt of an unknown issuer":     newKey(t, "k1").sign(t, "https://login.example.org", nil),
		"three parts":                  "aaaaaa.bbbbbb.cccccc",
		"upstream token":               upstreamToken,
		"one of ours in capitals":      strings.ToUpper(secret.New(secret.DeltaToken).Reveal()),
		"an imported one in capitals":  "STATIC-TOKEN-OF-THE-PAST",
		"an imported one with padding": "static-token-of-the-past=",
	} {
		t.Run(name, func(t *testing.T) {
			a := s.data(token, "GET", "/shares")
			if message := a.wantError(t, http.StatusUnauthorized, "UNAUTHENTICATED"); message != toStrangers {
				t.Errorf("a stranger is told: %s", message)
			}
			a.wantHeaders(t, "WWW-Authenticate", challenge)
		})
	}
	s.data("static-token-of-the-past", "GET", "/shares").wantStatus(t, http.StatusOK)
}

func TestOneCarrierOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	bearer := "Bearer " + token
	tests := []struct {
		name    string
		query   string
		headers []string
		status  int
	}{
		{"one header", "", []string{"Authorization", bearer}, 200},
		{"scheme in another case", "", []string{"Authorization", "bEARER " + token}, 200},
		{"CVE-2026-26308 two different headers", "", []string{"Authorization", bearer, "Authorization", "Bearer other"}, 400},
		{"two equal headers", "", []string{"Authorization", bearer, "Authorization", bearer}, 400},
		{"header and url", "?access_token=" + token, []string{"Authorization", bearer}, 400},
		{"url alone", "?access_token=" + token, nil, 400},
		{"url without a value", "?access_token", nil, 400},
		{"url after another parameter", "?maxResults=5&access_token=x", []string{"Authorization", bearer}, 400},
		{"url after a semicolon", "?maxResults=5;access_token=x", []string{"Authorization", bearer}, 400},
		{"url in escapes", "?access%5Ftoken=" + token, nil, 400},
		{"a parameter of a similar name", "?my_access_token=x&access_token_hint=y", []string{"Authorization", bearer}, 200},
		{"the word as a value", "?x=access_token", []string{"Authorization", bearer}, 200},
		{"another carrier's header counts for nothing", "", []string{"X-Auth-Token", token}, 401},
		{"alias counts for nothing", "", []string{"X_Authorization", bearer}, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.serve(schemestest.Request("GET", DefaultEndpoint+"/shares"+tt.query, "", tt.headers...))
			a.wantStatus(t, tt.status)
			if tt.status == 400 {
				a.wantError(t, 400, "INVALID_PARAMETER_VALUE")
				a.wantHeaders(t, "WWW-Authenticate", "")
			}
			if strings.Contains(a.Body.String(), token) {
				t.Error("the answer holds the token")
			}
		})
	}
}

func TestIdentityOfATokenInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, _ := s.recipient("acme", "Sales/Retail")
	token := s.follow(created.Link)
	id := s.data(token, "GET", "/shares").call.Identity
	if id == nil || id.Scheme != Name || id.Realm != "partners" || id.Kind != kindRecipient || id.Subject != created.Recipient.ID ||
		id.Name != "acme" || id.Accessor == "" || !id.Expiry.Equal(noon.Add(DefaultTokenLifetime)) ||
		!id.Grants.Allows("query", "sales", "retail") || id.Grants.Allows("query", "sales") {
		t.Errorf("identity %+v", id)
	}
}

func TestWhyATokenIsRefused(t *testing.T) {
	t.Parallel()
	minute := func(s *site) { s.clock.Advance(time.Minute) }
	rotate := func(in time.Duration) func(*site) {
		return func(s *site) {
			if _, _, err := s.Rotate(s.t.Context(), "acme", in, "test"); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		steps  []func(*site)
		status int
		text   string
		reason schemes.Reason
	}{
		{"a moment before its expiry it is good", []func(*site){
			func(s *site) { s.clock.Advance(DefaultTokenLifetime - time.Second) },
		}, 200, "", ""},
		{"expired at the very moment", []func(*site){
			func(s *site) { s.clock.Advance(DefaultTokenLifetime) },
		}, 401, "The bearer token expired at 2027-02-20T12:00:00Z. Ask the data provider", schemes.EndedCredential},
		{"rotated, in its grace", []func(*site){rotate(time.Minute)}, 200, "", ""},
		{"rotated, after its grace", []func(*site){rotate(time.Minute), minute}, 401, "The bearer token was rotated and ended at 2026-11-22T12:01:00Z. Use the newer", schemes.EndedCredential},
		{"rotated at once", []func(*site){minute, rotate(0)}, 401, "The bearer token was rotated and ended at 2026-11-22T12:01:00Z. Use the newer", schemes.EndedCredential},
		{"revoked", []func(*site){minute, func(s *site) {
			_, err := s.backend.Store.Revoke(s.t.Context(), "partners", "acme", "test")
			must(s.t, err)
		}, minute}, 401, "The bearer token was revoked at 2026-11-22T12:01:00Z. Ask the data provider", schemes.EndedCredential},
		{"revoked by its id", []func(*site){func(s *site) {
			_, live, err := s.backend.Store.Credentials(s.t.Context(), "partners", "acme")
			must(s.t, err)
			_, err = s.backend.Store.RevokeToken(s.t.Context(), live[0].Accessor, "test")
			must(s.t, err)
		}}, 401, "The bearer token was revoked at 2026-11-22T12:00:00Z.", schemes.EndedCredential},
		{"revoked with its realm", []func(*site){func(s *site) {
			must(s.t, s.backend.Store.RevokeRealm(s.t.Context(), "partners", "test"))
		}}, 401, "The bearer token was revoked at 2026-11-22T12:00:00Z.", schemes.EndedCredential},
		{"deleted, and made again under its name", []func(*site){func(s *site) {
			_, err := s.backend.Store.DeleteRecipient(s.t.Context(), "partners", "acme", "test")
			must(s.t, err)
			s.holder("acme", "sales")
		}}, 401, "The bearer token was revoked at 2026-11-22T12:00:00Z.", schemes.EndedCredential},
		{"disabled", []func(*site){func(s *site) { s.disable("acme", true) }}, 403, "Access is disabled for this recipient.", schemes.Disabled},
		{"enabled again", []func(*site){
			func(s *site) { s.disable("acme", true) }, func(s *site) { s.disable("acme", false) },
		}, 200, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			token, _ := s.holder("acme", "sales")
			s.data(token, "GET", "/shares").wantStatus(t, 200) // from now on in the cache
			for _, step := range tt.steps {
				step(s)
			}
			a := s.data(token, "GET", "/shares")
			a.wantStatus(t, tt.status)
			switch tt.status {
			case 401:
				if text := a.wantError(t, 401, "UNAUTHENTICATED"); !strings.HasPrefix(text, tt.text) {
					t.Errorf("told: %s", text)
				}
				a.wantHeaders(t, "WWW-Authenticate", challenge)
			case 403:
				if text := a.wantError(t, 403, "PERMISSION_DENIED"); !strings.HasPrefix(text, tt.text) {
					t.Errorf("told: %s", text)
				}
				a.wantHeaders(t, "WWW-Authenticate", "")
			}
			if tt.status != 200 && a.refusal.Reason != tt.reason {
				t.Errorf("reason %s", a.refusal.Reason)
			}
		})
	}
}

// Who guesses a token, or holds one of another realm, learns nothing.
func TestStrangersLearnNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	s.data(token, "GET", "/shares").wantStatus(t, 200) // in the cache, which the realms share
	other := s.with(func(c *Config) { c.Realm = "others" })
	unknown := other.data(secret.New(secret.DeltaToken).Reveal(), "GET", "/shares")
	if text := unknown.wantError(t, 401, "UNAUTHENTICATED"); text != toStrangers {
		t.Errorf("told: %s", text)
	}
	for name, end := range map[string]func(){
		"good in its realm":    func() {},
		"disabled":             func() { s.disable("acme", true) },
		"revoked in its realm": func() { _, _ = s.backend.Store.Revoke(t.Context(), "partners", "acme", "test") },
	} {
		end()
		a := other.data(token, "GET", "/shares")
		if a.Code != unknown.Code || a.Body.String() != unknown.Body.String() || a.Header().Get("WWW-Authenticate") != challenge {
			t.Errorf("%s: %d %s, unlike an unknown token", name, a.Code, a.Body)
		}
	}
}

func TestChangedGrantsCountFromTheNextCall(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	s.data(token, "GET", "/shares/sales").wantStatus(t, 200)
	s.data(token, "GET", "/shares/finance").wantStatus(t, 404)
	s.change("acme", func(r *tokenstore.Recipient) { r.Grants = []string{"finance"} })
	s.data(token, "GET", "/shares/sales").wantStatus(t, 404)
	s.data(token, "GET", "/shares/finance").wantStatus(t, 200)
}

// A look-up that read before a revocation and ends after it must not put the dead
// token into the cache.
func TestLookUpThatRacedARevocationIsNotRemembered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	s.driver.afterNextView(func() {
		_, err := s.backend.Store.Revoke(context.Background(), "partners", "acme", "test")
		must(t, err)
	})
	s.data(token, "GET", "/shares").wantStatus(t, 200) // was decided before
	s.data(token, "GET", "/shares").wantStatus(t, 401)
}

func TestIdentityIsRemembered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	s.data(token, "GET", "/shares").wantStatus(t, 200)
	s.driver.afterNextView(func() { t.Error("the store was read again") })
	s.data(token, "GET", "/shares").wantStatus(t, 200)
}

func TestStoreThatCannotTellNeverOpens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, key := s.holder("acme", "sales")
	created, _ := s.recipient("beta")
	s.broken.Store(true)
	for name, r := range map[string]*http.Request{
		"data":     schemestest.Request("GET", DefaultEndpoint+"/shares", "", "Authorization", "Bearer "+token),
		"api":      schemestest.Request("GET", apiPath, "", "Authorization", "Bearer "+key),
		"link":     schemestest.Request("GET", path(created.Link), ""),
		"its page": schemestest.Request("GET", path(created.Link), "", "Accept", "text/html"),
	} {
		a := s.serve(r)
		a.wantStatus(t, http.StatusServiceUnavailable)
		a.wantHeaders(t, "Retry-After", "1", "Cache-Control", "no-store")
		if strings.Contains(a.Body.String(), errBroken.Error()) || !errors.Is(a.refusal, errBroken) || a.forwarded != nil {
			t.Errorf("%s: %s; %v", name, a.Body, a.refusal)
		}
	}
	s.broken.Store(false)
	s.follow(created.Link) // not used up by it

	// The same from the store itself, on a call that the cache cannot answer.
	fresh := s.follow(func() string { c, _ := s.recipient("gamma"); return c.Link }())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := schemestest.Request("GET", DefaultEndpoint+"/shares", "", "Authorization", "Bearer "+fresh).WithContext(ctx)
	s.serve(r).wantError(t, http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE")
	r = schemestest.Request("GET", apiPath, "", "Authorization", "Bearer "+key).WithContext(ctx)
	s.serve(r).wantProblem(t, http.StatusServiceUnavailable)
}

func TestServerBehindSeesItsOwnTokenOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.holder("acme", "sales")
	var body string
	s.upstream = func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		body = string(data)
	}
	a := s.serve(schemestest.Request("POST", DefaultEndpoint+"/shares/sales/schemas/a/tables/b/query?x=1", `{"limitHint":5}`,
		"Authorization", "Bearer "+token, "Cookie", "session="+token, "Proxy-Authorization", "Bearer "+token,
		"X-Auth-Token", token, "X-Bbk-Auth-Token", token, "Token", token,
		"Delta-Sharing-Capabilities", "responseformat=delta", "Fileidhash", "delta", "X-Unknown", "kept"))
	a.wantStatus(t, 200)
	if a.forwarded == nil || body != `{"limitHint":5}` || a.forwarded.URL.RawQuery != "x=1" {
		t.Fatalf("forwarded %v with %q", a.forwarded, body)
	}
	if got := a.forwarded.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+upstreamToken {
		t.Errorf("the server behind sees Authorization %q", got)
	}
	for name, values := range a.forwarded.Header {
		if strings.Contains(strings.Join(values, " "), token) {
			t.Errorf("the server behind sees the caller's token in %s", name)
		}
	}
	for _, name := range []string{"Delta-Sharing-Capabilities", "Fileidhash", "X-Unknown"} {
		if a.forwarded.Header.Get(name) == "" {
			t.Errorf("%s was lost", name)
		}
	}
}
