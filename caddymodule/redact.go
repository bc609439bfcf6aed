package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

func init() {
	caddy.RegisterModule(new(RedactFilter))
}

// RedactFilter is a log field filter that replaces what looks like a secret, by
// its shape, wherever it stands in the field: tokens, activation codes and
// management keys of Gatehouse, JWTs, bearer values, and the code of an
// activation link. It works on strings and lists of strings.
type RedactFilter struct{}

// CaddyModule returns the Caddy module information.
func (*RedactFilter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.encoders.filter.gatehouse_redact",
		New: func() caddy.Module { return new(RedactFilter) },
	}
}

// Provision notes that the configuration redacts.
func (*RedactFilter) Provision(ctx caddy.Context) error {
	noteRedaction(ctx)
	return nil
}

// UnmarshalCaddyfile sets up the filter from Caddyfile tokens. Syntax:
//
//	<field> gatehouse_redact
func (*RedactFilter) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the filter's name
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

// Filter implements logging.LogFieldFilter.
func (*RedactFilter) Filter(in zapcore.Field) zapcore.Field {
	switch in.Type {
	case zapcore.StringType:
		in.String = secret.Redact(in.String)
	case zapcore.ErrorType:
		if err, ok := in.Interface.(error); ok {
			return zap.String(in.Key, secret.Redact(err.Error()))
		}
	default:
		if list, ok := in.Interface.(caddyhttp.LoggableStringArray); ok {
			redacted := make(caddyhttp.LoggableStringArray, len(list))
			for i, s := range list {
				redacted[i] = secret.Redact(s)
			}
			in.Interface = redacted
		}
	}
	return in
}

// Interface guards
var (
	_ logging.LogFieldFilter = (*RedactFilter)(nil)
	_ caddy.Provisioner      = (*RedactFilter)(nil)
	_ caddyfile.Unmarshaler  = (*RedactFilter)(nil)
)
