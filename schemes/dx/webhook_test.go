package dx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

const webhookSecret = "the payment provider's secret"

func withSecret(c *Config) { c.WebhookSecret = schemes.NewCredential(webhookSecret) }

// sign is what the payment provider sends with a body.
func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestWebhooksAreSignedOverTheirBytes(t *testing.T) {
	s := newSite(t, withSecret)
	body := "{\"event\": \"order.paid\",\r\n \"amount\":1.0}\n"
	good := sign(body)
	for name, tc := range map[string]struct {
		body    string
		headers []string
		status  int
		code    string
	}{
		"signed":               {body, []string{signatureField, good}, 200, ""},
		"empty and signed":     {"", []string{signatureField, sign("")}, 200, ""},
		"not signed":           {body, nil, 401, "no_webhook_signature"},
		"an empty signature":   {body, []string{signatureField, ""}, 401, "bad_webhook_signature"},
		"another body":         {body + " ", []string{signatureField, good}, 401, "bad_webhook_signature"},
		"no body":              {"", []string{signatureField, good}, 401, "bad_webhook_signature"},
		"another secret's":     {body, []string{signatureField, strings.Repeat("0", 64)}, 401, "bad_webhook_signature"},
		"cut short":            {body, []string{signatureField, good[:62]}, 401, "bad_webhook_signature"},
		"no hex":               {body, []string{signatureField, "z" + good[1:]}, 401, "bad_webhook_signature"},
		"twice":                {body, []string{signatureField, good, signatureField, good}, 401, "bad_webhook_signature"},
		"with AAA's token too": {body, []string{"token", serverToken().signed()}, 401, "no_webhook_signature"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range webhookPaths {
				a := s.serve(schemestest.Request("POST", path, tc.body, tc.headers...))
				a.wants(t, tc.status, tc.code)
				if tc.status == 200 && (a.body != tc.body || a.forwarded.Header.Get(signatureField) != tc.headers[1] || a.forwarded.ContentLength != int64(len(tc.body))) {
					t.Errorf("the server behind gets %q", a.body)
				}
				// As it came, for a site that lets refused calls go on.
				if rest, err := io.ReadAll(a.call.Request.Body); tc.status != 200 && (err != nil || string(rest) != tc.body) {
					t.Errorf("of the body is left %q, %v", rest, err)
				}
			}
		})
	}
}

func TestWebhooksWithoutASecretAreNotLookedAt(t *testing.T) {
	s := newSite(t)
	for _, path := range webhookPaths {
		if a := s.serve(schemestest.Request("POST", path, "anything")); a.body != "anything" {
			t.Errorf("%s: %q, %v", path, a.body, a.refusal)
		}
	}
	s = newSite(t, withSecret)
	s.serve(schemestest.Request("OPTIONS", webhookPaths[0], "")).wants(t, http.StatusOK, "")
}

func TestWebhooksAreBounded(t *testing.T) {
	s := newSite(t, withSecret)
	whole := strings.Repeat("x", maxWebhook)
	s.serve(schemestest.Request("POST", webhookPaths[0], whole, signatureField, sign(whole))).wants(t, http.StatusOK, "")
	s.serve(schemestest.Request("POST", webhookPaths[0], whole+"x", signatureField, sign(whole+"x"))).wants(t, http.StatusRequestEntityTooLarge, "")
	long := schemestest.Request("POST", webhookPaths[0], "", signatureField, sign(whole))
	long.Body, long.ContentLength = io.NopCloser(strings.NewReader(whole+"x")), -1
	a := s.serve(long)
	a.wants(t, http.StatusRequestEntityTooLarge, "")
	if rest, err := io.ReadAll(a.call.Request.Body); err != nil || len(rest) != maxWebhook+1 {
		t.Errorf("%d bytes are left, %v", len(rest), err)
	}
	for status, err := range map[int]error{http.StatusRequestTimeout: os.ErrDeadlineExceeded, http.StatusBadRequest: io.ErrUnexpectedEOF} {
		broken := schemestest.Request("POST", webhookPaths[0], "", signatureField, sign(""))
		broken.Body, broken.ContentLength = io.NopCloser(iotest.ErrReader(err)), 5
		if a := s.serve(broken); a.status() != status || a.forwarded != nil {
			t.Errorf("%v: %d", err, a.status())
		}
	}
	// The memory that they may take is taken.
	until(t, func() bool { return s.webhooks.held() == 0 }) // once all calls have given theirs back
	if others := s.webhooks.share(""); !others.take(networkMemory - freeBytes) {
		t.Fatal("not so much")
	}
	s.serve(schemestest.Request("POST", webhookPaths[0], whole, signatureField, sign(whole))).wants(t, http.StatusServiceUnavailable, "")
	until(t, func() bool { return s.webhooks.held() == networkMemory-freeBytes })
	// What the provider sends always has room.
	small := strings.Repeat("x", freeBytes-1)
	s.serve(schemestest.Request("POST", webhookPaths[0], small, signatureField, sign(small))).wants(t, http.StatusOK, "")
	s.serve(schemestest.Request("GET", "/apis", "")).wants(t, http.StatusOK, "")
}

// The gate asks the rules again before it passes on the end of a body that an identified
// caller sends; the body cannot be read again then.
func TestSignedWebhookIsReadOnce(t *testing.T) {
	rules, err := policies.Parse("own", "allow POST /payments-failed role consumer")
	must(t, err)
	s := newSite(t, withSecret, func(c *Config) { c.Rules = rules })
	a := s.serve(schemestest.Request("POST", "/payments-failed", "{}", "token", identityToken().signed(), signatureField, sign("{}")))
	a.wants(t, http.StatusOK, "")
	again := *a.call
	again.Request.Body = io.NopCloser(iotest.ErrReader(errors.New("it is read")))
	if decision := s.Decide(&again); !decision.Allow {
		t.Errorf("%v, %v", decision, again.Denial)
	}
}

func TestSignatureOfATrialIsLeftOpen(t *testing.T) {
	s := newSite(t, withSecret)
	a := s.serve(schemestest.Request("POST", webhookPaths[0], ""), func(call *schemes.Call) { call.Trial = new(schemes.Trial) })
	a.wants(t, http.StatusOK, "")
	if len(a.call.Trial.Open) != 1 {
		t.Errorf("left open: %q", a.call.Trial.Open)
	}
}

func TestUnsignedWebhooksAreNamed(t *testing.T) {
	closed, err := policies.Parse("own", "allow POST /payments-failed public\nallow POST /payment-authorized role provider")
	must(t, err)
	s := newSite(t)
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"shipped rules": {func(*Config) {}, strings.Join(webhookPaths, " ")},
		"own rules":     {func(c *Config) { c.Rules = closed }, "/payments-failed"},
		"signed":        {withSecret, ""},
	} {
		if got := strings.Join(s.with(tc.change).UnsignedWebhooks(), " "); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The server behind mounts its routes below others too, where rules of one's own may open
// them.
func TestSignatureIsNotAvoidedByAnotherPathOfAWebhook(t *testing.T) {
	rules, err := policies.Parse("own", "allow POST /{path...} public")
	must(t, err)
	s := newSite(t, withSecret, func(c *Config) { c.Rules = rules })
	for path, webhook := range map[string]bool{
		"/payments-failed": true, "/payments-failed/": true, "/provider/payments-failed": true,
		"/provider/consumer/order-paid-webhooks/": true, "/%70ayment-authorized": true,
		"/payments-failed/x": false, "/payments-failedx": false, "/": false, "/apis": false,
	} {
		if webhook {
			s.serve(schemestest.Request("POST", path, "x", signatureField, sign("y"))).wants(t, http.StatusUnauthorized, "bad_webhook_signature")
			s.serve(schemestest.Request("POST", path, "x", signatureField, sign("x"))).wants(t, http.StatusOK, "")
		} else {
			s.serve(schemestest.Request("POST", path, "x")).wants(t, http.StatusOK, "")
		}
	}
}
