package caddymodule

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/internal/headers"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// ownSite is a handler that answers every request of its site itself. It counts as a gate,
// since it lets nothing pass.
type ownSite interface {
	// directive tells the handler by its directive and site.
	directive() string
}

// receive does for a call of such a site what the gate does in its first step. unfold, unless
// nil, writes a path anew that the scheme's clients write in two ways.
func receive(call *schemes.Call, guard *headers.Guard, paths canonpath.Options, unfold func(*url.URL)) *schemes.Refusal {
	r := call.Request
	ctx := r.Context()
	trusted, _ := caddyhttp.GetVar(ctx, caddyhttp.TrustedProxyVarKey).(bool)
	call.ClientIP, _ = caddyhttp.GetVar(ctx, caddyhttp.ClientIPVarKey).(string)
	// A proxy that ends TLS says so by a header (RFC 8470 section 5.1).
	call.EarlyData = r.TLS != nil && !r.TLS.HandshakeComplete || trusted && r.Header.Get("Early-Data") == "1"
	if caddyhttp.GetVar(ctx, passedVar) != nil {
		return internal(errors.New("two directives of Gatehouse on one route"))
	}
	caddyhttp.SetVar(ctx, passedVar, true)
	var err error
	if call.Host, err = canonpath.Host(r.Host); err != nil {
		return badRequest(err)
	}
	if unfold != nil {
		unfold(r.URL)
	}
	if call.Path, err = canonpath.FromRequest(r, paths); err != nil {
		return badRequest(err)
	}
	call.Path.Apply(r.URL)
	guard.Clean(r.Header, trusted)
	headers.DropTrailers(r)
	return nil
}

// sentStatus notes the status that the client got.
type sentStatus struct {
	*caddyhttp.ResponseWriterWrapper
	status int
}

func (w *sentStatus) WriteHeader(status int) {
	if w.status == 0 && final(status) {
		w.status = status
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Interface guard
var _ http.ResponseWriter = (*sentStatus)(nil)
