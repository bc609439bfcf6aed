package coordinator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
)

// Bounds of what a call may say, in bytes: of its body, and of what is kept of it.
const (
	maxBody     = 1 << 20
	maxDocument = 512 << 10 // the store's
)

// malformed is what is wrong with a request, as the caller is told. It is an error.
type malformed []envelope.Fault

func (m malformed) Error() string { return "the body is not as it must be" }

// wrong is malformed, or nil if there is no fault.
func wrong(faults []envelope.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	return malformed(faults)
}

// body reads what a call says. One that is not said to be JSON counts as an empty object, as
// with the middleware that BitBroker reads bodies with. The errors are malformed, and refusals.
func (c *call) body(w http.ResponseWriter) (any, error) {
	h := c.Request.Call.Request.Header
	charset, isJSON := jsonCharset(h.Get("Content-Type"))
	if !isJSON {
		return newObject(), nil
	}
	if charset != "utf-8" {
		return nil, unsupported(errors.New("the charset of the body is not UTF-8"))
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, unsupported(errors.New("the body is compressed"))
	}
	data, err := io.ReadAll(schemes.OwnBody(w, c.Request.Call.Request, maxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return nil, tooLarge(err)
	}
	if err != nil {
		return nil, &schemes.Refusal{Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: err}
	}
	if c.Still != nil {
		if err := c.Still(); err != nil {
			return nil, err
		}
	}
	return parseBody(data)
}

// jsonCharset tells whether a Content-Type is that of JSON, and its charset in lower case.
func jsonCharset(contentType string) (charset string, isJSON bool) {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != "application/json" {
		return "", false
	}
	if charset = strings.ToLower(parameters["charset"]); charset == "" {
		charset = "utf-8"
	}
	return charset, true
}

// parseBody reads a body, which must be a list or an object; an empty one is an empty object.
func parseBody(data []byte) (any, error) {
	if len(data) == 0 {
		return newObject(), nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if start := bytes.TrimLeft(data, " \t\r\n"); len(start) > 0 && start[0] != '{' && start[0] != '[' {
		return nil, syntax(data, len(data)-len(start))
	}
	value, err := parse(data)
	if fault, is := errors.AsType[*json.SyntaxError](err); is {
		if fault.Error() == "unexpected end of JSON input" {
			return nil, syntax(data, len(data))
		}
		return nil, syntax(data, int(fault.Offset)-1)
	}
	if err != nil {
		return nil, malformed{{Name: "syntax", Reason: err.Error()}}
	}
	return value, nil
}

// syntax says where a body stops being JSON, counted as JavaScript counts.
func syntax(data []byte, at int) error {
	reason := "Unexpected end of JSON input"
	if at < len(data) {
		char, _ := utf8.DecodeRune(data[at:])
		before := len(utf16.Encode([]rune(string(data[:at]))))
		reason = fmt.Sprintf("Unexpected token %c in JSON at position %d", char, before)
	}
	return malformed{{Name: "syntax", Reason: reason}}
}

func unsupported(cause error) error {
	return &schemes.Refusal{Status: http.StatusUnsupportedMediaType, Reason: schemes.BadRequest, Cause: cause}
}

func tooLarge(cause error) error {
	return &schemes.Refusal{Status: http.StatusRequestEntityTooLarge, Reason: schemes.BadRequest, Cause: cause}
}
