package canonpath

import "strings"

// literal holds the bytes that stand for themselves in a canonical path: the
// pchar of RFC 3986, section 3.3, without % and ";" and without "+". A server
// that decodes paths like forms reads "+" as a space but "%2B" as a plus, as
// every other server does, so the plus is sent encoded.
//
// net/url accepts each of these in URL.RawPath, which Path.Apply relies on.
var literal = func() (set [256]bool) {
	const chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*,=:@"
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return set
}()

// encode percent-encodes a decoded path, with capital digits (RFC 3986,
// section 6.2.2.1).
func encode(decoded string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(decoded) + 16)
	for i := range len(decoded) {
		c := decoded[i]
		if literal[c] || c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// unhex returns the value of a byte for which isHex holds.
func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}
