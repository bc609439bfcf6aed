package dx

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// held is how many bytes are taken.
func (w *webhooks) held() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all
}

// trickling is a body of which one byte arrives, and then no more until it is let go.
type trickling struct {
	arrived func()
	letGo   chan struct{}
	sent    bool
}

func (b *trickling) Read(p []byte) (int, error) {
	if !b.sent {
		b.sent = true
		return copy(p, "x"), nil
	}
	b.arrived()
	<-b.letGo
	return 0, io.EOF
}

func from(address string) func(*schemes.Call) {
	return func(call *schemes.Call) { call.ClientIP = address }
}

func TestStrangersThatTrickleLeaveRoomForThePaymentProvider(t *testing.T) {
	s := newSite(t, withSecret)
	var arrived, ended sync.WaitGroup
	letGo := make(chan struct{})
	const strangers = 200
	arrived.Add(strangers)
	for range strangers {
		ended.Go(func() {
			one := sync.OnceFunc(arrived.Done)
			defer one() // also if it is refused at once
			r := schemestest.Request("POST", webhookPaths[0], "", signatureField, sign(""))
			r.Body, r.ContentLength = io.NopCloser(&trickling{arrived: one, letGo: letGo}), maxWebhook
			s.serve(r, from("203.0.113.7")).wants(t, http.StatusUnauthorized, "bad_webhook_signature")
		})
	}
	arrived.Wait()
	if held := s.webhooks.held(); held != 0 {
		t.Errorf("%d bytes are held for %d that arrived", held, strangers)
	}
	whole := strings.Repeat("x", maxWebhook)
	s.serve(schemestest.Request("POST", webhookPaths[0], whole, signatureField, sign(whole)), from("198.51.100.1")).wants(t, http.StatusOK, "")
	close(letGo)
	ended.Wait()
	until(t, func() bool { return s.webhooks.held() == 0 })
}

func TestOneNetworkTakesASixteenthOfTheMemory(t *testing.T) {
	w := newWebhooks()
	var shares []*share
	take := func(address string, bytes int64, want bool) *share {
		t.Helper()
		s := w.share(address)
		shares = append(shares, s)
		if got := s.take(bytes); got != want {
			t.Errorf("%d bytes for %s: %v", bytes, address, got)
		}
		return s
	}
	first := take("2001:db8:1:2::1", networkMemory, true)
	take("2001:db8:1:ffff::1", 1, false) // the same customer's
	take("203.0.113.7", networkMemory-1, true)
	take("::ffff:203.0.113.7", 2, false)
	for i := range 14 {
		take(fmt.Sprintf("198.51.100.%d", i), networkMemory, true)
	}
	take("203.0.113.9", 2, false)
	take("203.0.113.9", 1, true) // that was the last
	first.giveBack()
	first.giveBack()
	if first.take(1) {
		t.Error("a call that is over takes memory")
	}
	take("2001:db8:1:ffff::1", networkMemory, true)
	for _, s := range shares {
		s.giveBack()
	}
	if w.held() != 0 || len(w.byNetwork) > 0 {
		t.Errorf("%d bytes are left, %v", w.held(), w.byNetwork)
	}
}

// watched is a body that tells how much of it was read.
type watched struct {
	io.Reader
	read func(sent int64)
	sent int64
}

func (b *watched) Read(p []byte) (int, error) {
	b.read(b.sent)
	n, err := b.Reader.Read(p[:min(len(p), 1000)])
	b.sent += int64(n)
	return n, err
}

func TestWebhookTakesNoMoreThanItHasSent(t *testing.T) {
	s := newSite(t, withSecret)
	whole := strings.Repeat("x", maxWebhook)
	r := schemestest.Request("POST", webhookPaths[0], "", signatureField, sign(whole))
	r.Body, r.ContentLength = io.NopCloser(&watched{Reader: strings.NewReader(whole), read: func(sent int64) {
		if held := s.webhooks.held(); held > sent+max(leastPart, min(sent, mostPart)) {
			t.Errorf("%d bytes are held, when %d have arrived", held, sent)
		}
	}}), maxWebhook
	a := s.serve(r)
	a.wants(t, http.StatusOK, "")
	if a.body != whole {
		t.Errorf("the server behind gets %d bytes", len(a.body))
	}
}
