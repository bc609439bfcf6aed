package caddymodule

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// rawJSON is an answer that is JSON already.
type rawJSON = json.RawMessage

// adminScheme is what metrics call the administration API, beside the schemes.
const adminScheme = "admin"

// ServeHTTP answers a request and notes it. It never calls the next handler.
func (s *AdminSite) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	started := time.Now()
	call := &schemes.Call{Request: r}
	sent := &sentStatus{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	refusal := s.serve(sent, call)
	if id := call.Identity; id != nil {
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			repl.Set("http.auth.user.id", id.Name)
		}
	}
	failed := refusal != nil && refusal.Status >= http.StatusInternalServerError
	// Canonical, without the query. An activation code stands in the path of its redemption.
	s.record.note(call, call.Path.String(), refusal, failed, sent.status, time.Since(started))
	return nil
}
