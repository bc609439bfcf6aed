package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

const webhookSecret = "a-secret-of-the-payment-gateway"

// signature is the payment gateway's of a body.
func signature(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestWebhooksAreTheirSendersAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "webhook")
	if err := os.WriteFile(file, []byte(webhookSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := startMarketplaceWith(t, dxWith("\t\twebhook_secret {file.{$WEBHOOK}}"), harness.Env{"WEBHOOK": file})
	const body = "{\"event\": \"order.paid\",\r\n \"payload\":{\"amount\":1e2, \"é\":\"\\u00e9\"}}"
	const header = "X-Razorpay-Signature: "
	good := signature(webhookSecret, body)
	almost := good[:63] + "0"
	if almost == good {
		almost = good[:63] + "1"
	}
	for _, tc := range []struct {
		name, body string
		headers    []string
		status     int
	}{
		{"as signed", body, []string{header + good}, 200},
		{"with a token that nobody asks for", body, []string{header + good, dxToken("garbage")}, 200},
		{"empty, signed", "", []string{header + signature(webhookSecret, "")}, 200},
		{"half a mebibyte", strings.Repeat("a", 512<<10), []string{header + signature(webhookSecret, strings.Repeat("a", 512<<10))}, 200},
		{"not signed", body, nil, 401},
		{"empty signature", body, []string{"X-Razorpay-Signature:"}, 401},
		{"of another body", body + " ", []string{header + good}, 401},
		{"of another secret", body, []string{header + signature("guessed", body)}, 401},
		{"of the empty secret", body, []string{header + signature("", body)}, 401},
		{"another last digit", body, []string{header + almost}, 401},
		{"cut short", body, []string{header + good[:62]}, 401},
		{"with more after it", body, []string{header + good + "00"}, 401},
		{"no hex", body, []string{header + strings.Repeat("zz", 32)}, 401},
		{"twice", body, []string{header + good, header + good}, 401},
		{"two, one of them good", body, []string{header + strings.Repeat("00", 32), header + good}, 401},
		{"two in one", body, []string{header + good + "," + good}, 401},
		{"more than a mebibyte", strings.Repeat("a", 1<<20+1), []string{header + signature(webhookSecret, strings.Repeat("a", 1<<20+1))}, 401},
		{"a token instead", body, []string{dxToken(m.provider())}, 401},
	} {
		for _, target := range []string{"/order-paid-webhooks", "/payment-authorized", "/payments-failed"} {
			t.Run(tc.name+" "+target, func(t *testing.T) {
				m.upstream.Forget()
				got := m.sendBody(t, "POST", target, tc.body, append(tc.headers, "Content-Type: application/json")...)
				if tc.status != 200 {
					if got.Status != tc.status && got.Status != 413 || got.Status == 401 && got.Body != notAuthorized {
						t.Errorf("got %d %s, want %d", got.Status, got.Body, tc.status)
					}
					m.wantNothingUpstream(t)
					return
				}
				if got.Status != 200 {
					t.Fatalf("got %d %s", got.Status, got.Body)
				}
				seen := m.upstream.Last(t)
				if seen.Body != tc.body || seen.Header.Get("X-Razorpay-Signature") == "" || seen.Header.Get("Token") != "" {
					t.Errorf("the server gets %d bytes of %d:\n%.300s", len(seen.Body), len(tc.body), seen.Raw)
				}
			})
		}
	}
	t.Run("chunked", func(t *testing.T) {
		raw := harness.Request("POST", "/order-paid-webhooks", m.Gate, header+signature(webhookSecret, "abcdef"), "Transfer-Encoding: chunked") +
			"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
		m.upstream.Forget()
		if got := harness.Send(t, m.Gate, raw); got.Status != 200 || m.upstream.Last(t).Body != "abcdef" {
			t.Errorf("got %d %s", got.Status, got.Body)
		}
		m.upstream.Forget()
		if got := harness.Send(t, m.Gate, strings.Replace(raw, "def", "xyz", 1)); got.Status != 401 {
			t.Errorf("changed: got %d %s", got.Status, got.Body)
		}
		m.wantNothingUpstream(t)
	})
}

// Without the secret the gate cannot check them, and says so when it loads.
func TestWebhooksWithoutSecretAreWarnedOf(t *testing.T) {
	m := startMarketplace(t, dxSite)
	if got := m.sendBody(t, "POST", "/order-paid-webhooks", "{}"); got.Status != 200 {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	m.Stop()
	if !strings.Contains(m.Output(), "webhook_secret") {
		t.Error("no warning names webhook_secret")
	}
}
