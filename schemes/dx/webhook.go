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
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
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
	// webhookTime is how long a webhook may take to arrive.
	webhookTime = 10 * time.Second
)

// isWebhook tells whether the server behind may take a path for a webhook's. It goes by the
// last segment, with a slash behind it or without: that server mounts its routes twice, and
// a site's own rules may open them below another path.
func isWebhook(path canonpath.Path) bool {
	segments := path.Segments()
	return len(segments) > 0 && slices.Contains(webhookPaths, "/"+segments[len(segments)-1])
}

// signed is noted of a webhook whose signature fits, so that it is read once.
type signed struct{}

// checkWebhook refuses a webhook that the payment provider did not sign, if the site knows
// its secret: the server behind goes on after a bad signature. Whoever calls, and wherever
// the rules have the route.
func (s *Scheme) checkWebhook(call *schemes.Call) *schemes.Refusal {
	r := call.Request
	if s.config.WebhookSecret.IsZero() || r.Method != http.MethodPost || !isWebhook(call.Path) || call.State == (signed{}) {
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
	for _, part := range body {
		mac.Write(part)
	}
	if !hmac.Equal(mac.Sum(nil), signature) {
		return notAuthorized(faultBadSignature)
	}
	call.State = signed{}
	return nil
}

// The parts that a body is read in, in bytes: as much again as has arrived, between these.
const (
	leastPart = 4 << 10
	mostPart  = 64 << 10
)

// readWebhook reads the body of a webhook, in parts, and puts the same bytes back, with what
// it did not read behind them.
func (s *Scheme) readWebhook(call *schemes.Call) (body [][]byte, refusal *schemes.Refusal) {
	r := call.Request
	if r.ContentLength > maxWebhook {
		return nil, statusRefusal(http.StatusRequestEntityTooLarge, schemes.BadRequest)
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	share := s.webhooks.share(call.ClientIP)
	context.AfterFunc(r.Context(), share.giveBack)
	late, err := schemes.ReadWithin(call.Writer, webhookTime, func() (err error) {
		body, err = readParts(r.Body, share)
		return err
	})
	came := make([]io.Reader, 0, len(body)+1)
	for _, part := range body {
		came = append(came, bytes.NewReader(part))
	}
	r.Body = schemes.Replayed{Reader: io.MultiReader(append(came, r.Body)...), Closer: r.Body}
	switch {
	case errors.Is(err, errNoMemory):
		refusal := statusRefusal(http.StatusServiceUnavailable, schemes.Limited)
		refusal.RetryAfter = time.Second
		return nil, refusal
	case late:
		return nil, statusRefusal(http.StatusRequestTimeout, schemes.BadRequest)
	case errors.Is(err, errTooLarge):
		return nil, statusRefusal(http.StatusRequestEntityTooLarge, schemes.BadRequest)
	case err != nil:
		refusal := badQuery(schemes.BadRequest, faultPayload)
		refusal.Cause = err
		return nil, refusal
	}
	return body, nil
}

var errTooLarge = errors.New("the webhook is too large")

// readParts reads up to one byte more than maxWebhook. It takes memory as the bytes arrive,
// and none for the first freeBytes: who announces much and sends little holds little, and
// what a payment provider sends always has room. With an error it returns what came before
// it.
func readParts(from io.Reader, share *share) (parts [][]byte, err error) {
	size := 0
	for err == nil && size <= maxWebhook {
		room := min(max(leastPart, min(size, mostPart)), maxWebhook+1-size)
		if size >= freeBytes && !share.take(int64(room)) {
			return parts, errNoMemory
		}
		part, n := make([]byte, room), 0
		for n < room && err == nil { // io.ReadFull cannot tell an end from a body that breaks off
			var read int
			read, err = from.Read(part[n:])
			n += read
		}
		parts, size = append(parts, part[:n]), size+n
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return parts, err
	case size > maxWebhook:
		return parts, errTooLarge
	}
	return parts, nil
}
