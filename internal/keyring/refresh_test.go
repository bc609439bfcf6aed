package keyring

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// network is an issuer without a socket, so that time can be synctest's.
type network struct {
	fetches atomic.Int32
	down    atomic.Bool
	hang    atomic.Bool
	body    atomic.Value // string
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.fetches.Add(1)
	if n.hang.Load() {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if n.down.Load() {
		return nil, errors.New("no route to host")
	}
	return &http.Response{
		StatusCode: http.StatusOK, Request: r,
		Body: io.NopCloser(strings.NewReader(n.body.Load().(string))),
	}, nil
}

func (n *network) publish(t *testing.T, keys ...jose.JSONWebKey) {
	n.body.Store(mustJSON(t, jose.JSONWebKeySet{Keys: append([]jose.JSONWebKey{}, keys...)}))
}

// run starts Run in a synctest bubble, whose clock is at year 2000, and calls
// body after the first fetch.
func run(t *testing.T, n *network, change func(*IssuerConfig), body func(t *testing.T, i *Issuer)) {
	synctest.Test(t, func(t *testing.T) {
		n.publish(t, byEC.public())
		cfg := IssuerConfig{
			Issuer: "i", Audience: audience, JWKS: "https://issuer.example/keys", Client: &http.Client{Transport: n},
		}
		if change != nil {
			change(&cfg)
		}
		i, err := NewIssuer(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { i.Run(ctx) })
		synctest.Wait()
		body(t, i)
		cancel()
		wg.Wait() // Run ends with its context
	})
}

func now(s signer, t *testing.T, header object) string {
	return s.token(t, claims("i", object{"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}), header)
}

func expectFetches(t *testing.T, n *network, want int32) {
	t.Helper()
	synctest.Wait()
	if got := n.fetches.Load(); got != want {
		t.Errorf("%d fetches, want %d", got, want)
	}
}

func TestRunRefreshesOnTime(t *testing.T) {
	n := &network{}
	run(t, n, nil, func(t *testing.T, i *Issuer) {
		expectFetches(t, n, 1)
		elapse(DefaultRefresh - time.Second)
		expectFetches(t, n, 1)
		elapse(time.Second)
		expectFetches(t, n, 2)
		n.publish(t, byEC2.public())
		elapse(DefaultRefresh)
		expectFetches(t, n, 3)
		if _, err := i.Verify(t.Context(), now(byEC, t, nil)); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("withdrawn key: got %v", err)
		}
		if _, err := i.Verify(t.Context(), now(byEC2, t, nil)); err != nil {
			t.Errorf("new key: %v", err)
		}
	})
}

func TestTenThousandUnknownKeysCauseOneFetch(t *testing.T) {
	n := &network{}
	run(t, n, nil, func(t *testing.T, i *Issuer) {
		storm := func() {
			token := now(byEC, t, object{"kid": "unknown"})
			for range 10_000 {
				if _, err := i.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
					t.Fatalf("got %v", err)
				}
			}
			synctest.Wait()
		}
		storm() // just after the first fetch: none before a minute is over
		expectFetches(t, n, 1)
		elapse(minGap)
		expectFetches(t, n, 2)
		elapse(5 * time.Minute)
		expectFetches(t, n, 2)
		storm() // long after: one at once
		expectFetches(t, n, 3)
		storm()
		elapse(minGap - time.Second)
		expectFetches(t, n, 3)
		elapse(time.Second)
		expectFetches(t, n, 4)
	})
}

func TestNewKeyIsLearntFromItsFirstToken(t *testing.T) {
	for name, header := range map[string]object{"kid": nil, "no kid": {"kid": absent}} {
		t.Run(name, func(t *testing.T) {
			n := &network{}
			run(t, n, nil, func(t *testing.T, i *Issuer) {
				elapse(2 * time.Minute)
				n.publish(t, byEC2.public())
				token := now(byEC2, t, header)
				if _, err := i.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
					t.Fatalf("first: got %v", err)
				}
				expectFetches(t, n, 2)
				if _, err := i.Verify(t.Context(), token); err != nil {
					t.Errorf("second: %v", err)
				}
			})
		})
	}
}

// Its tokens name no key, and its keys all have one name: only a signature that no key
// fits tells that there is another key.
func TestNewKeyOfOneNameIsLearntFromItsFirstToken(t *testing.T) {
	for name, header := range map[string]object{
		"no kid": {"kid": absent}, "the one name": {"kid": "ES256"}, "another name": {"kid": "x"}, "a number": {"kid": 5},
	} {
		t.Run(name, func(t *testing.T) {
			n, old, fresh := &network{}, signer{"ES256", "ES256", p256}, signer{"ES256", "ES256", p256b}
			ignore := func(c *IssuerConfig) { c.IgnoreKeyIDs, c.Algorithms = true, []string{"ES256"} }
			run(t, n, ignore, func(t *testing.T, i *Issuer) {
				storm := func() {
					token := now(fresh, t, header)
					for range 1000 {
						if _, err := i.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
							t.Fatalf("got %v", err)
						}
					}
				}
				storm() // just after the first fetch
				expectFetches(t, n, 1)
				elapse(minGap)
				expectFetches(t, n, 2)
				n.publish(t, fresh.public())
				elapse(minGap)
				storm()
				expectFetches(t, n, 3)
				if _, err := i.Verify(t.Context(), now(fresh, t, header)); err != nil {
					t.Errorf("the new key: %v", err)
				}
				if _, err := i.Verify(t.Context(), now(old, t, header)); !errors.Is(err, ErrInvalidToken) {
					t.Errorf("the old key: %v", err)
				}
				expectFetches(t, n, 3)
				elapse(minGap) // for the old key
				expectFetches(t, n, 4)
				// Neither good tokens nor such that are wrong in something else.
				elapse(2 * minGap)
				for _, token := range []string{
					now(fresh, t, header), "garbage", now(old, t, object{"kid": absent, "crit": []string{"a"}}),
					now(old, t, object{"kid": absent, "alg": "none"}), fresh.token(t, claims("i", object{"exp": 1}), header),
				} {
					_, _ = i.Verify(t.Context(), token)
				}
				expectFetches(t, n, 4)
			})
		})
	}
}

func TestGoodAndMalformedTokensCauseNoFetch(t *testing.T) {
	n := &network{}
	run(t, n, nil, func(t *testing.T, i *Issuer) {
		elapse(2 * time.Minute)
		for _, token := range []string{
			now(byEC, t, nil), now(byEC, t, object{"kid": absent}), "garbage",
			now(byEC, t, object{"kid": "x", "crit": []string{"a"}}), now(byEC, t, object{"kid": "x", "alg": "none"}),
			flipSignature(now(byEC, t, nil)),
		} {
			_, _ = i.Verify(t.Context(), token)
		}
		expectFetches(t, n, 1)
	})
}

func TestFailedFetchIsRepeatedEverLater(t *testing.T) {
	n := &network{}
	n.down.Store(true)
	var log bytes.Buffer
	change := func(c *IssuerConfig) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
	run(t, n, change, func(t *testing.T, i *Issuer) {
		if _, err := i.Verify(t.Context(), now(byEC, t, nil)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
		at := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
		for k, d := range at {
			elapse(d * time.Second)
			expectFetches(t, n, int32(k+2))
		}
		n.down.Store(false)
		elapse(minGap)
		synctest.Wait() // the fetch is due at this very moment
		if _, err := i.Verify(t.Context(), now(byEC, t, nil)); err != nil {
			t.Errorf("issuer is back: %v", err)
		}
		if !strings.Contains(log.String(), "no route to host") {
			t.Error("nobody was told")
		}
	})
}

// record is a log that may be read while it is written.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func TestDeadIssuerIsReportedHourlyAndItsReturnOnce(t *testing.T) {
	n := &network{}
	n.down.Store(true)
	var log record
	change := func(c *IssuerConfig) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
	run(t, n, change, func(t *testing.T, i *Issuer) {
		lines := func() (failed, again int) {
			synctest.Wait()
			return strings.Count(log.String(), "could not fetch"), strings.Count(log.String(), "keys of an issuer again")
		}
		elapse(30 * time.Minute)
		if failed, again := lines(); failed != 1 || again != 0 {
			t.Errorf("after half an hour: %d warnings, %d returns", failed, again)
		}
		elapse(60 * time.Minute)
		if failed, again := lines(); failed != 2 || again != 0 {
			t.Errorf("after another hour: %d warnings, %d returns", failed, again)
		}
		n.down.Store(false)
		elapse(time.Hour)
		if failed, again := lines(); failed != 2 || again != 1 {
			t.Errorf("after it came back: %d warnings, %d returns", failed, again)
		}
	})
}

func TestHangingIssuerBlocksNobody(t *testing.T) {
	n := &network{}
	run(t, n, nil, func(t *testing.T, i *Issuer) {
		n.hang.Store(true)
		elapse(DefaultRefresh)
		expectFetches(t, n, 2)
		start := time.Now()
		if _, err := i.Verify(t.Context(), now(byEC, t, nil)); err != nil {
			t.Errorf("while a fetch hangs: %v", err)
		}
		if time.Since(start) != 0 {
			t.Error("Verify waited")
		}
		elapse(fetchTimeout + firstRetry)
		expectFetches(t, n, 3)
	})
}
