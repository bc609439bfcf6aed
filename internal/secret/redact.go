package secret

import "strings"

const redacted = "REDACTED"

// Redact returns s with everything that looks like a credential replaced by
// "REDACTED": secrets of ours (any case, also cut off after at least 16
// characters of their body), three UUIDs with dots between them, which are a token of a
// BitBroker (the third may be cut off), JSON web tokens, what follows the word Bearer, the
// value of access_token in a query (RFC 6750, section 2.3), and the query of an
// activation link. It rather hides too much than too little.
//
// It is meant for log lines: its time is linear in the length of s, whatever s
// holds, and it does not allocate when there is nothing to hide.
func Redact(s string) string {
	var out strings.Builder
	kept := 0    // s[:kept] is in out
	jwtFrom := 0 // no web token starts before here
	for i := 0; i < len(s); {
		var from, to int // the part to hide; empty when nothing starts at i
		switch s[i] {
		case 'g', 'G':
			from, to = findSecret(s, i)
		case 'e':
			if i >= jwtFrom {
				from, to, jwtFrom = findJWT(s, i)
			}
		case 'a', 'A':
			from, to = findParameter(s, i)
		case 'b', 'B':
			from, to = findBearer(s, i)
		case 'r', 'R':
			from, to = findLinkQuery(s, i)
		case '.':
			from, to = findUUIDs(s, i)
			from = max(from, kept)
		}
		if from == to {
			i++
			continue
		}
		out.WriteString(s[kept:from])
		out.WriteString(redacted)
		kept, i = to, to
	}
	if kept == 0 {
		return s
	}
	out.WriteString(s[kept:])
	return out.String()
}

// Every find function looks at i only and returns the part to hide, or an empty
// one. But for findUUIDs, the part begins at i or later.

const minRedactedBody = 16

func findSecret(s string, i int) (from, to int) {
	for _, k := range kinds {
		if !hasFold(s, i, string(k)) {
			continue
		}
		end := i + kindLen
		for end < len(s) && alphabetIndex[lower(s[end])] != notInSet {
			end++
		}
		if end-i-kindLen >= minRedactedBody {
			return i, end
		}
	}
	return i, i
}

// findJWT finds a signed web token (three parts) or an encrypted one (five) at
// i. next is where the search may go on when there is none: runs of base64url
// that were read need not be read again for each "eyJ" in them.
func findJWT(s string, i int) (from, to, next int) {
	if !strings.HasPrefix(s[i:], "eyJ") {
		return i, i, i + 1
	}
	header := run64(s, i)
	if header == len(s) || s[header] != '.' {
		return i, i, header
	}
	// "keyJar.open.now" is a word, unless what precedes is an escape (%20, \n).
	if header-i < 16 && i > 0 && is64[s[i-1]] && !endsInEscape(s[:i]) {
		return i, i, i + 1
	}
	payload := run64(s, header+1)
	if payload == header+1 || payload == len(s) || s[payload] != '.' {
		return i, i, header
	}
	end := payload
	for end < len(s) && s[end] == '.' {
		end = run64(s, end+1)
	}
	return i, end, end
}

func endsInEscape(s string) bool {
	n := len(s)
	return n >= 2 && s[n-2] == '\\' || n >= 3 && s[n-3] == '%' || n >= 6 && s[n-6:n-4] == `\u`
}

func findBearer(s string, i int) (from, to int) {
	const word = "bearer"
	if !hasFold(s, i, word) {
		return i, i
	}
	start := i + len(word)
	for start < len(s) {
		if s[start] == ' ' || s[start] == '\t' || s[start] == '+' {
			start++
		} else if strings.HasPrefix(s[start:], "%20") {
			start += len("%20")
		} else {
			break
		}
	}
	if start == i+len(word) {
		return i, i
	}
	end := runValue(s, start)
	switch value := s[start:end]; value {
	// A challenge (RFC 6750, section 3) and plain prose hold nothing to hide.
	case "realm=", "scope=", "error=", "error_description=", "error_uri=", "token", "tokens", redacted:
		return i, i
	}
	return start, end
}

// findParameter finds the one query parameter whose value is a credential of
// whatever shape.
func findParameter(s string, i int) (from, to int) {
	const name = "access_token="
	if !hasFold(s, i, name) {
		return i, i
	}
	start := i + len(name)
	end := start
	for end < len(s) && !endsValue[s[end]] && s[end] != '&' {
		end++
	}
	if s[start:end] == redacted {
		return i, i
	}
	return start, end
}

// uuidLength is that of a UUID (RFC 9562), in bytes.
const uuidLength = 36

// findUUIDs finds three UUIDs with dots between them, of which i is the first. It begins at
// the dot, so that what is hexadecimal in front of it need not be read for each digit.
func findUUIDs(s string, i int) (from, to int) {
	second := i + 1 + uuidLength
	if i < uuidLength || second >= len(s) || s[second] != '.' || !isUUID(s[i-uuidLength:i]) || !isUUID(s[i+1:second]) {
		return i, i
	}
	end := second + 1
	for end < len(s) && isHexOrDash[s[end]] {
		end++
	}
	if end == second+1 {
		return i, i
	}
	return i - uuidLength, end
}

// isUUID takes 36 bytes in any case, of any version.
func isUUID(s string) bool {
	for i := range uuidLength {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if (s[i] == '-') != dash || !isHexOrDash[s[i]] {
			return false
		}
	}
	return true
}

var isHexOrDash = byteSet("0123456789abcdefABCDEF-")

func findLinkQuery(s string, i int) (from, to int) {
	const page = "retrieve_config.html?"
	if !hasFold(s, i, page) {
		return i, i
	}
	start := i + len(page)
	return start, runValue(s, start)
}

// hasFold reports whether word, in lower case, stands at i in any case.
func hasFold(s string, i int, word string) bool {
	if len(s)-i < len(word) {
		return false
	}
	for j := range len(word) {
		if lower(s[i+j]) != word[j] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// run64 returns the end of the run of base64url characters at i.
func run64(s string, i int) int {
	for i < len(s) && is64[s[i]] {
		i++
	}
	return i
}

var is64 = byteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

// runValue returns the end of a value at i: white space, a quote or what else
// ends a value in a log line. A credential of another system may hold any other
// character.
func runValue(s string, i int) int {
	for i < len(s) && !endsValue[s[i]] {
		i++
	}
	return i
}

var endsValue = byteSet(" \t\r\n\v\f\x00\"'`\\<>")

func byteSet(chars string) (t [256]bool) {
	for i := range len(chars) {
		t[chars[i]] = true
	}
	return t
}
