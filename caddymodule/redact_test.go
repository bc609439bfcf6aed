package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

type stringer string

func (s stringer) String() string { return string(s) }

// record encodes one field as a log would.
func record(t *testing.T, field zapcore.Field) string {
	t.Helper()
	line, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{}).EncodeEntry(zapcore.Entry{}, []zapcore.Field{field})
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(bytes.TrimSpace(line.Bytes())) {
		t.Fatalf("%s is no JSON", line)
	}
	return line.String()
}

func TestRedactFilterHidesASecretInEveryKindOfField(t *testing.T) {
	token := secret.New(secret.DeltaToken).Reveal()
	code := secret.New(secret.ActivationCode).Reveal()
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
	for _, tc := range []struct {
		name  string
		field zapcore.Field
	}{
		{"string", zap.String("f", "a "+token+" b")},
		{"bytes", zap.ByteString("f", []byte(token))},
		{"binary", zap.Any("f", []byte("a "+token))},
		{"error", zap.NamedError("f", errors.New("refused "+token))},
		{"stringer", zap.Stringer("f", stringer(token))},
		{"strings", zap.Strings("f", []string{"a", token})},
		{"strings as reflected", zap.Reflect("f", []string{"a", token})},
		{"byte strings", zap.ByteStrings("f", [][]byte{[]byte(token)})},
		{"errors", zap.Errors("f", []error{errors.New(token)})},
		{"Caddy's header values", zap.Array("f", caddyhttp.LoggableStringArray{"Bearer " + code})},
		{"Caddy's headers", zap.Object("f", caddyhttp.LoggableHTTPHeader{Header: map[string][]string{"X-A": {token}}, ShouldLogCredentials: true})},
		{"map", zap.Any("f", map[string]any{"a": []any{map[string]any{"b": token}}})},
		{"struct", zap.Any("f", struct{ Token string }{token})},
		{"pointer", zap.Stringp("f", &token)},
		{"dictionary", zap.Dict("f", zap.String("a", token))},
		{"web token", zap.String("f", "got "+jwt)},
		{"link", zap.String("f", "/delta_sharing/retrieve_config.html?"+code)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := record(t, new(RedactFilter).Filter(tc.field))
			for _, hidden := range []string{token, code, jwt} {
				if strings.Contains(got, hidden) {
					t.Errorf("%s tells the secret", got)
				}
			}
			if !strings.Contains(got, "REDACTED") {
				t.Errorf("%s: want REDACTED in its place", got)
			}
		})
	}
}

func TestRedactFilterLeavesWhatIsNoSecret(t *testing.T) {
	for _, field := range []zapcore.Field{
		zap.String("f", "/delta-sharing/shares/sales"),
		zap.Int("f", 5), zap.Bool("f", true), zap.Float64("f", 1.5), zap.Duration("f", time.Second), zap.Time("f", time.Unix(0, 0)),
		zap.Strings("f", []string{"a", "b"}), zap.Any("f", map[string]int{"a": 1}), zap.Any("f", nil), zap.Binary("f", []byte{0, 1, 255}),
		zap.NamedError("f", errors.New("refused")), zap.Stringer("f", stringer("a")), zap.Reflect("f", []any{1, "a"}),
		zap.Array("f", caddyhttp.LoggableStringArray{"gzip"}), zap.Complex128("f", 1i), zap.Skip(), zap.Any("f", make(chan int)),
	} {
		if got := new(RedactFilter).Filter(field); !got.Equals(field) {
			t.Errorf("%+v became %+v", field, got)
		}
	}
}

func TestRedactFilterDoesNotTouchTheCallersOwn(t *testing.T) {
	token := secret.New(secret.DeltaToken).Reveal()
	list, object := []any{token}, map[string]any{"a": token}
	new(RedactFilter).Filter(zap.Any("f", list))
	new(RedactFilter).Filter(zap.Any("f", object))
	if list[0] != token || object["a"] != token {
		t.Error("the caller's list or map was changed")
	}
}

func TestRedactFilterFromACaddyfile(t *testing.T) {
	adapted := adaptTo(t, `{
		log {
			format filter {
				uri gatehouse_redact
			}
		}
	}`)
	if !strings.Contains(string(adapted), `"uri":{"filter":"gatehouse_redact"}`) {
		t.Errorf("adapted to %s", adapted)
	}
	if err := new(RedactFilter).UnmarshalCaddyfile(caddyfile.NewTestDispenser("gatehouse_redact everything")); err == nil {
		t.Error("an argument, which the filter does not take, is passed over")
	}
}
