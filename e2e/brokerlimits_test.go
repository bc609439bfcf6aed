package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// limitedTo is a token of a policy with an access_control, and the paths of both.
func (b *brokerage) limitedTo(t *testing.T, slug, accessControl string) (token, user string) {
	t.Helper()
	b.admin(t, 201, "POST", "/policy/"+slug, limited(accessControl))
	user = b.createUser(t, slug+"@example.com")
	return b.granted(t, user, slug), user
}

// perDay is a quota of so many calls.
func perDay(n int) string {
	return fmt.Sprintf(`{"enabled":true,"quota":{"max_number":%d,"interval_type":"day"}}`, n)
}

// calls makes n calls of a consumer one after the other, and counts those that pass. The
// others must be refused as the contract says.
func (b *brokerage) calls(t *testing.T, token string, n int) (passed int) {
	t.Helper()
	for range n {
		switch got := b.ask(t, "GET", asConsumer, token, ""); got.Status {
		case 200:
			passed++
		case 429:
			seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
			if got.Body != brokerError(429) || err != nil || seconds < 1 || seconds > 31*24*3600 {
				t.Fatalf("the refusal is %v %s", got.Header, got.Body)
			}
		default:
			t.Fatalf("got %d %s", got.Status, got.Body)
		}
	}
	return passed
}

func (b *brokerage) wantPassed(t *testing.T, what, token string, n, want int) {
	t.Helper()
	if got := b.calls(t, token, n); got != want {
		t.Errorf("%s: %d of %d calls pass, want %d", what, got, n, want)
	}
}

func TestLimitsAreThoseOfThePolicy(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		for i, tc := range []struct {
			name, accessControl string
			calls, want         int
		}{
			{"not enabled", `{"enabled":false,"quota":{"max_number":1,"interval_type":"day"},"rate":1}`, 20, 20},
			{"no quota and no rate", `{"enabled":true}`, 60, 60},
			{"a quota without a rate", perDay(7), 20, 7},
			{"a rate without a quota", `{"enabled":true,"rate":1000}`, 60, 60},
			{"a quota a month", `{"enabled":true,"quota":{"max_number":5,"interval_type":"month"}}`, 9, 5},
			{"a quota of nothing", perDay(0), 3, 0},
			{"a rate of nothing", `{"enabled":true,"rate":0}`, 3, 0},
			{"both", `{"enabled":true,"quota":{"max_number":3,"interval_type":"day"},"rate":1000}`, 9, 3},
			{"a quota beyond all", `{"enabled":true,"quota":{"max_number":9007199254740991,"interval_type":"day"},"rate":9007199254740991}`, 9, 9},
		} {
			token, _ := b.limitedTo(t, fmt.Sprintf("policy-%d", i), tc.accessControl)
			b.wantPassed(t, tc.name, token, tc.calls, tc.want)
		}
	})
}

// What never reaches the server does not count, and no other API is limited.
func TestOnlyConsumersCallsCount(t *testing.T) {
	b := startBrokerage(t, brokerSite)
	token, _ := b.limitedTo(t, "narrow", perDay(3))
	for range 5 {
		b.ask(t, "GET", consumerAPI+"/x%00", token, "")
		b.ask(t, "POST", asConsumer, token, "")
		b.ask(t, "OPTIONS", asConsumer, token, "")
		b.ask(t, "GET", asCoordinator, token, "")
		b.ask(t, "GET", asConsumer, "garbage", "")
	}
	b.must(t, 200, "HEAD", asConsumer, token, "")
	b.wantPassed(t, "after a HEAD", token, 5, 2)
	b.admin(t, 201, "POST", "/entity/country", entityBody)
	c := b.createConnector(t, "country", "atlas")
	for range 30 { // its limit in BitBroker's own bookkeeping, 10 a second, was never enforced
		b.must(t, 200, "GET", c.session(), c.Token, "")
	}
}

func TestLimitsAreSharedByAPolicyOrPerAccess(t *testing.T) {
	for _, tc := range []struct {
		options string
		second  int
	}{{"", 0}, {"limits_per policy", 0}, {"limits_per access", 4}} {
		t.Run(tc.options, func(t *testing.T) {
			b := startBrokerage(t, brokerWith(brokerSite, tc.options))
			first, user := b.limitedTo(t, "narrow", perDay(4))
			other := b.granted(t, b.createUser(t, "other@example.com"), "narrow")
			b.wantPassed(t, "the first", first, 6, 4)
			b.wantPassed(t, "the second", other, 6, tc.second)
			// A reissue gives nothing back.
			again := tokenOf(t, b.admin(t, 200, "PUT", user+"/access/narrow", ""))
			b.wantPassed(t, "the first, reissued", again, 3, 0)
		})
	}
}

func TestRateHoldsUnderParallelCalls(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		const calls, rate = 500, 50
		token, _ := b.limitedTo(t, "busy", fmt.Sprintf(`{"enabled":true,"rate":%d}`, rate))
		client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 100, MaxIdleConnsPerHost: 100}}
		defer client.CloseIdleConnections()
		var passed, refused atomic.Int64
		began := time.Now()
		atOnce(calls, func(int) {
			r, err := http.NewRequest("GET", "http://"+b.Gate+asConsumer, http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("x-bbk-auth-token", token)
			res, err := client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			switch res.StatusCode {
			case 200:
				passed.Add(1)
			case 429:
				refused.Add(1)
			default:
				t.Errorf("got %d", res.StatusCode)
			}
		})
		most := int64(rate) * (int64(time.Since(began)/time.Second) + 1)
		if n := passed.Load(); n < rate || n > most {
			t.Errorf("%d of %d calls at once pass, want %d to %d", n, calls, rate, most)
		}
		if n := int64(len(b.consumed())); n != passed.Load() {
			t.Errorf("%d calls reached the server, %d were answered so", n, passed.Load())
		}
		harness.Eventually(t, "the breach expires", func() bool { return b.ask(t, "GET", asConsumer, token, "").Status == 200 })
	})
}

// consumed are the requests that reached the consumer's server.
func (b *brokerage) consumed() []harness.Seen {
	var seen []harness.Seen
	for _, s := range b.upstream.Requests() {
		if s.Line == "GET "+asConsumer+" HTTP/1.1" {
			seen = append(seen, s)
		}
	}
	return seen
}

func TestQuotaHoldsUnderParallelCalls(t *testing.T) {
	b := startBrokerage(t, brokerSite)
	const calls, quota = 400, 150
	token, _ := b.limitedTo(t, "busy", perDay(quota))
	var passed atomic.Int64
	atOnce(calls, func(int) {
		if b.ask(t, "GET", asConsumer, token, "").Status == 200 {
			passed.Add(1)
		}
	})
	if passed.Load() != quota {
		t.Errorf("%d of %d calls at once pass, want %d", passed.Load(), calls, quota)
	}
}

// A quota is one over restarts, reloads and kills: what a kill loses is lost to the caller,
// and never comes on top.
func TestQuotaSurvivesRestarts(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		site := brokerSite
		if b.front {
			site = brokerFrontSite
		}
		const quota = 200
		gentle, _ := b.limitedTo(t, "gentle", perDay(quota))
		harsh, _ := b.limitedTo(t, "harsh", perDay(quota))
		var gently, harshly int
		for range 3 {
			gently += b.calls(t, gentle, 25)
			b.Stop()
			b.Run()
			gently += b.calls(t, gentle, 10)
			if status, text := b.Load(brokerWith(site, "# reloaded")); status != 200 {
				t.Fatalf("reloading: %d %s", status, text)
			}
		}
		gently += b.calls(t, gentle, quota)
		if gently != quota {
			t.Errorf("over restarts %d calls pass, want %d", gently, quota)
		}
		for range 4 {
			harshly += b.calls(t, harsh, 25)
			b.Kill()
			b.Run()
		}
		harshly += b.calls(t, harsh, quota)
		if harshly > quota || harshly < quota-4*20 {
			t.Errorf("over kills %d calls pass, want at most %d and not much less", harshly, quota)
		}
		b.wantPassed(t, "after all of it", harsh, 5, 0)
	})
}

// An update of a policy forgives nothing that was counted, and holds at once.
func TestUpdateOfAPolicyKeepsItsCounters(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		token, user := b.limitedTo(t, "narrow", perDay(5))
		b.wantPassed(t, "at first", token, 7, 5)
		b.admin(t, 204, "PUT", "/policy/narrow", limited(perDay(5)))
		b.wantPassed(t, "updated without a change", token, 3, 0)
		b.admin(t, 204, "PUT", "/policy/narrow", limited(perDay(8)))
		b.wantPassed(t, "raised", token, 5, 3)
		b.admin(t, 204, "PUT", "/policy/narrow", limited(perDay(100)))
		b.wantPassed(t, "raised much", token, 2, 2)
		b.admin(t, 204, "PUT", "/policy/narrow", limited(perDay(9)))
		b.wantPassed(t, "lowered below what was used", token, 3, 0)
		b.admin(t, 204, "PUT", "/policy/narrow", limited(unlimited))
		b.wantPassed(t, "switched off", token, 12, 12)
		b.admin(t, 204, "PUT", "/policy/narrow", limited(perDay(10)))
		b.wantPassed(t, "switched on", token, 3, 0)
		// A policy made anew begins anew.
		b.admin(t, 204, "DELETE", "/policy/narrow", "")
		b.admin(t, 201, "POST", "/policy/narrow", limited(perDay(2)))
		b.wantPassed(t, "made anew", b.granted(t, user, "narrow"), 4, 2)
	})
}
