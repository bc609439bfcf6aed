package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// holder has exported and unexported fields: fmt reads the latter by reflection
// without asking their methods.
type holder struct {
	Tok Token
	Key MasterKey
	Dig Digest
	S   *Sealer
	tok Token
	key MasterKey
	s   *Sealer
	ptr *Token
}

func TestNothingPrintsASecret(t *testing.T) {
	tok := New(DeltaToken)
	key := NewMasterKey()
	dig := tok.Digest()
	sealer := NewSealer(key)
	h := holder{tok, key, dig, sealer, tok, key, sealer, &tok}
	values := map[string]any{
		"token": tok, "*token": &tok, "key": key, "*key": &key, "digest": dig, "*digest": &dig,
		"sealer": sealer, "holder": h, "*holder": &h,
		"slice": []any{tok, key, dig, sealer}, "map": map[string]any{"t": tok, "k": key, "d": dig},
	}

	var printed strings.Builder
	for name, v := range values {
		for c := byte('A'); c <= 'z'; c++ {
			for _, flag := range []string{"", "+", "#", "-80", "080", ".200", " ", "#+ "} {
				fmt.Fprintf(&printed, "%"+flag+string(c), v)
			}
		}
		fmt.Fprint(&printed, v)
		fmt.Fprintln(&printed, v)
		fmt.Fprint(&printed, fmt.Errorf("wrapped: %v", v))

		// An encoder may refuse, but not tell.
		j, err := json.Marshal(v)
		fmt.Fprint(&printed, string(j), err)
		x, err := xml.Marshal(v)
		fmt.Fprint(&printed, string(x), err)

		for _, h := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
			slog.New(h).Info(name, "v", v, slog.Any(name, v))
		}
		var zapped bytes.Buffer
		for _, enc := range []zapcore.Encoder{
			zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
			zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
		} {
			log := zap.New(zapcore.NewCore(enc, zapcore.AddSync(&zapped), zap.DebugLevel))
			log.Info(name, zap.Any("any", v), zap.Reflect("reflect", v), zap.Inline(zapcore.ObjectMarshalerFunc(
				func(o zapcore.ObjectEncoder) error { return o.AddReflected("inline", v) })))
			log.Sugar().Infof("%v %+v %#v", v, v, v)
			log.Sugar().Infow(name, "v", v)
		}
		printed.Write(zapped.Bytes())
	}

	out := printed.String()
	if !strings.Contains(out, hidden) || !strings.Contains(out, hiddenDigest) {
		t.Fatal("nothing was printed at all")
	}
	for _, form := range spellings(tok.Reveal(), []byte(tok.Reveal()), []byte(*key.raw)) {
		if strings.Contains(out, form) {
			t.Errorf("output holds a secret, spelt %.24s…", form)
		}
	}
	// A digest in an unexported field is printed as bytes; from an exported one,
	// or by itself, not even that.
	for _, form := range spellings(string(dig[:]), dig[:]) {
		if s := fmt.Sprintf("%v%x%q%s", dig, dig, &dig, []any{dig}); strings.Contains(s, form) {
			t.Errorf("digest is printed: %s", s)
		}
	}
}

// spellings returns how a careless encoder may write text and raw.
func spellings(text string, raws ...[]byte) []string {
	all := []string{text, strings.ToUpper(text)}
	for _, raw := range raws {
		part := raw[:16]
		decimal := strings.Trim(fmt.Sprint(part), "[]")
		all = append(all, string(raw), hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part)),
			base64.StdEncoding.EncodeToString(raw)[:20], decimal, strings.ReplaceAll(decimal, " ", ","))
	}
	return all
}

func TestDigestRefusesToBeEncodedSilently(t *testing.T) {
	if out, err := json.Marshal(struct{ D Digest }{DigestOf("x")}); err == nil {
		t.Errorf("a record would lose its digest: %s", out)
	}
}

func TestTokenDoesNotComeBackFromJSON(t *testing.T) {
	var back struct{ T Token }
	if err := json.Unmarshal([]byte(`{"T":"[secret]"}`), &back); err == nil {
		t.Error("a placeholder was read as a token")
	}
}
