package schemes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/badgerstore"
)

// counted is a driver that several stores may share, and that counts reads.
type counted struct {
	*badgerstore.Store
	views  atomic.Int64
	broken atomic.Bool
}

func (c *counted) Exclusive() bool { return false }

var errBroken = errors.New("the disk is gone")

func (c *counted) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	c.views.Add(1)
	if c.broken.Load() {
		return errBroken
	}
	return c.Store.View(ctx, fn)
}

// asking tells which hosts were asked for keys, and never answers.
type asking struct {
	mu    sync.Mutex
	hosts []string
	asked chan struct{}
}

func (a *asking) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.hosts = append(a.hosts, r.URL.Host)
	a.mu.Unlock()
	a.asked <- struct{}{}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// house is a process: a store over a driver that others may share.
type house struct {
	t        *testing.T
	store    *tokenstore.Store
	follower *tokenstore.Follower
	issuers  *Issuers
	pool     *keyring.Pool
	asking   *asking
}

func newDriver(t *testing.T) *counted {
	t.Helper()
	badger, err := badgerstore.Open(badgerstore.Options{Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	driver := &counted{Store: badger}
	t.Cleanup(func() { _ = badger.Close() })
	return driver
}

func newHouse(t *testing.T, driver *counted) *house {
	t.Helper()
	h := &house{t: t, asking: &asking{asked: make(chan struct{}, 100)}}
	h.store = tokenstore.New(driver, tokenstore.Options{Clock: func() time.Time { return dawn }})
	h.follower = h.store.NewFollower()
	var err error
	if h.pool, err = keyring.NewPool(keyring.PoolOptions{Client: &http.Client{Transport: h.asking}}); err != nil {
		t.Fatal(err)
	}
	h.issuers = NewIssuers(h.store, h.pool, nil)
	t.Cleanup(h.issuers.Close)
	h.step()
	return h
}

// step has the process notice what others changed.
func (h *house) step() {
	h.t.Helper()
	if err := h.follower.Step(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// put adds a policy about an issuer to a new recipient.
func (h *house) put(realm, recipient, host string, audiences ...string) {
	h.t.Helper()
	ctx := h.t.Context()
	_, err := h.store.CreateRecipient(ctx, tokenstore.NewRecipient{
		ID: tokenstore.RecipientIDPrefix + realm + recipient, Realm: realm, Name: recipient, Auth: tokenstore.Federation,
	}, "test")
	if err != nil {
		h.t.Fatal(err)
	}
	_, _, err = h.store.PutFederationPolicy(ctx, realm, recipient, tokenstore.FederationPolicy{
		ID: "fed_" + recipient, Name: "p", Issuer: "https://" + host, JWKS: "https://" + host + "/keys",
		Audiences: audiences, Claim: "sub", Subject: recipient,
	}, "test")
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) delete(realm, recipient string) {
	h.t.Helper()
	if _, err := h.store.DeleteRecipient(h.t.Context(), realm, recipient, "test"); err != nil {
		h.t.Fatal(err)
	}
}

// known tells whether policies of a realm name an issuer.
func (h *house) known(realm, host string) bool {
	h.t.Helper()
	_, known, err := h.issuers.Verify(h.t.Context(), realm, "https://"+host, "no.token.atall")
	if known != (err != nil) {
		h.t.Errorf("known %v with error %v", known, err)
	}
	return known
}

func (h *house) pooled(host string) bool {
	_, ok := h.pool.Find("https://"+host, "https://"+host+"/keys")
	return ok
}

// waitAsked waits until n more fetches have begun, and returns whom they asked.
func (h *house) waitAsked(n int) []string {
	for range n {
		<-h.asking.asked
	}
	h.asking.mu.Lock()
	defer h.asking.mu.Unlock()
	hosts := slices.Sorted(slices.Values(h.asking.hosts))
	h.asking.hosts = nil
	return hosts
}

func TestKeysAreFetchedInTheBackgroundOnceAPolicyNamesTheirIssuer(t *testing.T) {
	h := newHouse(t, newDriver(t))
	h.put("home", "before", "a.example", "aud")
	h.issuers.Follow("home")
	if hosts := h.waitAsked(1); !slices.Equal(hosts, []string{"a.example"}) {
		t.Errorf("asked %q", hosts)
	}
	h.put("home", "later", "b.example", "aud") // nobody presents a token
	if hosts := h.waitAsked(1); !slices.Equal(hosts, []string{"b.example"}) {
		t.Errorf("asked %q", hosts)
	}
	if !h.known("home", "a.example") || !h.known("home", "b.example") || h.known("away", "a.example") {
		t.Error("issuers are not those of the realm's policies")
	}
}

func TestIssuerIsDroppedWithTheLastPolicyOfAnyRealm(t *testing.T) {
	h := newHouse(t, newDriver(t))
	h.issuers.Follow("home", "away")
	h.put("home", "one", "a.example", "aud")
	h.put("home", "two", "a.example", "aud")
	h.put("away", "three", "a.example", "aud")
	for _, tt := range []struct{ realm, recipient string }{{"home", "one"}, {"home", "two"}, {"away", "three"}} {
		if !h.known(tt.realm, "a.example") || !h.pooled("a.example") {
			t.Fatalf("before %s: dropped", tt.recipient)
		}
		h.delete(tt.realm, tt.recipient)
	}
	if h.known("home", "a.example") || h.known("away", "a.example") {
		t.Error("known after the last policy")
	}
	if h.pooled("a.example") {
		t.Error("the keys are still kept")
	}
}

// A reload that removes a realm would have its issuers fetched until the next restart,
// and two configurations overlap during each.
func TestRealmIsLetGoWithTheLastWhoFollowsIt(t *testing.T) {
	h := newHouse(t, newDriver(t))
	h.put("home", "one", "a.example", "aud")
	h.put("home", "two", "b.example", "aud")
	h.put("away", "three", "b.example", "aud")
	before := h.issuers.Follow("home", "away", "home") // two schemes may have one realm
	wanted := func(when string, a, b bool) {
		t.Helper()
		for realm, host := range map[string]string{"home": "a.example", "away": "b.example"} {
			if !h.known(realm, host) { // the store says so, whoever follows
				t.Errorf("%s: %s does not name %s", when, realm, host)
			}
		}
		if h.pooled("a.example") != a || h.pooled("b.example") != b {
			t.Errorf("%s: a %t, b %t, want %t, %t", when, h.pooled("a.example"), h.pooled("b.example"), a, b)
		}
	}
	h.known("home", "a.example")
	wanted("one configuration", true, true)
	failed := h.issuers.Follow("home", "other")
	failed()
	wanted("after one that did not load", true, true)
	after := h.issuers.Follow("away")
	wanted("during a reload", true, true)
	before()
	before()
	wanted("after the reload", false, true)
	if _, known, err := h.issuers.Verify(t.Context(), "home", "https://a.example", "no.token.atall"); !known || !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("a late token of the old realm: known %v, %v", known, err)
	}
	h.put("home", "four", "c.example", "aud")
	if h.known("home", "c.example"); h.pooled("c.example") {
		t.Error("a realm that nobody follows has keys fetched")
	}
	after()
	wanted("after the end", false, false)
	back := h.issuers.Follow("home")
	h.known("home", "a.example")
	wanted("after it is back", true, true)
	back()
}

// Tokens of strangers come by the thousand.
func TestIssuerOfATokenCostsNoReadOfTheStore(t *testing.T) {
	driver := newDriver(t)
	h := newHouse(t, driver)
	h.put("home", "acme", "a.example", "aud")
	h.issuers.Follow("home")
	h.known("home", "a.example")
	h.waitAsked(1)
	for len(h.issuers.behind()) > 0 { // the background reads it, too
		h.known("home", "a.example")
	}
	before := driver.views.Load()
	for i := range 100 {
		if h.known("home", fmt.Sprint(i, ".example")) {
			t.Error("a stranger is known")
		}
		h.known("home", "a.example")
	}
	if n := driver.views.Load() - before; n != 0 {
		t.Errorf("%d reads", n)
	}
	if hosts := h.waitAsked(0); len(hosts) != 0 {
		t.Errorf("strangers were asked for their keys: %q", hosts)
	}
}

func TestPoliciesThatAnotherProcessPuts(t *testing.T) {
	driver := newDriver(t)
	a, b := newHouse(t, driver), newHouse(t, driver)
	b.issuers.Follow("home")
	if b.known("home", "a.example") {
		t.Fatal("known before its policy")
	}
	a.put("home", "acme", "a.example", "aud")
	b.step()
	if !b.known("home", "a.example") || !b.pooled("a.example") {
		t.Error("not known after the change was noticed")
	}
	a.delete("home", "acme")
	b.step()
	if b.known("home", "a.example") || b.pooled("a.example") {
		t.Error("known after the policy was gone")
	}
}

func TestIssuersOfAStoreThatCannotTell(t *testing.T) {
	driver := newDriver(t)
	h := newHouse(t, driver)
	driver.broken.Store(true)
	h.issuers.Follow("home")
	_, known, err := h.issuers.Verify(t.Context(), "home", "https://a.example", "no.token.atall")
	if known || !errors.Is(err, errBroken) {
		t.Errorf("known %v, %v", known, err)
	}
	driver.broken.Store(false)
	h.put("home", "acme", "a.example", "aud")
	if !h.known("home", "a.example") {
		t.Error("the failure is remembered")
	}
	// What has come and is closed verifies nothing.
	h.issuers.Close()
	if _, _, err := h.issuers.Verify(t.Context(), "home", "https://a.example", "no.token.atall"); !errors.Is(err, keyring.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

// Whoever holds a token can send it as often as it likes.
func TestReportsOfTokensAreLimited(t *testing.T) {
	var (
		log bytes.Buffer
		now = dawn
	)
	store := tokenstore.New(&quiet{exclusive: true}, tokenstore.Options{Clock: func() time.Time { return now }})
	pool, err := keyring.NewPool(keyring.PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	issuers := NewIssuers(store, pool, slog.New(slog.NewTextHandler(&log, nil)))
	defer issuers.Close()
	for _, tt := range []struct {
		after time.Duration
		lines int
	}{{0, 1}, {0, 1}, {59 * time.Second, 1}, {time.Second, 2}, {-time.Hour, 3}} { // a clock that is set back silences nothing
		now = now.Add(tt.after)
		issuers.Report("home", "https://a.example", tokenstore.ErrAmbiguous)
		if n := strings.Count(log.String(), "\n"); n != tt.lines {
			t.Errorf("%s later: %d lines, want %d", tt.after, n, tt.lines)
		}
	}
}
