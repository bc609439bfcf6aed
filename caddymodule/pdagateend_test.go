package caddymodule

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes/pda"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// family are tokens of one household, as they lead to each other.
func (h *household) family() map[string]string {
	h.t.Helper()
	owner := h.signIn()
	tokens := map[string]string{
		"owner":       owner,
		"application": h.application(owner, "notes-app", "namespace-read:notes", "namespace-write:notes", "retrieve-application-token:second"),
		"service":     h.bodyToken(askAlice("GET", "/users/application_token?name=x&resource=y", owner)),
		"bob":         h.signInAt(bob, bobPassword),
	}
	h.register("second", "namespace-read:notes")
	h.setUp(owner, "second")
	tokens["grandchild"] = h.tokenOf(tokens["application"], "second")
	tokens["other sign-in"] = h.signIn()
	tokens["other's application"] = h.tokenOf(tokens["other sign-in"], "notes-app")
	return tokens
}

// statuses is how tokens fare. bob's goes to his own host.
func (h *household) statuses(tokens map[string]string) map[string]int {
	h.t.Helper()
	got := map[string]int{}
	for name, token := range tokens {
		host := alice
		if name == "bob" {
			host = bob
		}
		got[name] = h.send(askAlice("GET", "http://"+host+"/users/access_token/validate", token)).Code
	}
	return got
}

const people = "people"

// Every token is good and remembered before; what ends it is felt by the very next call.
func TestWhatEndsWhat(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(h *household, tokens map[string]string) error
		// want are the statuses of those that are not 200.
		want map[string]int
		// again makes them all good again, unless it is nil.
		again func(h *household) error
	}{
		{
			name: "revoking the owner's family",
			end: func(h *household, tokens map[string]string) error {
				_, err := h.store.RevokeToken(t.Context(), h.accessorOf(tokens["owner"]), "a test")
				return err
			},
			want: map[string]int{"owner": 401, "application": 401, "service": 401, "grandchild": 401},
		},
		{
			name: "revoking an application's family",
			end: func(h *household, tokens map[string]string) error {
				_, err := h.store.RevokeToken(t.Context(), h.accessorOf(tokens["application"]), "a test")
				return err
			},
			want: map[string]int{"application": 401, "grandchild": 401},
		},
		{
			name: "revoking all of the account's",
			end: func(h *household, _ map[string]string) error {
				_, err := h.store.RevokeAccount(t.Context(), people, alice, "a test")
				return err
			},
			want: map[string]int{"owner": 401, "application": 401, "service": 401, "grandchild": 401, "other sign-in": 401, "other's application": 401},
		},
		{
			name: "revoking the realm",
			end: func(h *household, _ map[string]string) error {
				return h.store.RevokeRealm(t.Context(), people, "a test")
			},
			want: map[string]int{"owner": 401, "application": 401, "service": 401, "grandchild": 401, "other sign-in": 401, "other's application": 401, "bob": 401},
		},
		{
			name: "a password of the operator's",
			end: func(h *household, _ map[string]string) error {
				_, err := h.pda.SetPassword(t.Context(), alice, "four crimson pelicans", "a test")
				return err
			},
			want: map[string]int{"owner": 401, "application": 401, "service": 401, "grandchild": 401, "other sign-in": 401, "other's application": 401},
		},
		{
			name: "a password of the owner's",
			end: func(h *household, tokens map[string]string) error {
				h.send(askAliceWith("POST", "/control/v2/auth/password", tokens["owner"], `{"newPassword":"four crimson pelicans","password":"`+alicePassword+`"}`)).want(200, "")
				return nil
			},
			want: map[string]int{"owner": 401, "application": 401, "service": 401, "grandchild": 401, "other sign-in": 401, "other's application": 401},
		},
		{
			name: "disabling the account",
			end: func(h *household, _ map[string]string) error {
				_, err := h.store.EnableAccount(t.Context(), people, alice, false, "a test")
				return err
			},
			want: map[string]int{"owner": 401, "application": 401, "service": 401, "grandchild": 401, "other sign-in": 401, "other's application": 401},
			again: func(h *household) error {
				_, err := h.store.EnableAccount(t.Context(), people, alice, true, "a test")
				return err
			},
		},
		{
			name: "deleting the account",
			end: func(h *household, _ map[string]string) error {
				_, err := h.store.DeleteAccount(t.Context(), people, alice, "a test")
				return err
			},
			want: map[string]int{"owner": 404, "application": 404, "service": 404, "grandchild": 404, "other sign-in": 404, "other's application": 404},
		},
		{
			name: "deleting the account and creating it again with the same keys",
			end: func(h *household, _ map[string]string) error {
				if _, err := h.store.DeleteAccount(t.Context(), people, alice, "a test"); err != nil {
					return err
				}
				_, err := h.pda.CreateAccount(t.Context(), pda.AccountOrder{
					Host: alice, UserID: aliceID, Password: alicePassword, Key: keyPEM(householdKeys()[0]), Crypter: []byte(aliceCrypter),
				}, "a test")
				return err
			},
			want: map[string]int{"owner": 401, "application": 401, "service": 401, "grandchild": 401, "other sign-in": 401, "other's application": 401},
		},
		{
			name: "disabling the application",
			end: func(h *household, _ map[string]string) error {
				_, err := h.store.EnableApplication(t.Context(), people, "notes-app", false, "a test")
				return err
			},
			want: map[string]int{"application": 403, "grandchild": 403, "other's application": 403},
			again: func(h *household) error {
				_, err := h.store.EnableApplication(t.Context(), people, "notes-app", true, "a test")
				return err
			},
		},
		{
			name: "the owner's disabling the application",
			end: func(h *household, tokens map[string]string) error {
				h.send(askAlice("GET", "/api/v2/applications/notes-app/disable", tokens["owner"])).want(200, "")
				return nil
			},
			want: map[string]int{"application": 403, "grandchild": 403, "other's application": 403},
			again: func(h *household) error {
				_, _, err := h.store.Enrol(t.Context(), people, alice, "notes-app", true, nil, "a test")
				return err
			},
		},
		{
			name: "deleting the application and adding it again",
			end: func(h *household, tokens map[string]string) error {
				if _, err := h.store.DeleteApplication(t.Context(), people, "notes-app", "a test"); err != nil {
					return err
				}
				h.register("notes-app", "owner")
				h.setUp(tokens["owner"], "notes-app")
				return nil
			},
			want: map[string]int{"application": 403, "grandchild": 403, "other's application": 403},
		},
		{
			name: "a new key without overlap",
			end: func(h *household, _ map[string]string) error {
				_, err := h.pda.RotateKey(t.Context(), alice, 0, "a test")
				return err
			},
			want: map[string]int{"owner": 401, "application": 401, "service": 401, "grandchild": 401, "other sign-in": 401, "other's application": 401},
		},
		{
			name: "a new key with an overlap, which ends nothing yet",
			end: func(h *household, _ map[string]string) error {
				_, err := h.pda.RotateKey(t.Context(), alice, time.Hour, "a test")
				return err
			},
			want: map[string]int{},
		},
		{
			name: "signing out",
			end: func(h *household, tokens map[string]string) error {
				a := h.send(askAlice("POST", "/control/v2/auth/logout", tokens["owner"])).want(200, "")
				if a.fresh() != "" {
					t.Error("signing out hands out a token")
				}
				return nil
			},
			want: map[string]int{"owner": 401},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHousehold(t)
			tokens := h.family()
			for range 2 { // the second time from memory
				for name, got := range h.statuses(tokens) {
					if got != 200 {
						t.Fatalf("%s: %d before anything was ended", name, got)
					}
				}
			}
			h.must(tc.end(h, tokens))
			for range 2 {
				for name, got := range h.statuses(tokens) {
					want := 200
					if status, ok := tc.want[name]; ok {
						want = status
					}
					if got != want {
						t.Errorf("%s: %d, want %d", name, got, want)
					}
				}
			}
			if tc.again == nil {
				return
			}
			h.must(tc.again(h))
			for name, got := range h.statuses(tokens) {
				if got != 200 {
					t.Errorf("%s: %d after it was undone", name, got)
				}
			}
		})
	}
}

func TestChangedGrantsCountForTheNextCall(t *testing.T) {
	h := newHousehold(t)
	token := h.application(h.signIn(), "notes-app", "namespace-read:notes")
	read := func() int { return h.send(askAlice("GET", "/api/v2/data/notes/daily", token)).Code }
	for range 2 {
		if got := read(); got != 200 {
			t.Fatalf("%d before", got)
		}
	}
	h.grant("notes-app", "namespace-read:diary")
	if got := read(); got != 403 {
		t.Errorf("%d after the grant was taken", got)
	}
	h.grant("notes-app", "namespace-read:notes")
	if got := read(); got != 200 {
		t.Errorf("%d after it was given again", got)
	}
}

// grant replaces the grants of an application.
func (h *household) grant(id string, grants ...string) {
	h.t.Helper()
	_, err := h.pda.UpdateApplication(h.t.Context(), id, func(a *tokenstore.Application) error {
		a.Grants = grants
		return nil
	}, "a test")
	h.must(err)
}

func TestDeletedApplicationIsNobodysAndANewOneGetsTokensOfItsOwn(t *testing.T) {
	h := newHousehold(t)
	owner := h.signIn()
	old := h.application(owner, "notes-app", "namespace-read:notes")
	_, err := h.store.DeleteApplication(t.Context(), people, "notes-app", "a test")
	h.must(err)
	h.wantStatus(403, map[string]string{"of a deleted application": old})
	again := h.application(owner, "notes-app", "namespace-read:notes")
	h.send(askAlice("GET", "/api/v2/data/notes/daily", again)).want(200, fromServer)
	h.send(askAlice("GET", "/api/v2/data/notes/daily", old)).want(403, accessDeniedBody)
}

func TestTokensOfARotatedKey(t *testing.T) {
	h := newHousehold(t)
	old := h.signIn()
	_, err := h.pda.RotateKey(t.Context(), alice, time.Hour, "a test")
	h.must(err)
	fresh := h.send(askAlice("GET", "/users/access_token/validate", old)).want(200, "").fresh()
	if isSignedBy(fresh, &householdKeys()[0].PublicKey) || fresh == "" {
		t.Fatal("the fresh token is still signed by the old key")
	}
	if said(t, fresh)["jti"] != said(t, old)["jti"] {
		t.Error("another family")
	}
	h.set(morning.Add(time.Hour - time.Second))
	h.wantBoth(200, old)
	h.set(morning.Add(time.Hour))
	h.wantBoth(401, old)
	h.wantBoth(200, fresh)
}

// A new session must not inherit what an application was allowed on the account before.
func TestAccountCreatedAgainHasNoApplications(t *testing.T) {
	h := newHousehold(t)
	h.application(h.signIn(), "notes-app", "namespace-read:notes")
	_, err := h.store.DeleteAccount(t.Context(), people, alice, "a test")
	h.must(err)
	_, err = h.pda.CreateAccount(t.Context(), pda.AccountOrder{Host: alice, UserID: aliceID, Password: alicePassword}, "a test")
	h.must(err)
	token := h.tokenOf(h.signIn(), "notes-app")
	h.send(askAlice("GET", "/api/v2/data/notes/daily", token)).want(403, accessDeniedBody)
}

// lateBody is a body before whose end something happens.
type lateBody struct {
	text   io.Reader
	happen func()
}

func (b *lateBody) Read(data []byte) (int, error) {
	n, err := b.text.Read(data)
	if err == io.EOF && b.happen != nil { //nolint:errorlint // readers return io.EOF itself
		b.happen()
		b.happen = nil
	}
	return n, err
}

func (*lateBody) Close() error { return nil }

// swallow is a server that acts once it has the whole body, and fails without its end.
func swallow(acted *bool) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return err
		}
		*acted = true
		_, err := io.WriteString(w, fromServer)
		return err
	}
}

func TestCallWhoseRightEndsWhileItsBodyArrivesIsNotPassedOnWhole(t *testing.T) {
	const batch = `[{"endpoint":"notes/daily","data":{}}]`
	for _, tc := range []struct {
		name, path, body string
		grants           []string
		happen           func(h *household, token string)
		status           int
		want             string
	}{
		{
			"the account is revoked", "/api/v2.6/data/notes/daily", `{}`,
			[]string{"namespace-write:notes"},
			func(h *household, _ string) {
				_, err := h.store.RevokeAccount(t.Context(), people, alice, "a test")
				h.must(err)
			}, 401, notAuthenticatedBody,
		},
		{
			"the application is disabled", "/api/v2.6/data/notes/daily", `{}`,
			[]string{"namespace-write:notes"},
			func(h *household, _ string) {
				_, err := h.store.EnableApplication(t.Context(), people, "notes-app", false, "a test")
				h.must(err)
			}, 403, accessDeniedBody,
		},
		{
			"the token idles out", "/api/v2.6/data/notes/daily", `{}`,
			[]string{"namespace-write:notes"},
			func(h *household, _ string) { h.advance(73 * time.Hour) }, 401, notAuthenticatedBody,
		},
		{
			"the grant is taken", "/api/v2.6/data/notes/daily", `{}`,
			[]string{"namespace-write:notes"},
			func(h *household, _ string) { h.grant("notes-app", "namespace-write:diary") }, 403, accessDeniedBody,
		},
		{
			"the account is revoked during a batch", "/api/v2.6/data-batch", batch,
			[]string{"namespace-write:notes"},
			func(h *household, _ string) {
				_, err := h.store.RevokeAccount(t.Context(), people, alice, "a test")
				h.must(err)
			}, 401, notAuthenticatedBody,
		},
		{
			"the namespace of a batch is taken", "/api/v2.6/data-batch", batch,
			[]string{"namespace-write:notes"},
			func(h *household, _ string) { h.grant("notes-app", "namespace-write:diary") }, 403, batchDeniedBody,
		},
		{
			// The body of a batch that was not read before is not read again.
			"an owner's application is restricted during a batch", "/api/v2.6/data-batch", batch,
			[]string{"owner"},
			func(h *household, _ string) { h.grant("notes-app", "namespace-write:diary") }, 403, batchDeniedBody,
		},
		{
			"nothing", "/api/v2.6/data/notes/daily", `{}`,
			[]string{"namespace-write:notes"},
			func(*household, string) {}, 200, fromServer,
		},
		{
			"nothing during a batch", "/api/v2.6/data-batch", batch,
			[]string{"namespace-write:notes"},
			func(*household, string) {}, 200, fromServer,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHousehold(t)
			token := h.application(h.signIn(), "notes-app", tc.grants...)
			h.wantStatus(200, map[string]string{"before": token})
			acted := false
			h.behind = swallow(&acted)
			r := askAlice("POST", tc.path, token)
			r.Body, r.ContentLength = &lateBody{strings.NewReader(tc.body), func() { tc.happen(h, token) }}, -1
			h.send(r).want(tc.status, tc.want)
			if acted != (tc.status == 200) {
				t.Errorf("the server behind acted: %t", acted)
			}
		})
	}
}

func TestSecondSignOutAndRepeatedRevocationChangeNothing(t *testing.T) {
	h := newHousehold(t)
	tokens := h.family()
	accessor := h.accessorOf(tokens["owner"])
	h.send(askAlice("POST", "/control/v2/auth/logout", tokens["owner"])).want(200, "")
	h.send(askAlice("POST", "/control/v2/auth/logout", tokens["owner"])).want(401, notAuthenticatedBody)
	h.wantStatus(200, map[string]string{"application": tokens["application"]})
	for range 2 { // one that signed out can still be revoked, with what it led to
		_, err := h.store.RevokeToken(t.Context(), accessor, "a test")
		h.must(err)
	}
	h.wantStatus(401, map[string]string{"application": tokens["application"], "grandchild": tokens["grandchild"]})
}
