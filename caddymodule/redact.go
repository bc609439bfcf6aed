package caddymodule

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
// activation link. It works on strings, and on strings inside of lists and
// objects; a value that is neither is replaced by its JSON if that holds a secret.
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

// Filter implements logging.LogFieldFilter. A field without a secret is returned
// as it came.
func (*RedactFilter) Filter(in zapcore.Field) zapcore.Field {
	switch in.Type {
	case zapcore.StringType:
		in.String = secret.Redact(in.String)
		return in
	case zapcore.BinaryType, zapcore.ByteStringType, zapcore.StringerType, zapcore.ErrorType,
		zapcore.ArrayMarshalerType, zapcore.ObjectMarshalerType, zapcore.ReflectType:
	default:
		return in // numbers and times
	}
	plain := zapcore.NewMapObjectEncoder()
	in.AddTo(plain)
	if value, changed := redactValue(plain.Fields[in.Key]); changed {
		return zap.Any(in.Key, value)
	}
	return in
}

// redactValue redacts the strings of a value as zap's map encoder has it, and
// tells whether there was something to hide.
func redactValue(value any) (redacted any, changed bool) {
	switch v := value.(type) {
	case nil:
		return nil, false
	case string:
		s := secret.Redact(v)
		return s, s != v
	case []byte:
		s := secret.Redact(string(v))
		return s, s != string(v)
	case []any:
		list := make([]any, len(v)) // v may be the caller's own
		for i, item := range v {
			item, hid := redactValue(item)
			list[i], changed = item, changed || hid
		}
		return list, changed
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, item := range v {
			item, hid := redactValue(item)
			object[name], changed = item, changed || hid
		}
		return object, changed
	default:
		data, err := json.Marshal(v)
		if err != nil {
			return value, false // the log's own encoder cannot write it either
		}
		return redactValue(string(data))
	}
}

// Interface guards
var (
	_ logging.LogFieldFilter = (*RedactFilter)(nil)
	_ caddy.Provisioner      = (*RedactFilter)(nil)
	_ caddyfile.Unmarshaler  = (*RedactFilter)(nil)
)
