package keyring

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are the claims of a verified token. They are immutable and may be used
// concurrently. The zero Claims are empty.
type Claims struct {
	raw               jwt.MapClaims
	issuedAt, expires time.Time
}

// Subject returns the sub claim, or "" when there is none.
func (c Claims) Subject() string {
	s, _ := c.String("sub")
	return s
}

// IssuedAt returns the iat claim, or the zero time when there is none (NoExpiry).
func (c Claims) IssuedAt() time.Time { return c.issuedAt }

// ExpiresAt returns the exp claim, without the leeway that Verify grants, or the zero time
// when there is none (NoExpiry).
func (c Claims) ExpiresAt() time.Time { return c.expires }

// Has tells whether there is a claim, whatever it says.
func (c Claims) Has(name string) bool {
	_, ok := c.raw[name]
	return ok
}

// String returns a claim that is a text, and whether it is one.
func (c Claims) String(name string) (string, bool) {
	s, ok := c.raw[name].(string)
	return s, ok
}

// Texts returns a claim that is a text or an array of texts, such as groups. It
// returns nil when there is none, and for everything else: an array with anything
// else in it is as good as absent.
func (c Claims) Texts(name string) []string {
	if s, ok := c.String(name); ok {
		return []string{s}
	}
	list, _ := texts(c.raw[name])
	return list
}

// HasAudience reports whether the token was made for that audience, too. No token
// is made for the empty one.
func (c Claims) HasAudience(audience string) bool { return hasAudience(c.raw["aud"], audience) }

// Scopes returns the scopes granted: those of the claim scope, or of scp when
// there is no scope. Either may be a text with spaces between the scopes (RFC
// 9068, section 2.2.3) or, as some issuers have it, an array of texts. A claim
// of another type grants nothing.
func (c Claims) Scopes() []string {
	value, ok := c.raw["scope"]
	if !ok {
		value = c.raw["scp"]
	}
	if s, ok := value.(string); ok {
		return strings.Fields(s)
	}
	list, _ := texts(value)
	return list
}

// Map returns a copy of all claims, for conditions about them: whole numbers that fit
// are int64, other numbers float64.
func (c Claims) Map() map[string]any {
	m := make(map[string]any, len(c.raw))
	for name, value := range c.raw {
		m[name] = plain(value)
	}
	return m
}

// plain copies a value that was decoded from JSON, without json.Number.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // what is too large for it is infinite
		return f
	case []any:
		list := make([]any, len(v))
		for n, item := range v {
			list[n] = plain(item)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, item := range v {
			m[name] = plain(item)
		}
		return m
	}
	return value
}

// IsNamed tells whether an iss claim has the issuer's name.
func (i *Issuer) IsNamed(iss string) bool {
	return iss == i.cfg.Issuer || i.cfg.FoldIssuer && SameName(iss, i.cfg.Issuer)
}

// SameName tells whether two texts are the same but for the case of the letters A to Z.
// Other letters have none: the Kelvin sign is no k here, as it is to strings.EqualFold.
func SameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if small(a[i]) != small(b[i]) {
			return false
		}
	}
	return true
}

func small(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// checkClaims checks the claims of a token whose signature is right, all but aud.
func (i *Issuer) checkClaims(raw jwt.MapClaims) (Claims, error) {
	if iss, _ := raw["iss"].(string); !i.IsNamed(iss) {
		return Claims{}, invalid("another issuer")
	}
	if sub, ok := raw["sub"]; ok {
		if _, ok := sub.(string); !ok {
			return Claims{}, invalid("subject is not a text")
		}
	}
	now := i.cfg.Now()
	_, ends := raw["exp"]
	endless := !ends && i.cfg.NoExpiry
	expires, ok := numericDate(raw["exp"])
	if !ok && !endless {
		return Claims{}, invalid("no expiry")
	}
	if !endless && !now.Before(expires.Add(i.cfg.Leeway)) {
		return Claims{}, invalid("expired")
	}
	_, dated := raw["iat"]
	issued, ok := numericDate(raw["iat"])
	if !ok && (dated || !endless) {
		return Claims{}, invalid("no time of issue")
	}
	if issued.After(now.Add(i.cfg.Leeway)) {
		return Claims{}, invalid("issued in the future")
	}
	if nbf, ok := raw["nbf"]; ok {
		from, ok := numericDate(nbf)
		if !ok || from.After(now.Add(i.cfg.Leeway)) {
			return Claims{}, invalid("not valid yet")
		}
	}
	return Claims{raw: raw, issuedAt: issued, expires: expires}, nil
}

// hasAudience takes aud as a text or as an array of texts only (RFC 7519,
// section 4.1.3); an array with anything else in it matches nothing, and nothing
// matches the empty text.
func hasAudience(aud any, want string) bool {
	if want == "" {
		return false
	}
	if s, ok := aud.(string); ok {
		return s == want
	}
	list, _ := texts(aud)
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}

func texts(value any) ([]string, bool) {
	items, ok := value.([]any)
	if !ok {
		return nil, false
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// latest is the end of the year 9999. Later times overflow on their way through
// time.Time or do not fit RFC 3339.
const latest = 253402300799

// numericDate reads a NumericDate: a JSON number, after 1970. Zero, negative
// and huge ones, and texts, are what attackers send, not issuers.
func numericDate(value any) (time.Time, bool) {
	n, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := n.Float64()
	if err != nil || !(f >= 1 && f <= latest) {
		return time.Time{}, false
	}
	sec := int64(f)
	return time.Unix(sec, int64((f-float64(sec))*1e9)), true
}
