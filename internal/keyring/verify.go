package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// maxToken bounds a token before anything else looks at it. Servers take
// headers of 16 KiB at most by default, so no larger one could arrive.
const maxToken = 16 << 10

// Verify checks signature and claims of a token and returns its claims. Its
// errors are ErrInvalidToken and ErrUnavailable. It never waits for the issuer:
// a token under an unknown key is refused, and the key fetched for later ones.
// A caller whose ctx has ended gets ErrUnavailable without a signature check.
// An Issuer without an Audience refuses every token: it has VerifyFor only.
func (i *Issuer) Verify(ctx context.Context, token string) (Claims, error) {
	return i.VerifyFor(ctx, token, []string{i.cfg.Audience})
}

// VerifyFor is Verify with audiences of the caller's choice in the place of the
// configured one: the aud claim must contain at least one of them. Empty ones do
// not count, and where none is left, the token is not valid.
func (i *Issuer) VerifyFor(ctx context.Context, token string, audiences []string) (Claims, error) {
	if !slices.ContainsFunc(audiences, func(a string) bool { return a != "" }) {
		return Claims{}, invalid("no audience is accepted")
	}
	raw, err := i.verifySignature(ctx, token)
	if err != nil {
		return Claims{}, err
	}
	c, err := i.checkClaims(raw)
	if err == nil && !slices.ContainsFunc(audiences, c.HasAudience) {
		return Claims{}, invalid("another audience")
	}
	return c, err
}

// VerifyAnyAudience is Verify without a look at the aud claim, which is the caller's
// then: only where the claim is not the one that says for whom a token was made.
func (i *Issuer) VerifyAnyAudience(ctx context.Context, token string) (Claims, error) {
	raw, err := i.verifySignature(ctx, token)
	if err != nil {
		return Claims{}, err
	}
	return i.checkClaims(raw)
}

// verifySignature returns what a token says, which one of the issuer's keys has signed.
func (i *Issuer) verifySignature(ctx context.Context, token string) (jwt.MapClaims, error) {
	if ctx.Err() != nil {
		return nil, ErrUnavailable
	}
	if _, err := checkForm(token); err != nil {
		return nil, err
	}
	raw := jwt.MapClaims{}
	named := true
	_, err := i.parser.ParseWithClaims(token, raw, func(t *jwt.Token) (keys any, err error) {
		keys, named, err = i.keysFor(t)
		return keys, err
	})
	if err != nil {
		if !named {
			i.want()
		}
		return nil, publicError(err)
	}
	return raw, nil
}

// checkForm returns the payload of a token and refuses what parsers could read
// differently from one another, and with it all that is no token. The
// number of dots is counted before anything is split (CVE-2025-30204); exactly
// two also keeps out encrypted tokens, which have four.
func checkForm(token string) (payload []byte, err error) {
	if len(token) > maxToken {
		return nil, invalid("longer than 16 KiB")
	}
	if strings.Count(token, ".") != 2 {
		return nil, invalid("not three parts")
	}
	// Base64 decoders skip line breaks, which would give a token two spellings.
	if strings.ContainsAny(token, "\r\n") {
		return nil, invalid("line break")
	}
	header, rest, _ := strings.Cut(token, ".")
	body, _, _ := strings.Cut(rest, ".")
	for _, part := range []string{header, body} {
		payload, err = base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return nil, invalid("not base64url")
		}
		if !strictObject(payload) {
			return nil, invalid("not a JSON object with distinct names")
		}
	}
	return payload, nil
}

// keysFor returns the keys that may have signed a token. named is false when
// none is certain to be the one meant, so that fresh keys might help. jku, x5u,
// x5c and jwk in the header are never read: a token cannot bring its own key.
func (i *Issuer) keysFor(t *jwt.Token) (_ jwt.VerificationKeySet, named bool, _ error) {
	none := jwt.VerificationKeySet{}
	// RFC 7515, section 4.1.11: an extension that is not understood, and none
	// is, makes the token invalid.
	if _, ok := t.Header["crit"]; ok {
		return none, true, invalid("critical extension")
	}
	if !acceptableType(t.Header["typ"]) {
		return none, true, invalid("another type of token")
	}
	kid := ""
	if given, present := t.Header["kid"]; present && !i.cfg.IgnoreKeyIDs {
		if kid, _ = given.(string); kid == "" {
			return none, true, invalid("key id is not a text")
		}
	}
	set, now := i.keys.Load(), i.cfg.Now()
	if set == nil || now.Sub(set.fetched) > i.cfg.MaxAge {
		return none, true, ErrUnavailable
	}
	keys, named := set.candidates(t.Method.Alg(), kid, now)
	switch {
	case len(keys) == 0:
		return none, named, invalid("unknown key")
	case len(keys) > maxCandidates:
		return none, named, invalid("too many keys to try: its issuer must give keys ids and name them in tokens")
	}
	return jwt.VerificationKeySet{Keys: keys}, named, nil
}

// acceptableType refuses tokens that an issuer signs with the same keys for
// other purposes: logout tokens, proofs of possession (RFC 8725, section 3.11).
func acceptableType(typ any) bool {
	if typ == nil {
		return true
	}
	s, _ := typ.(string)
	switch strings.TrimPrefix(strings.ToLower(s), "application/") {
	case "jwt", "at+jwt": // RFC 7519, RFC 9068
		return true
	}
	return false
}

// reasonError is an ErrInvalidToken with one of this package's fixed reasons.
type reasonError struct{ reason string }

func (e *reasonError) Error() string { return ErrInvalidToken.Error() + ": " + e.reason }
func (e *reasonError) Unwrap() error { return ErrInvalidToken }

func invalid(reason string) error { return &reasonError{reason} }

// Reason returns what an ErrInvalidToken says is wrong with a token, from a fixed set
// of words such as "expired"; "" for every other error.
func Reason(err error) string {
	if own, ok := errors.AsType[*reasonError](err); ok {
		return own.reason
	}
	return ""
}

// publicError drops the texts of the library, which may quote the token.
func publicError(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return ErrUnavailable
	}
	if own, ok := errors.AsType[*reasonError](err); ok {
		return own
	}
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return invalid("malformed")
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return invalid("unknown algorithm")
	default:
		return invalid("wrong signature or algorithm")
	}
}
