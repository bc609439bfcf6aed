package dx

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// webhookPaths are where the payment provider says what was paid.
var webhookPaths = []string{"/order-paid-webhooks", "/payment-authorized", "/payments-failed"}

// signatureField holds the HMAC-SHA256 of a webhook's body, in hex (Razorpay, "Validate and
// test webhooks").
const signatureField = "X-Razorpay-Signature"

const (
	// maxWebhook bounds the body of a webhook, in bytes.
	maxWebhook = 1 << 20
	// webhookMemory bounds what the webhooks of a site take of the memory at a time.
	webhookMemory = 32 << 20
	// webhookTime is how long a webhook may take to arrive.
	webhookTime = 10 * time.Second
)

// signed is noted of a webhook whose signature fits, so that it is read once.
type signed struct{}

// checkWebhook refuses a webhook that the payment provider did not sign, if the site knows
// its secret: the server behind goes on after a bad signature.
func (s *Scheme) checkWebhook(call *schemes.Call) *schemes.Refusal {
	r := call.Request
	if s.config.WebhookSecret.IsZero() || r.Method != http.MethodPost || !slices.Contains(webhookPaths, call.Path.String()) || call.State == (signed{}) {
		return nil
	}
	text, present, err := headers.Single(r.Header, signatureField)
	if !present && call.OnTrial() {
		call.Trial.LeaveOpen("whether the payment provider signed the body")
		return nil
	}
	if !present {
		return notAuthorized(faultNoSignature)
	}
	signature, badHex := hex.DecodeString(text)
	if err != nil || badHex != nil || len(signature) != sha256.Size {
		return notAuthorized(faultBadSignature)
	}
	body, refusal := s.readWebhook(call)
	if refusal != nil {
		return refusal
	}
	mac := hmac.New(sha256.New, []byte(s.config.WebhookSecret.Reveal()))
	mac.Write(body)
	if !hmac.Equal(mac.Sum(nil), signature) {
		return notAuthorized(faultBadSignature)
	}
	call.State = signed{}
	return nil
}

// readWebhook reads the body of a webhook and puts the same bytes back, with what it did
// not read behind them.
func (s *Scheme) readWebhook(call *schemes.Call) ([]byte, *schemes.Refusal) {
	r := call.Request
	if r.ContentLength > maxWebhook {
		return nil, statusRefusal(http.StatusRequestEntityTooLarge, schemes.BadRequest)
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	room := int64(2 * maxWebhook) // reading takes up to twice the body, as it grows
	if r.ContentLength >= 0 {
		room = 2 * r.ContentLength
	}
	if !s.webhooks.TryAcquire(room) {
		refusal := statusRefusal(http.StatusServiceUnavailable, schemes.Limited)
		refusal.RetryAfter = time.Second
		return nil, refusal
	}
	context.AfterFunc(r.Context(), func() { s.webhooks.Release(room) })

	// A writer without deadlines, as in a test, has no client that trickles.
	control := http.NewResponseController(call.Writer)
	_ = control.SetReadDeadline(time.Now().Add(webhookTime))
	body, err := io.ReadAll(io.LimitReader(r.Body, maxWebhook+1))
	_ = control.SetReadDeadline(time.Time{}) // it would end a call whose answer takes longer
	r.Body = replayed{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, statusRefusal(http.StatusRequestTimeout, schemes.BadRequest)
	case err != nil:
		refusal := badQuery(schemes.BadRequest, faultPayload)
		refusal.Cause = err
		return nil, refusal
	case len(body) > maxWebhook:
		return nil, statusRefusal(http.StatusRequestEntityTooLarge, schemes.BadRequest)
	}
	return body, nil
}

// replayed is a body that was read, and closes as it would have.
type replayed struct {
	io.Reader
	io.Closer
}
