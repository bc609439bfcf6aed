package headers

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ErrName says that a configured header name cannot be used.
var ErrName = errors.New("header name")

// reserved names headers that belong to the connection, to the message itself or
// to the client's credential; setting one as an identity header would break the
// request or hand out the wrong identity.
var reserved = []string{
	"Authorization", "Proxy-Authorization", "Proxy-Authenticate", "Cookie", "Set-Cookie",
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings",
	"Host", "Content-Length", "Content-Type", "Content-Encoding", "Content-Range", "Expect", "Range", "Accept-Encoding",
	"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
}

// Names returns the configured names of identity headers in canonical form, or
// an error that wraps ErrName for the first that cannot be used. A name is a
// token (RFC 9110, section 5.6.2) of letters, digits and dashes, at most 64
// bytes long; the other characters of a token are refused because many servers
// take them for dashes.
func Names(names []string) ([]string, error) {
	canonical := make([]string, 0, len(names))
	for _, name := range names {
		c := http.CanonicalHeaderKey(name)
		switch {
		case name == "":
			return nil, fmt.Errorf("%w is empty; leave it out", ErrName)
		case len(name) > maxName:
			return nil, fmt.Errorf("%w %.20q… is longer than %d bytes; choose a shorter one", ErrName, name, maxName)
		case strings.IndexFunc(name, func(r rune) bool { return !nameRune(r) }) >= 0 || strings.Trim(name, "-") != name:
			return nil, fmt.Errorf("%w %q may hold only letters, digits and dashes between them; write it as in X-User-Id", ErrName, name)
		case slices.Contains(reserved, c) || slices.Contains(override, c) || slices.Contains(vouched, c) || slices.Contains(spoofed, c):
			return nil, fmt.Errorf("%w %s has a meaning of its own; choose another, such as %sSubject", ErrName, c, Prefix)
		case slices.Contains(canonical, c):
			return nil, fmt.Errorf("%w %s is listed twice; list it once", ErrName, c)
		}
		canonical = append(canonical, c)
	}
	return canonical, nil
}
