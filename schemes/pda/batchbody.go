package pda

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// readBatch reads the body of a request whole and puts the same bytes back, so that what
// is forwarded is what is checked. limit is in bytes. A body that says to be encoded, in
// any way but UTF-8, is refused: the server behind might read another text out of it. The
// error is a *schemes.Refusal; what was read is lost then. w may be one without deadlines.
func readBatch(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	switch {
	case r.ContentLength > limit:
		return nil, batchTooLarge()
	case isEncoded(r.Header):
		return nil, &schemes.Refusal{
			Status: http.StatusUnsupportedMediaType, Reason: schemes.BadRequest,
			Public: "Send the batch as plain JSON in UTF-8, without Content-Encoding.",
		}
	case r.Body == nil:
		return nil, nil
	}
	var body []byte
	late, err := schemes.ReadWithin(w, batchTime, func() (err error) {
		if body, err = io.ReadAll(io.LimitReader(r.Body, limit+1)); int64(len(body)) > limit {
			return errTooLarge
		}
		return err
	})
	switch {
	case late:
		return nil, &schemes.Refusal{
			Status: http.StatusRequestTimeout, Reason: schemes.BadRequest, Cause: err, Public: "The batch did not arrive in time.",
		}
	case errors.Is(err, errTooLarge):
		return nil, batchTooLarge()
	case err != nil:
		return nil, badRequest("The batch did not arrive whole.", err)
	}
	r.Body = schemes.Replayed{Reader: bytes.NewReader(body), Closer: r.Body}
	return body, nil
}

var errTooLarge = errors.New("the batch is too large")

func batchTooLarge() *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusRequestEntityTooLarge, Reason: schemes.BadRequest,
		Public: "The batch is too large to be checked. Send it in parts.",
	}
}

// isEncoded tells whether a body's headers say that its bytes are not its text.
func isEncoded(header http.Header) bool {
	for _, encoding := range header.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(encoding), "identity") {
			return true
		}
	}
	types := header.Values("Content-Type")
	if len(types) == 0 {
		return false
	}
	_, parameters, err := mime.ParseMediaType(types[0])
	charset, said := parameters["charset"]
	return len(types) > 1 || err != nil || said && !strings.EqualFold(charset, "utf-8")
}
