package schemes

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// bodyTime is how long a client has to send the body of an endpoint of a scheme's own:
// a body that trickles must not keep a call open until what it does is no longer
// allowed.
const bodyTime = 10 * time.Second

// OwnBody bounds the body of a call of an endpoint of a scheme's own, in bytes and
// time.
func OwnBody(w http.ResponseWriter, r *http.Request, limit int64) io.ReadCloser {
	// A writer without deadlines, as in a test, has no client that trickles.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	return http.MaxBytesReader(w, r.Body, limit)
}

// ReadWithin runs read, in which the body of a call is read that goes on to the server
// behind, and ends it if the body has not arrived in that time: late is set then. The bound
// stays after any error. net/http reads the rest of a body before it answers, and without a
// bound it would wait for ever for who does not send it.
func ReadWithin(w http.ResponseWriter, within time.Duration, read func() error) (late bool, err error) {
	// A writer without deadlines, as in a test, has no client that trickles.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(within))
	if err = read(); err == nil {
		_ = control.SetReadDeadline(time.Time{}) // it would end a call whose answer takes longer
	}
	return errors.Is(err, os.ErrDeadlineExceeded), err
}

// Replayed is a body of which something was read: it begins with that, and closes as it
// would have.
type Replayed struct {
	io.Reader
	io.Closer
}
