package canonpath

import "errors"

// ErrRefused is what every error of this package is, under errors.Is. A request
// whose path or host gives it is answered with 400 and goes nowhere.
var ErrRefused = errors.New("refused")

// Refusal is the reason for which a path or a host has no single spelling. The
// values form a fixed set, so that they can be compared with errors.Is and used
// as a metric label. A Refusal never holds bytes of the request.
type Refusal string

// The reasons, in the words that String gives.
const (
	NotRooted       Refusal = "not_rooted"
	TooLong         Refusal = "too_long"
	TooManySegments Refusal = "too_many_segments"
	BadEscape       Refusal = "bad_escape"
	DoubleEncoding  Refusal = "double_encoding"
	EncodedSlash    Refusal = "encoded_slash"
	Backslash       Refusal = "backslash"
	Semicolon       Refusal = "semicolon"
	ControlByte     Refusal = "control_byte"
	InvalidUTF8     Refusal = "invalid_utf8"
	DotSegment      Refusal = "dot_segment"
	DoubledSlash    Refusal = "doubled_slash"
	Fragment        Refusal = "fragment"
	ConnectMethod   Refusal = "connect_method"
	BadHost         Refusal = "bad_host"
)

var refusalTexts = map[Refusal]string{
	NotRooted:       "the request target has no path that starts with a slash; send one",
	TooLong:         "the path is longer than 8 KiB; send parameters in the query or the body",
	TooManySegments: "the path has more than 256 segments; send a shorter one",
	BadEscape:       "a percent sign in the path is not followed by two hexadecimal digits; write a literal one as %25",
	DoubleEncoding:  "the path is percent-encoded twice; encode it once",
	EncodedSlash:    "the path holds an encoded slash, which servers read differently; send names without a slash",
	Backslash:       "the path holds a backslash, which some servers read as a slash; send it without",
	Semicolon:       "the path holds a semicolon, which some servers read as the start of parameters; send it without",
	ControlByte:     "the path holds a control character; send it without",
	InvalidUTF8:     "the path is not valid utf-8 after decoding; encode names as utf-8",
	DotSegment:      "the path holds a . or .. segment; resolve it before sending",
	DoubledSlash:    "the path holds two slashes in a row; send one",
	Fragment:        "the request target holds a #; fragments stay with the client, and a literal # is written as %23",
	ConnectMethod:   "the method CONNECT asks for a tunnel, which is not offered here; send an ordinary request",
	BadHost:         "the host is missing or not a host name or address; send the one that the server is known by",
}

// Error tells a person what was wrong and what to send instead.
func (r Refusal) Error() string { return "request refused: " + refusalTexts[r] }

// String returns the reason as a snake_case word of the fixed set.
func (r Refusal) String() string { return string(r) }

// Is reports that every Refusal is ErrRefused.
func (r Refusal) Is(target error) bool { return target == ErrRefused }
