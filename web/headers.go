package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// policy allows the one style sheet, by its hash, and a form that stays on this
// site; nothing else.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

// SecurityHeaders sets the headers that every page needs and that do no harm to
// the downloaded file. The address of a page holds a secret: it must not be
// cached, sent on as Referer, indexed or framed.
func SecurityHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex")
}
