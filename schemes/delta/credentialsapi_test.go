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

// list is what the credentials API answers.
func (a *answer) list(t testing.TB) []credential {
	t.Helper()
	a.wantHeaders(t, "Content-Type", "application/json", "Cache-Control", "no-store")
	var envelope struct {
		Tokens *[]credential `json:"tokens"`
	}
	a.wantJSON(t, http.StatusOK, &envelope)
	if envelope.Tokens == nil {
		t.Fatalf("no list in %s", a.Body)
	}
	return *envelope.Tokens
}

// wantCredentials checks statuses and whether links wait: "ACTIVE+link ROTATED".
func wantCredentials(t testing.TB, list []credential, want string) {
	t.Helper()
	var got []string
	for _, c := range list {
		word := c.Status
		if c.ActivationLink != nil {
			word += "+link"
		}
		if (c.ActivationLink == nil) != (c.ActivatedAt != nil) {
			t.Errorf("link and time of activation disagree: %+v", c)
		}
		got = append(got, word)
	}
	if text := strings.Join(got, " "); text != want {
		t.Fatalf("credentials %q, want %q", text, want)
	}
}

// The nine steps of the source document, in order.
func TestNineSteps(t *testing.T) {
	t.Parallel()
	for name, array := range map[string]bool{"envelope object": false, "envelope array": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(c *Config) { c.CredentialsAPI.BareArray = array })
			s.upstream = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"items":[{"name":"sales"}]}`)) }
			_, key := s.recipient("acme", "sales")
			api := func(method, body, want string) []credential {
				t.Helper()
				a := s.api(key, method, body)
				var list []credential
				if array {
					a.wantJSON(t, http.StatusOK, &list)
					if !strings.HasPrefix(a.Body.String(), "[") {
						t.Errorf("no array: %s", a.Body)
					}
				} else {
					list = a.list(t)
				}
				wantCredentials(t, list, want)
				return list
			}
			data := func(token string, status int) {
				t.Helper()
				s.data(token, "GET", "/shares/sales").wantStatus(t, status)
			}

			first := api("GET", "", "ACTIVE+link") // 1
			token1 := s.follow(*first[0].ActivationLink)
			second := api("GET", "", "ACTIVE") // 2
			data(token1, 200)                  // 3
			s.clock.Advance(time.Hour)
			rotated := api("POST", expiry("86400"), "ACTIVE+link ROTATED") // 4
			if rotated[1].ID != second[0].ID || rotated[1].ExpiresAt != "2026-11-23T13:00:00Z" || rotated[1].CreatedAt != "2026-11-22T12:00:00Z" {
				t.Errorf("the old token is now %+v", rotated[1])
			}
			if rotated[0].CreatedAt != "2026-11-22T13:00:00Z" || rotated[0].ID == second[0].ID {
				t.Errorf("the new one is %+v", rotated[0])
			}
			token2 := s.follow(*rotated[0].ActivationLink) // 5
			api("GET", "", "ACTIVE ROTATED")
			data(token1, 200) // 6: both, in the time of grace
			data(token2, 200)

			detail := s.api(key, "POST", expiry("86400")).wantProblem(t, http.StatusConflict) // 7
			if !strings.Contains(detail, "PATCH") || !strings.Contains(detail, `{"`+expiryField+`": 0}`) {
				t.Errorf("the way out is not told: %s", detail)
			}
			api("GET", "", "ACTIVE ROTATED")
			data(token1, 200)
			a := s.api(key, "PATCH", expiry("0"))
			if want := map[bool]string{true: "[]", false: `{"tokens":[]}`}[array]; a.Body.String() != want {
				t.Errorf("after revoking: %s, want %s", a.Body, want)
			}
			data(token1, 401)
			data(token2, 401)
			api("GET", "", "")

			again := api("POST", expiry("86400"), "ACTIVE+link") // 8
			data(s.follow(*again[0].ActivationLink), 200)        // 9
			data(token1, 401)
			data(token2, 401)
		})
	}
}

func TestBytesOfAList(t *testing.T) {
	t.Parallel()
	const golden = `{"tokens":[` +
		`{"id":"ID","status":"ACTIVE","activation_link":"https://sharing.example.com/delta_sharing/retrieve_config.html?CODE","created_at":"2026-11-22T13:00:00Z","activated_at":null,"expires_at":"2027-02-20T13:00:00Z"},` +
		`{"id":"ID","status":"ROTATED","activation_link":null,"created_at":"2026-11-22T12:00:00Z","activated_at":"2026-11-22T12:30:00Z","expires_at":"2026-11-22T14:00:00Z"}]}`
	s := newSite(t)
	created, key := s.recipient("acme")
	s.clock.Advance(30 * time.Minute)
	s.follow(created.Link)
	s.clock.Advance(30 * time.Minute)
	a := s.api(key, "POST", expiry("3600"))
	list := a.list(t)
	got := strings.NewReplacer(list[0].ID, "ID", list[1].ID, "ID", code(*list[0].ActivationLink), "CODE").Replace(a.Body.String())
	if got != golden {
		t.Errorf("got  %s\nwant %s", got, golden)
	}
}

func TestNewestComesFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.MaxTokens = 4 })
	created, key := s.recipient("acme")
	ids := []string{s.api(key, "GET", "").list(t)[0].ID}
	s.follow(created.Link)
	for range 3 { // within one second: times cannot tell the order
		list := s.api(key, "POST", expiry("3600")).list(t)
		ids = append([]string{list[0].ID}, ids...)
		s.follow(*list[0].ActivationLink)
	}
	list := s.api(key, "GET", "").list(t)
	wantCredentials(t, list, "ACTIVE ROTATED ROTATED ROTATED")
	for i := range ids {
		if list[i].ID != ids[i] {
			t.Errorf("place %d: %s, want %s", i, list[i].ID, ids[i])
		}
	}
	s.api(key, "POST", expiry("0")).wantProblem(t, http.StatusConflict) // no way around max_tokens
}

// A link that was never used takes no place, or a lost one would cost a token.
func TestUnusedLinkIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, key := s.recipient("acme")
	for range 3 {
		wantCredentials(t, s.api(key, "POST", expiry("3600")).list(t), "ACTIVE+link")
	}
	if text := s.serve(schemestest.Request("GET", path(created.Link), "")).wantError(t, 410, "RESOURCE_DOES_NOT_EXIST"); !strings.HasPrefix(text, overText) {
		t.Errorf("told: %s", text)
	}
	token := s.follow(*s.api(key, "GET", "").list(t)[0].ActivationLink)
	s.api(key, "POST", expiry("3600"))
	wantCredentials(t, s.api(key, "POST", expiry("3600")).list(t), "ACTIVE+link ROTATED")
	s.data(token, "GET", "/shares").wantStatus(t, 200)
}

func TestExpiredLinkLeavesTheList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, key := s.recipient("acme")
	s.clock.Advance(DefaultActivationLifetime - time.Second)
	wantCredentials(t, s.api(key, "GET", "").list(t), "ACTIVE+link")
	s.clock.Advance(time.Second)
	a := s.api(key, "GET", "")
	if a.Body.String() != `{"tokens":[]}` {
		t.Errorf("got %s", a.Body)
	}
	wantCredentials(t, s.api(key, "POST", expiry("0")).list(t), "ACTIVE+link")
}

func TestEndedTokensLeaveTheListAndMakePlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, key := s.holder("acme")
	s.follow(*s.api(key, "POST", expiry("3600")).list(t)[0].ActivationLink)
	s.api(key, "POST", expiry("3600")).wantProblem(t, http.StatusConflict)
	s.clock.Advance(time.Hour)
	wantCredentials(t, s.api(key, "GET", "").list(t), "ACTIVE")
	wantCredentials(t, s.api(key, "POST", expiry("3600")).list(t), "ACTIVE+link ROTATED")
	s.clock.Advance(DefaultTokenLifetime)
	wantCredentials(t, s.api(key, "GET", "").list(t), "")
}

func TestExpiryOnlyComesNearer(t *testing.T) {
	t.Parallel()
	const life = "2027-02-20T12:00:00Z"
	tests := []struct {
		name, method, seconds string
		want                  string // of the token in use; empty: it ended
	}{
		{"POST of less", "POST", "60", "2026-11-22T12:01:00Z"},
		{"POST of more than is left", "POST", "31536000", life},
		{"POST of more than anything", "POST", "99999999999999999999", life},
		{"POST of nothing", "POST", "0", ""},
		{"PATCH of less", "PATCH", "60", "2026-11-22T12:01:00Z"},
		{"PATCH of a second", "PATCH", "1", "2026-11-22T12:00:01Z"},
		{"PATCH of more than is left", "PATCH", "31536000", life},
		{"PATCH of more than anything", "PATCH", "99999999999999999999", life},
		{"PATCH of nothing", "PATCH", "0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			token, key := s.holder("acme")
			id := s.api(key, "GET", "").list(t)[0].ID
			got := ""
			for _, c := range s.api(key, tt.method, expiry(tt.seconds)).list(t) {
				if c.ID == id {
					got = c.ExpiresAt
				} else if tt.method == "PATCH" || c.ExpiresAt != life {
					t.Errorf("unexpected %+v", c)
				}
			}
			if got != tt.want {
				t.Errorf("expires %q, want %q", got, tt.want)
			}
			status := 200
			if tt.want == "" {
				status = 401
			}
			s.data(token, "GET", "/shares").wantStatus(t, status)
		})
	}
}

func TestPATCHShortensEveryTokenAndThePendingLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, key := s.holder("acme")
	link := *s.api(key, "POST", expiry("86400")).list(t)[0].ActivationLink
	list := s.api(key, "PATCH", expiry("60")).list(t)
	wantCredentials(t, list, "ACTIVE+link ROTATED")
	for _, c := range list {
		if c.ExpiresAt != "2026-11-22T12:01:00Z" {
			t.Errorf("%s credential expires %s", c.Status, c.ExpiresAt)
		}
	}
	s.clock.Advance(time.Minute)
	s.data(token, "GET", "/shares").wantStatus(t, 401)
	s.serve(schemestest.Request("GET", path(link), "")).wantStatus(t, 410)
}

func TestPATCHToZeroEndsThePendingLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, key := s.recipient("acme")
	wantCredentials(t, s.api(key, "PATCH", expiry("0")).list(t), "")
	s.serve(schemestest.Request("GET", path(created.Link), "")).wantStatus(t, 410)
	wantCredentials(t, s.api(key, "PATCH", expiry("0")).list(t), "") // again is no error
}

func TestBodiesThatAreRefusedChangeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, key := s.holder("acme")
	before := s.api(key, "GET", "").Body.String()
	for _, body := range []string{
		"", "{}", expiry("null"), expiry("-1"), expiry("0.5"), expiry(`"0"`), expiry("0") + "}", `{"a":0,"a":0}`,
		`{"` + expiryField + `":0,"x":"` + strings.Repeat("x", maxBody) + `"}`,
		expiry("0") + strings.Repeat(" ", maxBody),
	} {
		for _, method := range []string{"POST", "PATCH"} {
			detail := s.api(key, method, body).wantProblem(t, http.StatusBadRequest)
			if !strings.Contains(detail, expiryField) {
				t.Errorf("what to send is not told: %s", detail)
			}
		}
	}
	if after := s.api(key, "GET", "").Body.String(); after != before {
		t.Errorf("changed from %s to %s", before, after)
	}
	s.data(token, "GET", "/shares").wantStatus(t, 200)
	body := expiry("31536000")
	s.api(key, "PATCH", body+strings.Repeat(" ", maxBody-len(body))).wantStatus(t, 200) // just enough
}

func TestOtherMethodsOfTheCredentialsAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, key := s.recipient("acme")
	for _, method := range []string{"HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "get"} {
		a := s.api(key, method, expiry("0"))
		a.wantProblem(t, http.StatusMethodNotAllowed)
		a.wantHeaders(t, "Allow", "GET, POST, PATCH")
		s.serve(schemestest.Request(method, apiPath, "")).wantStatus(t, http.StatusUnauthorized)
	}
}

func TestActionsOfTheCredentialsAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, key := s.recipient("acme")
	for method, action := range map[string]string{"GET": "listRecipientTokens", "POST": "rotateRecipientToken", "PATCH": "updateRecipientTokens"} {
		if a := s.api(key, method, expiry("60")); a.call.Action != action || a.Code != 200 {
			t.Errorf("%s: %d, action %q", method, a.Code, a.call.Action)
		}
	}
	s.with(func(c *Config) { c.CredentialsAPI = nil }).serve(schemestest.Request("GET", apiPath, "", "Authorization", "Bearer "+key)).wantError(t, 404, "RESOURCE_DOES_NOT_EXIST")
}

// RFC 8470: a replayed rotation or revocation must do nothing.
func TestEarlyDataRotatesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, key := s.recipient("acme")
	early := func(c *schemes.Call) { c.EarlyData = true }
	for _, method := range []string{"POST", "PATCH"} {
		s.serve(schemestest.Request(method, apiPath, expiry("0"), "Authorization", "Bearer "+key), early).wantProblem(t, http.StatusTooEarly)
	}
	s.serve(schemestest.Request("GET", apiPath, "", "Authorization", "Bearer "+key), early).wantStatus(t, http.StatusOK)
	s.follow(created.Link)
}

func TestAnswersHoldNoSecretButTheLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, key := s.holder("acme")
	for _, a := range []*answer{
		s.api(key, "GET", ""), s.api(key, "POST", expiry("60")), s.api(key, "PATCH", expiry("30")), s.api(key, "POST", "{}"),
		s.api(key, "DELETE", ""), s.api(token, "GET", ""), s.api(key, "PATCH", expiry("0")),
	} {
		all := a.Body.String()
		for name, values := range a.Header() {
			all += name + strings.Join(values, " ")
		}
		for _, kind := range []secret.Kind{secret.DeltaToken, secret.ManagementKey} {
			if strings.Contains(all, string(kind)) {
				t.Errorf("%s answers with a secret: %s", a.call.Request.Method, all)
			}
		}
		if strings.Contains(all, upstreamToken) {
			t.Errorf("the upstream token is told: %s", all)
		}
	}
}

// Between the check of a key and what it asks for, its recipient may be deleted
// and another get the name.
func TestKeyOfADeletedRecipientSeesNothingOfTheNextOfItsName(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "POST", "PATCH"} {
		s := newSite(t)
		_, key := s.recipient("acme")
		call := &schemes.Call{Request: schemestest.Request(method, apiPath, expiry("60"), "Authorization", "Bearer "+key)}
		a := &answer{call: call}
		identified := s.api(key, "GET", "").call.Identity
		_, err := s.backend.Store.DeleteRecipient(t.Context(), "partners", "acme", "test")
		must(t, err)
		s.recipient("acme")
		call.Identity = identified
		var refusal *schemes.Refusal
		if err := s.serveCredentials(a, call); !errors.As(err, &refusal) || refusal.Status != http.StatusUnauthorized {
			t.Errorf("%s: %v", method, err)
		}
	}
	s := newSite(t)
	call := &schemes.Call{Request: schemestest.Request("GET", apiPath, "")}
	call.Identity = &schemes.Identity{Subject: "rcp_gone", Name: "gone", Roles: []string{roleRead}}
	var refusal *schemes.Refusal
	if err := s.serveCredentials(&answer{call: call}, call); !errors.As(err, &refusal) || refusal.Status != http.StatusUnauthorized {
		t.Errorf("deleted: %v", err)
	}
}

// A caller can send headers, and the body's end much later: what it may do is what
// it may do then.
func TestManagerThatEndsWhileItsBodyArrivesChangesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *site) error{
		"key removed": func(s *site) error {
			_, err := s.backend.Store.SetManagementKey(t.Context(), s.Realm(), "acme", nil, "test")
			return err
		},
		"key replaced": func(s *site) error {
			_, err := s.NewManagementKey(t.Context(), "acme", "test")
			return err
		},
		"disabled": func(s *site) error {
			_, err := s.backend.Store.ChangeRecipient(t.Context(), s.Realm(), "acme", "test", "updateRecipient",
				func(r *tokenstore.Recipient) (string, error) {
					r.Disabled = true
					return "", nil
				})
			return err
		},
		"deleted, and the name given to another": func(s *site) error {
			if _, err := s.backend.Store.DeleteRecipient(t.Context(), s.Realm(), "acme", "test"); err != nil {
				return err
			}
			s.recipient("acme")
			return nil
		},
	} {
		for _, method := range []string{"POST", "PATCH"} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				_, key := s.recipient("acme")
				call := &schemes.Call{
					Request: schemestest.Request(method, apiPath, ""), Credential: schemes.NewCredential(key),
					Identity: s.api(key, "GET", "").call.Identity,
				}
				var after []tokenstore.Credential
				call.Request.Body = io.NopCloser(&lateBody{text: expiry("0"), before: func() {
					must(t, end(s))
					_, after, _ = s.backend.Store.Credentials(t.Context(), s.Realm(), "acme")
				}})
				var refusal *schemes.Refusal
				if err := s.serveCredentials(&answer{call: call}, call); !errors.As(err, &refusal) || refusal.Status/100 != 4 {
					t.Errorf("got %v", err)
				}
				_, live, err := s.backend.Store.Credentials(t.Context(), s.Realm(), "acme")
				must(t, err)
				if len(live) != len(after) || live[0].Accessor != after[0].Accessor {
					t.Errorf("credentials were changed: %v, then %v", after, live)
				}
			})
		}
	}
}

// lateBody does something before it gives its text.
type lateBody struct {
	text   string
	before func()
}

func (b *lateBody) Read(data []byte) (int, error) {
	if b.before != nil {
		b.before()
		b.before = nil
	}
	if b.text == "" {
		return 0, io.EOF
	}
	n := copy(data, b.text)
	b.text = b.text[n:]
	return n, nil
}

func TestStoreThatFailsDuringACallIsUnavailable(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, key := s.recipient("acme")
	identified := s.api(key, "GET", "").call.Identity
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, method := range []string{"GET", "POST", "PATCH"} {
		call := &schemes.Call{
			Request: schemestest.Request(method, apiPath, expiry("60")).WithContext(ctx), Identity: identified,
			Credential: schemes.NewCredential(key),
		}
		var refusal *schemes.Refusal
		if err := s.serveCredentials(&answer{call: call}, call); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: %v", method, err)
		}
	}
}
