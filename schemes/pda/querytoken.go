package pda

import (
	"net/http"
	"net/url"
	"strings"
)

// queryToken returns the token of a request's query: the original reads the parameter
// X-Auth-Token, in exactly this case. Unless the site takes it there, one is refused
// rather than passed over: its sender means to be somebody, and logs have it.
func (s *Scheme) queryToken(r *http.Request) (string, error) {
	if r.URL.RawQuery == "" {
		return "", nil
	}
	var token string
	count := 0
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if !isTokenParameter(pair) {
			continue
		}
		_, value, _ := strings.Cut(pair, "=")
		text, err := url.QueryUnescape(value)
		if err != nil {
			return "", badRequest("The token in the query cannot be read.", nil)
		}
		token = text
		count++
	}
	switch {
	case count == 0:
		return "", nil
	case !s.config.QueryTokens:
		return "", badRequest("A token does not belong in the URL. Send it as X-Auth-Token header.", nil)
	case count > 1:
		return "", badRequest("Send one token.", nil)
	}
	return token, nil
}

// isTokenParameter looks at one parameter as it stands in a query. Whatever a server
// behind may take for the name counts, so that nothing of it passes: in any case, and
// behind a semicolon, which some take for an ampersand.
func isTokenParameter(pair string) bool {
	for part := range strings.SplitSeq(pair, ";") {
		name, _, _ := strings.Cut(part, "=")
		if text, err := url.QueryUnescape(name); err == nil && strings.EqualFold(strings.TrimSpace(text), tokenField) {
			return true
		}
	}
	return false
}

// stripQueryToken takes tokens out of what is forwarded. All else of the query stays as
// it came.
func stripQueryToken(u *url.URL) {
	if u.RawQuery == "" {
		return
	}
	var kept []string
	removed := false
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if isTokenParameter(pair) {
			removed = true
			continue
		}
		kept = append(kept, pair)
	}
	if removed {
		u.RawQuery = strings.Join(kept, "&")
	}
}

// carriesToken tells whether an address that a browser came from may hold a token: single
// sign-on hands one over in a URL.
func carriesToken(referer string) bool {
	return strings.Contains(referer, "token=") || strings.Contains(referer, "eyJ") ||
		strings.Contains(strings.ToLower(referer), strings.ToLower(tokenField))
}
