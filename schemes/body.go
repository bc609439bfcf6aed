package schemes

import (
	"io"
	"net/http"
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
