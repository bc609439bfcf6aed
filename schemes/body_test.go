package schemes_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// net/http reads the rest of a body before it answers: without a bound it would wait for
// what does not come, and the client for its answer.
func TestClientThatTricklesGetsItsAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		late, err := schemes.ReadWithin(w, 50*time.Millisecond, func() error {
			_, err := io.Copy(io.Discard, r.Body)
			return err
		})
		if !late || err == nil {
			t.Errorf("late: %v, %v", late, err)
		}
		w.WriteHeader(http.StatusRequestTimeout)
	}))
	defer server.Close()
	for _, length := range []string{"Content-Length: 1000\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"} {
		client, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = client.SetDeadline(time.Now().Add(30 * time.Second)) // patience
		if _, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: example.com\r\n"+length); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || answer.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%q: %v, %v", length, answer, err)
		}
		client.Close()
	}
}

// bounded is a writer that notes the deadline of its connection.
type bounded struct {
	http.ResponseWriter
	deadline time.Time
}

func (b *bounded) SetReadDeadline(deadline time.Time) error {
	b.deadline = deadline
	return nil
}

// It would end a call whose answer takes longer.
func TestBoundOfABodyEndsWithIt(t *testing.T) {
	for _, failure := range []error{nil, errors.New("too large")} {
		w := &bounded{ResponseWriter: httptest.NewRecorder()}
		late, err := schemes.ReadWithin(w, time.Minute, func() error {
			if w.deadline.IsZero() {
				t.Error("it is read without a bound")
			}
			return failure
		})
		if late || !errors.Is(err, failure) || w.deadline.IsZero() != (failure == nil) {
			t.Errorf("%v: late: %v, %v, the bound is %s", failure, late, err, w.deadline)
		}
	}
}
