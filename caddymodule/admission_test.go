package caddymodule

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// limitedBench is a gate whose subject has limits, by a clock that a test moves.
func limitedBench(t *testing.T, limits schemes.Limits) (*bench, *time.Time) {
	t.Helper()
	b := newBench(t)
	now := time.Unix(1_700_000_000, 0)
	b.fake.identity.Accessor, b.fake.identity.Limits = "", limits
	b.app.backend.Store(&schemes.Backend{Limiter: schemes.NewLimiter(0, func() time.Time { return now })})
	return b, &now
}

func TestCallsBeyondTheRateAreRefused(t *testing.T) {
	b, now := limitedBench(t, schemes.Limits{Rate: 1, Burst: 2})
	ok := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	for range 2 {
		if w := b.serve(t, request("GET", "http://a.example.com/data"), ok); w.Code != http.StatusOK {
			t.Fatalf("within the burst: %d", w.Code)
		}
	}
	w := b.serve(t, request("GET", "http://a.example.com/data"), unreachable(t))
	if w.Code != http.StatusTooManyRequests || !strings.HasPrefix(w.Body.String(), string(schemes.Limited)) {
		t.Errorf("beyond it: %d %s", w.Code, w.Body)
	}
	*now = now.Add(time.Second)
	if w := b.serve(t, request("GET", "http://a.example.com/data"), ok); w.Code != http.StatusOK {
		t.Errorf("a second later: %d", w.Code)
	}
}

func TestCallsAtATimeAreBoundedUntilTheirAnswersEnd(t *testing.T) {
	b, _ := limitedBench(t, schemes.Limits{Concurrent: 1})
	for _, tc := range []struct {
		name string
		next http.HandlerFunc
	}{
		{"answered", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "done") }},
		{"aborted", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			func() {
				defer func() { _ = recover() }()
				_ = b.ServeHTTP(httptest.NewRecorder(), request("GET", "http://a.example.com/data"), handlerOf(func(w http.ResponseWriter, r *http.Request) {
					second := httptest.NewRecorder()
					if err := b.ServeHTTP(second, request("GET", "http://a.example.com/data"), handlerOf(unreachable(t))); err != nil || second.Code != http.StatusTooManyRequests {
						t.Errorf("while another runs: %d, %v", second.Code, err)
					}
					tc.next(w, r)
				}))
			}()
			w := b.serve(t, request("GET", "http://a.example.com/data"), func(http.ResponseWriter, *http.Request) {})
			if w.Code != http.StatusOK {
				t.Errorf("after the answer ended: %d", w.Code)
			}
		})
	}
}

func TestCallsFromElsewhereAreRefused(t *testing.T) {
	for _, tc := range []struct {
		networks, client string
		status           int
	}{
		{"", "192.0.2.7", 200},
		{"", "garbage", 200}, // no list, nothing to be in
		{"192.0.2.0/24", "192.0.2.7", 200},
		{"192.0.2.0/24", "::ffff:192.0.2.7", 200},
		{"192.0.2.0/24", "192.0.3.7", 403},
		{"192.0.2.0/24 2001:db8::/32", "2001:db8::1", 200},
		{"fe80::/10", "fe80::1%eth0", 200},
		{"192.0.2.0/24", "2001:db8::1", 403},
		{"::/0", "192.0.2.7", 403},
		{"0.0.0.0/0", "2001:db8::1", 403},
		{"192.0.2.0/24", "", 403},
		{"192.0.2.0/24", "garbage", 403},
		{"192.0.2.0/24", "192.0.2.7:80", 403},
	} {
		t.Run(tc.networks+" from "+tc.client, func(t *testing.T) {
			b := newBench(t)
			for text := range strings.FieldsSeq(tc.networks) {
				b.fake.identity.Networks = append(b.fake.identity.Networks, netip.MustParsePrefix(text))
			}
			r := request("GET", "http://a.example.com/data")
			caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, tc.client)
			passed := false
			w := b.serve(t, r, func(http.ResponseWriter, *http.Request) { passed = true })
			if w.Code != tc.status || passed != (tc.status == 200) {
				t.Errorf("got %d, passed %t; want %d", w.Code, passed, tc.status)
			}
			if line := b.auditLine(t); tc.status == 403 && (line["reason"] != string(schemes.WrongAddress) || line["subject"] != "rcp_1") {
				t.Errorf("audit: %v", line)
			}
		})
	}
}

// A list that was set while the body was on its way holds for the call.
func TestAddressIsAskedAgainWhenTheBodyIsComplete(t *testing.T) {
	b := newBench(t)
	r := request("POST", "http://a.example.com/data")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
	w := httptest.NewRecorder()
	err := b.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		b.fake.identity.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		_, err := io.ReadAll(r.Body)
		if err == nil {
			t.Error("the end of the body was passed on")
		}
		return caddyhttp.Error(http.StatusBadGateway, err)
	}))
	if err != nil || w.Code != http.StatusForbidden {
		t.Errorf("got %d, %v", w.Code, err)
	}
}
