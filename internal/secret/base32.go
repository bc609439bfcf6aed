package secret

// Own base32, because encoding/base32 allocates when it decodes and skips line
// breaks, which would give a secret a second spelling.

const (
	randomLen   = 32
	checksumLen = 3
	rawLen      = randomLen + checksumLen
	bodyLen     = rawLen * 8 / 5

	alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	notInSet = 0xff
)

var alphabetIndex = func() (t [256]byte) {
	for i := range t {
		t[i] = notInSet
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

// encode appends the base32 form of src to dst. Bits that do not fill the last
// character are padded with zeros.
func encode(dst, src []byte) []byte {
	var buf uint32
	bits := 0
	for _, b := range src {
		buf = buf<<8 | uint32(b)
		for bits += 8; bits >= 5; bits -= 5 {
			dst = append(dst, alphabet[buf>>(bits-5)&31])
		}
	}
	if bits > 0 {
		dst = append(dst, alphabet[buf<<(5-bits)&31])
	}
	return dst
}

// decodeBody decodes the characters after the kind. It reports false when one
// of them is not in the alphabet. body must be bodyLen long.
func decodeBody(body string) (raw [rawLen]byte, ok bool) {
	var buf uint32
	bits, n := 0, 0
	for i := range len(body) {
		v := alphabetIndex[body[i]]
		if v == notInSet {
			return raw, false
		}
		buf = buf<<5 | uint32(v)
		if bits += 5; bits >= 8 {
			bits -= 8
			raw[n] = byte(buf >> bits)
			n++
		}
	}
	return raw, true
}
