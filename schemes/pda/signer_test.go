package pda

import (
	"crypto/aes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestSignedTokensAreAccepted(t *testing.T) {
	s := testSigner(t)
	service := ownerClaims()
	service.Scope, service.Resource = "validate", "https://service.example/?a=b&c=<d>"
	bare := ownerClaims()
	bare.Resource = ""
	versionless := applicationClaims()
	versionless.Version = ""
	odd := ownerClaims()
	odd.Issuer = "alice.pda.example:8443"
	for name, c := range map[string]claims{
		"owner": ownerClaims(), "application": applicationClaims(), "service": service, "without resource": bare,
		"application without version": versionless, "issuer with port": odd,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := accept(mustSign(t, s, c), []publicKey{s.public()}, testClock)
			if err != nil || got != c {
				t.Errorf("%+v came back as %+v, %v", c, got, err)
			}
		})
	}
}

func TestTokensAreOfTheContractsShape(t *testing.T) {
	s := testSigner(t)
	const sub = `^1-$`
	for name, tc := range map[string]struct {
		claims claims
		want   string
	}{
		"owner": {ownerClaims(), `{"sub":"` + sub + `","resource":"alice.pda.example","accessScope":"owner","iss":"alice.pda.example","exp":1792592000,"iat":1790000000,"jti":"` + ownerClaims().ID + `"}`},
		"application": {
			applicationClaims(),
			`{"sub":"` + sub + `","application":"notes-dev","applicationVersion":"1.1.0","iss":"alice.pda.example","exp":1792592000,"iat":1790000000,"jti":"` + ownerClaims().ID + `"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			header, payload, signature := parts(t, mustSign(t, s, tc.claims))
			if want := `{"typ":"JWT","alg":"RS256","kid":"` + s.KeyID + `"}`; header != want {
				t.Errorf("header %s, want %s", header, want)
			}
			before, rest, _ := strings.Cut(payload, `"sub":"1-`)
			_, after, _ := strings.Cut(rest, `"`)
			if got := before + `"sub":"` + sub + `"` + after; got != tc.want {
				t.Errorf("payload %s, want %s", got, tc.want)
			}
			if len(signature) != 256 {
				t.Errorf("signature of %d bytes", len(signature))
			}
		})
	}
}

func parts(t *testing.T, token string) (header, payload, signature string) {
	t.Helper()
	var decoded []string
	for part := range strings.SplitSeq(token, ".") {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		decoded = append(decoded, string(text))
	}
	return decoded[0], decoded[1], decoded[2]
}

func TestTheServerBehindDecryptsTheSubject(t *testing.T) {
	s := testSigner(t)
	seen := make(map[string]bool)
	for _, login := range []loginInfo{testLogin, {"bob.pda.example", `b"o\b & <ü>`}, {strings.Repeat("h", 253), strings.Repeat("u", 200)}} {
		for range 3 {
			token, err := s.sign(ownerClaims(), login)
			if err != nil {
				t.Fatal(err)
			}
			_, payload, _ := parts(t, token)
			var claims struct{ Sub string }
			if err := json.Unmarshal([]byte(payload), &claims); err != nil {
				t.Fatal(err)
			}
			if seen[claims.Sub] {
				t.Error("the same vector twice")
			}
			seen[claims.Sub] = true
			if got := decryptSubject(t, "the crypter of the tests", claims.Sub); got != login {
				t.Errorf("%+v came out as %+v", login, got)
			}
		}
	}
}

// decryptSubject reads a subject as the original server does.
func decryptSubject(t *testing.T, crypterText, subject string) loginInfo {
	t.Helper()
	encoded, ok := strings.CutPrefix(subject, "1-")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(raw) < 17 {
		t.Fatalf("%q: %v", subject, err)
	}
	key := sha256.Sum256([]byte(crypterText))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		t.Fatal(err)
	}
	// Counter mode by hand: the vector is the first block, counted up at its end.
	counter, plain := [16]byte(raw[:16]), raw[16:]
	for i := 0; i < len(plain); i += 16 {
		var pad [16]byte
		block.Encrypt(pad[:], counter[:])
		for j := i; j < min(i+16, len(plain)); j++ {
			plain[j] ^= pad[j-i]
		}
		for k := 15; k >= 0; k-- {
			if counter[k]++; counter[k] != 0 {
				break
			}
		}
	}
	if !strings.HasPrefix(string(plain), `{"providerID":"`) {
		t.Fatalf("plain text %q", plain)
	}
	var login loginInfo
	if err := json.Unmarshal(plain, &login); err != nil {
		t.Fatalf("%q: %v", plain, err)
	}
	return login
}

func TestWhatNobodyWouldAcceptIsNotSigned(t *testing.T) {
	s := testSigner(t)
	for name, change := range map[string]func(*claims){
		"no id":                      func(c *claims) { c.ID = "" },
		"an id of another form":      func(c *claims) { c.ID = strings.Repeat("g", 256) },
		"no issuer":                  func(c *claims) { c.Issuer = "" },
		"neither scope nor app":      func(c *claims) { c.Scope = "" },
		"scope and application":      func(c *claims) { c.Application = "notes" },
		"version of no application":  func(c *claims) { c.Version = "1.0.0" },
		"no time of issue":           func(c *claims) { c.IssuedAt = time.Time{} },
		"no end":                     func(c *claims) { c.Expires = time.Time{} },
		"end in 1970":                func(c *claims) { c.Expires = time.Unix(0, 0) },
		"end in the year 10000":      func(c *claims) { c.Expires = time.Unix(latest+1, 0) },
		"not UTF-8":                  func(c *claims) { c.Issuer = "\xff" },
		"resource not UTF-8":         func(c *claims) { c.Resource = "\xff" },
		"resource of nine kilobytes": func(c *claims) { c.Resource = strings.Repeat("r", 9<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			c := ownerClaims()
			change(&c)
			if token, err := s.sign(c, testLogin); err == nil || token != "" {
				t.Errorf("got %q, %v", token, err)
			}
		})
	}
	for name, bad := range map[string]*signer{
		"nil": nil, "empty": {}, "no id of the key": {Key: s.Key, Crypter: s.Crypter}, "no crypter": {KeyID: s.KeyID, Key: s.Key},
		"a small key": {KeyID: "small", Key: smallKey(t), Crypter: s.Crypter},
	} {
		if token, err := bad.sign(ownerClaims(), testLogin); err == nil || token != "" {
			t.Errorf("signer %s: got %q, %v", name, token, err)
		}
	}
	if token, err := s.sign(ownerClaims(), loginInfo{"alice.pda.example", "\xff"}); err == nil || token != "" {
		t.Errorf("user name that is no UTF-8: got %q, %v", token, err)
	}
	if _, err := newCrypter(""); !errors.Is(err, errCrypter) {
		t.Errorf("empty crypter: %v", err)
	}
}

func TestTheLongestTokenIsStillAccepted(t *testing.T) {
	s := testSigner(t)
	longest := ""
	for n := 3000; n < 6000; n += 10 {
		c := ownerClaims()
		c.Resource = strings.Repeat("r", n)
		token, err := s.sign(c, testLogin)
		if err != nil {
			break
		}
		longest = token
		if n < 4900 { // signing takes its time
			n += 100
		}
	}
	if _, err := accept(longest, []publicKey{s.public()}, testClock); err != nil || len(longest) < maxToken-100 {
		t.Errorf("token of %d bytes: %v", len(longest), err)
	}
}

func TestNothingPrintsAKey(t *testing.T) {
	s := testSigner(t)
	var out strings.Builder
	for _, v := range []any{*s, s, s.Crypter, &s.Crypter, struct{ S *signer }{s}, struct{ S signer }{*s}, struct{ s *signer }{s}, []signer{*s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%z"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		fmt.Fprintln(&out, string(text), err)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel)
		zap.New(core).Info("x", zap.Any("v", v), zap.Reflect("r", v))
	}
	sum := sha256.Sum256([]byte("the crypter of the tests"))
	for _, secret := range []string{
		s.Key.D.String(), s.Key.D.Text(16), s.Key.Primes[0].String(), s.Key.Primes[0].Text(16), "the crypter of the tests",
		string(sum[:]), fmt.Sprintf("%x", sum), fmt.Sprintf("%X", sum), strings.Trim(fmt.Sprint(sum), "[]"), base64.StdEncoding.EncodeToString(sum[:]),
	} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("a key is printed, as %.20s…", secret)
		}
	}
	if !strings.Contains(out.String(), hiddenKey) {
		t.Error("nothing was printed at all")
	}
}

func BenchmarkSign(b *testing.B) {
	s, c := testSigner(b), ownerClaims()
	for b.Loop() {
		if _, err := s.sign(c, testLogin); err != nil {
			b.Fatal(err)
		}
	}
}
