package e2e

import (
	"strconv"
	"strings"
	"testing"
)

func TestRecipientThatCallsTooOftenIsSlowedDown(t *testing.T) {
	g := startSite(t, strings.Replace(deltaSite, "rate_limit off", "rate_limit 50 200", 1), nil)
	auth := bearer(g.activate(t, g.createRecipient(t, "acme", "sales")))
	g.Gatehouse("recipient", "update", "acme", "--rate", "1", "--burst", "5")
	other := bearer(g.activate(t, g.createRecipient(t, "other", "sales")))

	refused := 0
	for range 30 {
		switch got := g.send(t, "GET", metadata, auth); got.Status {
		case 200:
		case 429:
			refused++
			seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
			if err != nil || seconds < 1 || seconds > 60 || !strings.Contains(got.Body, `"RESOURCE_EXHAUSTED"`) {
				t.Fatalf("got Retry-After %q with %s", got.Header.Get("Retry-After"), got.Body)
			}
		default:
			t.Fatalf("got %d %s", got.Status, got.Body)
		}
	}
	if refused == 0 {
		t.Error("30 calls in a row passed a limit of 5")
	}
	if n := len(g.upstream.Requests()); n != 30-refused {
		t.Errorf("%d calls reached the upstream, want %d", n, 30-refused)
	}
	for range 30 {
		g.wantStatus(t, 200, "GET", metadata, other) // whose limits are its own
	}
}

func TestDefaultLimitsLeaveRoom(t *testing.T) {
	site := strings.Replace(strings.Replace(deltaSite, "rate_limit off", "", 1), "concurrent_limit off", "", 1)
	g := startSite(t, site, nil)
	auth := bearer(g.activate(t, g.createRecipient(t, "acme", "sales")))
	for range 150 { // a client that looks at 150 tables
		g.wantStatus(t, 200, "GET", metadata, auth)
	}
}

func TestAddressesHoldForLinksAndData(t *testing.T) {
	g := startSite(t, deltaSite, nil)
	inside := g.createRecipient(t, "inside", "sales")
	outside := g.createRecipient(t, "outside", "sales")
	g.Gatehouse("recipient", "update", "inside", "--ip", "127.0.0.0/8", "--ip", "2001:db8::/32")
	g.Gatehouse("recipient", "update", "outside", "--ip", "192.0.2.0/24")

	for _, accept := range []string{"Accept: text/html", "Accept: application/json"} {
		if got := g.send(t, "GET", g.target(t, outside), accept); got.Status != 403 || strings.Contains(got.Body, "gha_") {
			t.Errorf("%s: a link opened from elsewhere answers %d %s", accept, got.Status, got.Body)
		}
	}
	form := "code=" + code(t, outside)
	if got := g.sendBody(t, "POST", activationPage, form, "Content-Type: application/x-www-form-urlencoded"); got.Status != 403 {
		t.Errorf("a download from elsewhere answers %d %s", got.Status, got.Body)
	}
	// A header that only a trusted proxy may send is believed of nobody here.
	if got := g.send(t, "GET", g.target(t, outside), "Accept: */*", "X-Forwarded-For: 192.0.2.9"); got.Status != 403 {
		t.Errorf("a forged address answers %d %s", got.Status, got.Body)
	}
	g.wantStatus(t, 200, "GET", metadata, bearer(g.activate(t, inside)))

	// The refusals have used nothing up.
	g.Gatehouse("recipient", "update", "outside", "--ip", "127.0.0.1")
	token := bearer(g.activate(t, outside))
	g.wantStatus(t, 200, "GET", metadata, token)
	g.Gatehouse("recipient", "update", "outside", "--ip", "192.0.2.0/24")
	if got := g.wantStatus(t, 403, "GET", metadata, token); !strings.Contains(got.Body, `"PERMISSION_DENIED"`) {
		t.Errorf("data from elsewhere: %s", got.Body)
	}
	g.wantStatus(t, 403, "GET", metadata, token, "X-Forwarded-For: 192.0.2.9")
}
