package password

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Bounds of what a stored hash may ask for. An attempt to sign in costs what the
// account's own hash asks for, and anybody may make attempts: so no hash takes more than
// some eight times what one of the default parameters takes. The recommendation of
// RFC 9106 section 4 for little memory is within: 64 MiB, 3 passes, 4 threads.
const (
	maxMemory         = 64 << 10 // KiB
	maxTime           = 6
	maxThreads        = 4
	maxWork           = 8 * defaultMemory * defaultTime // KiB times passes
	minSalt, maxSalt  = 8, 64
	minKey, maxKey    = 16, 64
	memoryEachThread  = 8 // KiB, the least that RFC 9106 section 3.1 allows
	argon2Version     = "v=19"
	argon2Name        = "argon2id"
	maxPHC            = 256 // bytes; the longest that the bounds allow is shorter
	separator         = "$"
	paramSeparator    = ","
	lengthOfPHCFields = 6 // the first is empty
)

var phcBase64 = base64.RawStdEncoding // PHC strings are not padded

// phc is an argon2id hash in its parts.
type phc struct {
	Params
	salt, key []byte
}

// parsePHC reads "$argon2id$v=19$m=19456,t=2,p=1$salt$key", the PHC string format of
// argon2id. It takes one spelling of each hash: the parameters in this order, numbers
// without leading zeros, nothing optional. Errors are ErrHash.
func parsePHC(text string) (phc, error) {
	if len(text) > maxPHC {
		return phc{}, ErrHash
	}
	fields := strings.Split(text, separator)
	if len(fields) != lengthOfPHCFields || fields[0] != "" || fields[1] != argon2Name || fields[2] != argon2Version {
		return phc{}, ErrHash
	}
	params := strings.Split(fields[3], paramSeparator)
	if len(params) != 3 {
		return phc{}, ErrHash
	}
	memory, ok1 := number(params[0], "m=", maxMemory)
	time, ok2 := number(params[1], "t=", maxTime)
	threads, ok3 := number(params[2], "p=", maxThreads)
	if !ok1 || !ok2 || !ok3 {
		return phc{}, ErrHash
	}
	h := phc{Params: Params{Memory: memory, Time: time, Threads: uint8(threads)}}
	if !h.Params.valid() {
		return phc{}, ErrHash
	}
	var err1, err2 error
	h.salt, err1 = phcBase64.DecodeString(fields[4])
	h.key, err2 = phcBase64.DecodeString(fields[5])
	if err1 != nil || err2 != nil || !within(len(h.salt), minSalt, maxSalt) || !within(len(h.key), minKey, maxKey) {
		return phc{}, ErrHash
	}
	if h.hash().Reveal() != text { // the decoder passes over line breaks and spare bits
		return phc{}, ErrHash
	}
	return h, nil
}

// hash is the inverse of parsePHC.
func (h phc) hash() Hash {
	return Hash(strings.Join([]string{
		"", argon2Name, argon2Version,
		"m=" + strconv.FormatUint(uint64(h.Memory), 10) +
			paramSeparator + "t=" + strconv.FormatUint(uint64(h.Time), 10) +
			paramSeparator + "p=" + strconv.FormatUint(uint64(h.Threads), 10),
		phcBase64.EncodeToString(h.salt), phcBase64.EncodeToString(h.key),
	}, separator))
}

func number(text, name string, most uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(text, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && n >= 1 && n <= uint64(most)
}

func within(n, least, most int) bool { return least <= n && n <= most }
