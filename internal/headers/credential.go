package headers

import (
	"errors"
	"net/http"
	"strings"
)

// ErrRepeated says that a header that may occur once occurs more often. Servers
// differ in which line they read (CVE-2026-26308), so no line is believed.
var ErrRepeated = errors.New("the credential header occurs more than once; send it once")

// Single returns the one line of a header such as Authorization. present is
// false when there is none; a line may be empty. Two lines are ErrRepeated, also
// when they are equal. Only the canonical key counts, never an alias such as
// X_Auth_Token.
func Single(h http.Header, name string) (value string, present bool, err error) {
	lines := h[http.CanonicalHeaderKey(name)]
	switch len(lines) {
	case 0:
		return "", false, nil
	case 1:
		return lines[0], true, nil
	default:
		return "", true, ErrRepeated
	}
}

// Bearer returns the token of an Authorization value with the scheme Bearer, in
// any case: exactly one token68 behind at least one space (RFC 6750, section
// 2.1; RFC 9110, section 11.2). Anything else, such as two values joined by a
// comma, parameters, or another scheme, is not ok.
func Bearer(value string) (token string, ok bool) {
	scheme, rest, found := strings.Cut(value, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	token = strings.TrimLeft(rest, " ")
	if !IsToken68(token) {
		return "", false
	}
	return token, true
}

// IsToken68 tells whether a text can be a bearer token: letters, digits and
// - . _ ~ + /, and only at the end any number of = (RFC 6750, section 2.1, b64token;
// RFC 9110, section 11.2, token68).
func IsToken68(text string) bool {
	body := strings.TrimRight(text, "=")
	for i := range len(body) {
		switch c := body[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return body != ""
}
