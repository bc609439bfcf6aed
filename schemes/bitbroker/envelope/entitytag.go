package envelope

import (
	"crypto/sha1" //nolint:gosec // an entity tag, as Express makes it
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// entityTag is the weak tag that Express gives a body: its length, in hexadecimal, and 27
// characters of the Base64 of its SHA-1 digest.
func entityTag(body []byte) string {
	if len(body) == 0 { // for which it has one that is written down
		return `W/"0-2jmj7l5rSw0yVb/vlWAYkK/YBwk"`
	}
	digest := sha1.Sum(body) //nolint:gosec // as above
	return fmt.Sprintf(`W/"%x-%s"`, len(body), base64.StdEncoding.EncodeToString(digest[:])[:27])
}

var noCache = regexp.MustCompile(`(?:^|,)\s*?no-cache\s*?(?:,|$)`)

// isFresh tells whether the client has what has the tag (RFC 9110 section 13.1.2), unless it
// asks for a fresh answer all the same.
func isFresh(r *http.Request, tag string) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	named := strings.Join(r.Header.Values("If-None-Match"), ", ")
	if named == "" || noCache.MatchString(strings.Join(r.Header.Values("Cache-Control"), ", ")) {
		return false
	}
	if r.Header.Get("If-Modified-Since") != "" { // an answer without a date is never older
		return false
	}
	if named == "*" {
		return true
	}
	for name := range strings.SplitSeq(named, ",") {
		if strings.TrimPrefix(strings.Trim(name, " "), "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
