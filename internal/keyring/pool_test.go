package keyring

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	issuerA, keysA = "https://a.example", "https://a.example/keys"
	issuerB, keysB = "https://b.example", "https://b.example/keys"
)

// hosts is a network with an issuer for each host.
type hosts map[string]*network

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) { return h[r.URL.Host].RoundTrip(r) }

// inPool runs body in a synctest bubble with a pool and the issuers A and B, which
// are not in it yet and publish the keys ec and rsa.
func inPool(t *testing.T, body func(t *testing.T, p *Pool, a, b *network)) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &network{}, &network{}
		a.publish(t, byEC.public(), byRSA.public())
		b.publish(t, byEC.public(), byRSA.public())
		p := newPool(t, PoolOptions{Client: &http.Client{Transport: hosts{"a.example": a, "b.example": b}}})
		body(t, p, a, b)
		p.Close()
	})
}

func newPool(t *testing.T, opts PoolOptions) *Pool {
	t.Helper()
	p, err := NewPool(opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Pool) mustGet(t *testing.T, issuer, jwks string) *Issuer {
	t.Helper()
	i, err := p.Get(issuer, jwks)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func tokenOf(t *testing.T, issuer string, s signer, header object) string {
	t.Helper()
	return s.token(t, claims(issuer, object{"iat": time.Now().Unix(), "exp": time.Now().Add(100 * time.Hour).Unix()}), header)
}

// remembered is what a caller keeps of a token, as Pool.Generation asks.
type remembered struct {
	generation uint64
	until      time.Time
}

func remember(p *Pool, i *Issuer, token string) (remembered, error) {
	m := remembered{generation: p.Generation()}
	_, err := i.VerifyFor(context.Background(), token, []string{"other", audience})
	m.until = i.KeysUntil()
	return m, err
}

func (m remembered) good(p *Pool) bool {
	return m.generation == p.Generation() && !m.until.IsZero() && !time.Now().After(m.until)
}

func TestPoolStartsAnIssuerOnce(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, b *network) {
		if _, ok := p.Find(issuerA, keysA); ok {
			t.Error("found before it was there")
		}
		var wg sync.WaitGroup
		got := make([]*Issuer, 20)
		for n := range got {
			wg.Go(func() { got[n], _ = p.Get(issuerA, keysA) })
		}
		wg.Wait()
		for _, i := range got {
			if found, ok := p.Find(issuerA, keysA); i == nil || i != got[0] || found != i || !ok {
				t.Fatal("not one issuer for all")
			}
		}
		expectFetches(t, a, 1)
		expectFetches(t, b, 0)
		if _, err := remember(p, got[0], tokenOf(t, issuerA, byEC, nil)); err != nil {
			t.Error(err)
		}
	})
}

func TestSameIssuerWithOtherKeysIsAnother(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, _, b *network) {
		b.publish(t, byEC2.public())
		proper, foreign := p.mustGet(t, issuerA, keysA), p.mustGet(t, issuerA, keysB)
		synctest.Wait()
		token := tokenOf(t, issuerA, byEC2, nil)
		if _, err := remember(p, foreign, token); err != nil {
			t.Error(err)
		}
		if _, err := remember(p, proper, token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("under keys that were given with another: got %v", err)
		}
	})
}

func TestPoolIssuersVerifyForGivenAudiencesOnly(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, _, _ *network) {
		i := p.mustGet(t, issuerA, keysA)
		synctest.Wait()
		if _, err := i.Verify(t.Context(), tokenOf(t, issuerA, byEC, nil)); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTenThousandUnknownKeysOfOneIssuerCauseOneFetch(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, b *network) {
		p.mustGet(t, issuerA, keysA)
		p.mustGet(t, issuerB, keysB)
		elapse(2 * minGap)
		expectFetches(t, a, 1)
		header := tokenOf(t, issuerA, byEC, object{"kid": "unknown"})
		storm := func() {
			for range 10_000 {
				name, err := UnverifiedIssuer(header)
				if err != nil {
					t.Fatal(err)
				}
				i, _ := p.Find(name, keysA)
				if _, err := i.VerifyFor(t.Context(), header, []string{audience}); !errors.Is(err, ErrInvalidToken) {
					t.Fatalf("got %v", err)
				}
			}
		}
		storm()
		expectFetches(t, a, 2) // one at once
		storm()
		elapse(minGap - time.Second)
		expectFetches(t, a, 2)
		elapse(time.Second)
		expectFetches(t, a, 3) // one for the second storm, a minute after the first
		elapse(5 * minGap)
		expectFetches(t, a, 3)
		expectFetches(t, b, 1)
	})
}

func TestTokenOfAStrangersIssuerCausesNoFetch(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, b *network) {
		p.mustGet(t, issuerA, keysA)
		synctest.Wait()
		for _, jwks := range []string{"", keysA, keysB} {
			if _, ok := p.Find(issuerB, jwks); ok {
				t.Error("found")
			}
		}
		expectFetches(t, a, 1)
		expectFetches(t, b, 0)
	})
}

func TestGenerationFollowsTheKeys(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, b *network) {
		last := p.Generation()
		expect := func(what string, change bool) {
			t.Helper()
			synctest.Wait()
			if now := p.Generation(); (now != last) != change {
				t.Errorf("%s: from %d to %d", what, last, now)
			}
			last = p.Generation()
		}
		refresh := func() { elapse(DefaultRefresh) }
		p.mustGet(t, issuerA, keysA)
		expect("first keys", true)
		p.mustGet(t, issuerB, keysB)
		expect("first keys of another", true)
		refresh()
		expect("the same keys", false)
		a.publish(t, byRSA.public(), byEC.public())
		refresh()
		expect("another order", false)
		a.publish(t, byEC.public())
		refresh()
		expect("removed", true)
		a.publish(t, byEC.public(), byEC2.public())
		refresh()
		expect("added", true)
		b.publish(t, signer{"ec", "", p256b}.public())
		refresh()
		expect("replaced under its name", true)
		b.publish(t)
		refresh()
		expect("all removed", true)
		a.down.Store(true)
		elapse(2 * DefaultMaxAge)
		expect("unreachable", false)
		a.down.Store(false)
		refresh()
		expect("back with the same keys", false)
		p.Drop(issuerA, keysB)
		p.Drop(issuerA, "")
		expect("nothing dropped", false)
		p.Drop(issuerA, keysA)
		expect("dropped", true)
		p.Drop(issuerA, keysA)
		expect("dropped again", false)
	})
}

func TestRemovedKeyStopsWorkingForRememberedTokens(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, _ *network) {
		i := p.mustGet(t, issuerA, keysA)
		synctest.Wait()
		token := tokenOf(t, issuerA, byEC, nil)
		m, err := remember(p, i, token)
		if err != nil || !m.good(p) {
			t.Fatalf("%v, %v", m, err)
		}
		a.publish(t, byRSA.public())
		elapse(DefaultRefresh)
		synctest.Wait()
		if m.good(p) {
			t.Error("still remembered")
		}
		if _, err := remember(p, i, token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("verified anew: got %v", err)
		}
	})
}

func TestUnreachableIssuerServesRememberedTokensWithinBound(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, _ *network) {
		i := p.mustGet(t, issuerA, keysA)
		synctest.Wait()
		start := time.Now()
		token := tokenOf(t, issuerA, byEC, nil)
		m, err := remember(p, i, token)
		if err != nil || !m.until.Equal(start.Add(DefaultMaxAge)) {
			t.Fatalf("%v, %v", m, err)
		}
		a.down.Store(true)
		elapse(DefaultMaxAge)
		if _, err := remember(p, i, token); err != nil || !m.good(p) {
			t.Errorf("at the bound: %v, remembered %v", err, m.good(p))
		}
		elapse(time.Second)
		if _, err := remember(p, i, token); !errors.Is(err, ErrUnavailable) || m.good(p) {
			t.Errorf("beyond the bound: %v, remembered %v", err, m.good(p))
		}
		a.down.Store(false)
		elapse(minGap)
		synctest.Wait()
		if again, err := remember(p, i, token); err != nil || !again.good(p) {
			t.Errorf("reachable again: %v", err)
		}
	})
}

func TestKeysUntilMovesWithEachFetch(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, _ *network) {
		a.down.Store(true)
		i := p.mustGet(t, issuerA, keysA)
		synctest.Wait()
		if !i.KeysUntil().IsZero() {
			t.Error("without keys")
		}
		a.down.Store(false)
		elapse(firstRetry)
		synctest.Wait()
		first := i.KeysUntil()
		elapse(DefaultRefresh)
		synctest.Wait()
		if got := i.KeysUntil().Sub(first); first.IsZero() || got != DefaultRefresh {
			t.Errorf("%v, then %v later", first, got)
		}
		p.Drop(issuerA, keysA)
		if !i.KeysUntil().IsZero() {
			t.Error("after it was dropped")
		}
	})
}

func TestDroppedIssuerVerifiesNothing(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, b *network) {
		kept := p.mustGet(t, issuerA, keysA)
		other := p.mustGet(t, issuerB, keysB)
		synctest.Wait()
		token := tokenOf(t, issuerA, byEC, nil)
		set := kept.keys.Load()
		p.Drop(issuerA, keysA)
		if _, err := remember(p, kept, token); !errors.Is(err, ErrUnavailable) {
			t.Errorf("by an issuer that was kept: got %v", err)
		}
		kept.replace(set.keys, set.fetched) // as a fetch that was under way would
		if _, err := remember(p, kept, token); !errors.Is(err, ErrUnavailable) {
			t.Errorf("after a late fetch: got %v", err)
		}
		elapse(2 * DefaultRefresh)
		expectFetches(t, a, 1)
		expectFetches(t, b, 3)
		if _, err := remember(p, other, tokenOf(t, issuerB, byEC, nil)); err != nil {
			t.Errorf("the other issuer: %v", err)
		}
		anew := p.mustGet(t, issuerA, keysA)
		expectFetches(t, a, 2)
		if _, err := remember(p, anew, token); err != nil || anew == kept {
			t.Errorf("added anew: %v", err)
		}
	})
}

// Fails if the generation changes before the keys do: what the old keys verified
// would be remembered under the new number.
func TestNothingOfOldKeysIsRememberedUnderANewGeneration(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	token := byEC.token(t, claims(f.URL, nil), nil)
	for name, end := range map[string]func(p *Pool, i *Issuer){
		"replaced": func(_ *Pool, i *Issuer) { i.replace(nil, epoch) },
		"dropped":  func(p *Pool, _ *Issuer) { p.Drop(issuerA, keysA) },
		"closed":   func(p *Pool, _ *Issuer) { p.Close() },
	} {
		p := newPool(t, PoolOptions{})
		i, _ := f.issuer(t, nil)
		p.issuers[source{issuerA, keysA}] = &pooled{i, func() {}}
		old, err := remember(p, i, token)
		if err != nil {
			t.Fatal(err)
		}
		i.changed = func() {
			if old.generation != p.Generation() {
				t.Errorf("%s: the generation changed too early", name)
			}
			p.bump()
			if _, err := remember(p, i, token); err == nil {
				t.Errorf("%s: old keys are in use under the new generation", name)
			}
		}
		end(p, i)
		i.changed = nil
		if old.generation == p.Generation() {
			t.Errorf("%s: the generation stayed", name)
		}
		p.Close()
	}
}

func TestPoolIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.hang.Store(true)
		p := newPool(t, PoolOptions{Client: &http.Client{Transport: n}})
		for k := range maxIssuers {
			p.mustGet(t, "i", fmt.Sprintf("https://issuer.example/%d", k))
		}
		if _, err := p.Get("i", "https://issuer.example/more"); !errors.Is(err, ErrPoolFull) {
			t.Errorf("one more: got %v", err)
		}
		p.mustGet(t, "i", "https://issuer.example/0")
		expectFetches(t, n, maxFetches)
		p.Drop("i", "https://issuer.example/0")
		p.mustGet(t, "i", "https://issuer.example/more")
		p.Close() // with all of them waiting
		if _, err := p.Get("i", "https://issuer.example/1"); !errors.Is(err, ErrPoolClosed) {
			t.Errorf("after Close: got %v", err)
		}
		p.Close()
	})
}

// gauge counts how many requests run at a time.
type gauge struct {
	network
	running, most, done int
	mu                  sync.Mutex
}

func (g *gauge) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	g.running++
	g.most = max(g.most, g.running)
	g.mu.Unlock()
	elapse(time.Second)
	g.mu.Lock()
	g.running--
	g.done++
	g.mu.Unlock()
	return g.network.RoundTrip(r)
}

func TestManyIssuersStartAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gauge{}
		g.publish(t, byEC.public())
		p := newPool(t, PoolOptions{Client: &http.Client{Transport: g}})
		const many = 10 * maxFetches
		for k := range many {
			p.mustGet(t, "i", fmt.Sprintf("https://issuer.example/%d", k))
		}
		elapse(11 * time.Second)
		p.Close()
		if g.most != maxFetches || g.done != many {
			t.Errorf("%d fetches, up to %d at a time", g.done, g.most)
		}
	})
}

func TestCloseWaitsForRunningFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gauge{}
		g.publish(t, byEC.public())
		p := newPool(t, PoolOptions{Client: &http.Client{Transport: g}})
		i := p.mustGet(t, issuerA, keysA)
		synctest.Wait()
		p.Close()
		if g.running != 0 || g.done != 1 || !i.KeysUntil().IsZero() {
			t.Errorf("%d fetches run on, keys until %v", g.running, i.KeysUntil())
		}
	})
}

func TestDeadIssuersDoNotDelayTheOthers(t *testing.T) {
	inPool(t, func(t *testing.T, p *Pool, a, b *network) {
		a.hang.Store(true)
		for k := range 10 * maxFetches {
			p.mustGet(t, issuerA, fmt.Sprintf("%s/%d", keysA, k))
		}
		elapse(11 * fetchTimeout) // each of them has failed once
		p.mustGet(t, issuerB, keysB)
		expectFetches(t, b, 1)
		for n := range int32(6) {
			elapse(DefaultRefresh)
			expectFetches(t, b, n+2)
		}
	})
}

func TestPoolRefuses(t *testing.T) {
	if _, err := NewPool(PoolOptions{MaxAge: time.Minute}); err == nil {
		t.Error("keys that expire before their refresh")
	}
	if _, err := NewPool(PoolOptions{Algorithms: []string{"HS256"}}); err == nil {
		t.Error("HMAC")
	}
	p := newPool(t, PoolOptions{Allow: allowNothing})
	defer p.Close()
	for name, key := range map[string]source{
		"nothing": {}, "not allowed": {issuerA, keysA}, "plain http": {"http://a.example", ""}, "a name alone": {"a", ""},
	} {
		if i, err := p.Get(key.issuer, key.jwks); err == nil || i != nil {
			t.Errorf("%s is let in", name)
		}
	}
	if len(p.issuers) != 0 {
		t.Error("one was kept")
	}
}

func TestPoolUsedByManyAtOnce(t *testing.T) {
	f := newFakeIssuer(t, byEC.public())
	p := newPool(t, PoolOptions{Client: f.Client()})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for k := range 50 {
				jwks := fmt.Sprintf("%s/keys?%d", f.URL, (n+k)%3)
				if i, err := p.Get(f.URL, jwks); err == nil {
					_, _ = remember(p, i, "a.b.c")
				}
				if k%5 == n%5 {
					p.Drop(f.URL, jwks)
				}
			}
		})
	}
	wg.Go(p.Close)
	wg.Wait()
	if _, ok := p.Find(f.URL, f.URL+"/keys?0"); ok {
		t.Error("found after Close")
	}
}
