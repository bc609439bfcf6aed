package tokenstore

import "strings"

// maxAgentRead is how much of a User-Agent is looked at, in bytes: what is cut out of
// it does not count towards maxUserAgent.
const maxAgentRead = 4 * maxUserAgent

// queryWord begins the word of a User-Agent that Spark's client makes anew for each
// query (delta-sharing, DeltaSharingRestClient: QueryId-1f0c2d3e).
const queryWord = "QueryId-"

// idDigits is how many hexadecimal digits a UUID has (RFC 9562). So many in a row, with
// hyphens or without, are an id that may be another for each query.
const idDigits = 32

// agentOf is what of a User-Agent tells clients apart: all but what one client makes
// anew for each query, and printable. The common case returns its argument.
func agentOf(userAgent string) string {
	s := userAgent[:min(len(userAgent), maxAgentRead)]
	var kept []byte
	from := 0 // s[from:i] is to be kept
	for i := 0; i < len(s); {
		n := 0
		if i == 0 || !isAlphanumeric(s[i-1]) {
			n = perQuery(s[i:])
		}
		if n == 0 {
			i++
			continue
		}
		kept = append(kept, s[from:i]...)
		i += n
		if i < len(s) && s[i] == ' ' && (len(kept) == 0 || kept[len(kept)-1] == ' ') {
			i++ // one of the two spaces around it
		}
		from = i
	}
	if from > 0 {
		s = strings.TrimRight(string(append(kept, s[from:]...)), " ")
	}
	return printable(s)
}

// perQuery is the length of the part at the beginning of a text that is made anew for
// each query; 0: it begins with none.
func perQuery(s string) int {
	if strings.HasPrefix(s, queryWord) {
		if end := strings.IndexByte(s, ' '); end >= 0 {
			return end
		}
		return len(s)
	}
	digits, end := 0, 0
	for ; end < len(s) && (isHex(s[end]) || s[end] == '-' && end > 0); end++ {
		if s[end] != '-' {
			digits++
		}
	}
	if digits < idDigits || end < len(s) && isAlphanumeric(s[end]) {
		return 0
	}
	return end
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
