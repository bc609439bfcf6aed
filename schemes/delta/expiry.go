package delta

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/strictjson"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// expiryField is the one field of a request of the credentials API.
const expiryField = "existing_token_expiry_time_in_seconds"

// maxBody is enough for any request of the credentials API, in bytes.
const maxBody = 64 << 10

// longest is as long as the life of any token can be.
const longest = 100 * 365 * 24 * time.Hour

// expiryFrom reads the request's one field. It must be there: left out, an old
// token would silently go on for months.
func expiryFrom(body io.Reader) (time.Duration, *schemes.Refusal) {
	data, err := io.ReadAll(body)
	if err != nil {
		return 0, badExpiry(err)
	}
	fields, err := strictjson.Fields(data)
	if err != nil {
		return 0, badExpiry(err)
	}
	seconds, err := strconv.ParseUint(string(fields[expiryField]), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		seconds, err = math.MaxUint64, nil
	}
	if err != nil {
		return 0, badExpiry(err)
	}
	// Expiry only ever comes nearer, so more than anything is as much as possible.
	return time.Duration(min(seconds, uint64(longest/time.Second))) * time.Second, nil
}

func badExpiry(cause error) *schemes.Refusal {
	return &schemes.Refusal{
		Status: http.StatusBadRequest, Reason: schemes.BadRequest, Cause: cause,
		Public: `Send a JSON object with "` + expiryField + `": a whole number of seconds, 0 or more.`,
	}
}
