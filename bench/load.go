package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// pool is a number of kept connections to one server.
type pool struct {
	address string
	conns   []*conn
}

type conn struct {
	net.Conn
	reader *bufio.Reader
}

func newPool(address string, connections int) (*pool, error) {
	p := &pool{address: address}
	for range connections {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.conns = append(p.conns, &conn{c, bufio.NewReader(c)})
	}
	return p, nil
}

func (p *pool) close() error {
	if p == nil {
		return nil
	}
	var errs []error
	for _, c := range p.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// load is what a run of requests took, as the client saw it.
type load struct {
	wall      time.Duration
	latencies []time.Duration // ascending
}

// quantile returns the latency that a share of the requests did not exceed.
func (l load) quantile(share float64) time.Duration {
	return l.latencies[min(int(share*float64(len(l.latencies))), len(l.latencies)-1)]
}

// run sends the requests numbered first to first+count-1, each connection its next
// as soon as it has the answer to its last, and expects one status.
func (p *pool) run(ctx context.Context, w work, status int, first uint64, count int) (load, error) {
	var (
		running sync.WaitGroup
		taken   atomic.Int64
		failed  atomic.Pointer[error]
		each    = make([][]time.Duration, len(p.conns))
	)
	started := time.Now()
	for i, c := range p.conns {
		running.Go(func() {
			latencies := make([]time.Duration, 0, count)
			for failed.Load() == nil {
				n := taken.Add(1) - 1
				if n >= int64(count) {
					break
				}
				request := w.request(p.address, first+uint64(n))
				sent := time.Now()
				got, err := c.send(request)
				if err == nil && got != status {
					err = fmt.Errorf("%s: answered %d instead of %d", w.name, got, status)
				}
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				latencies = append(latencies, time.Since(sent))
			}
			each[i] = latencies
		})
	}
	running.Wait()
	if err := failed.Load(); err != nil {
		return load{}, *err
	}
	l := load{wall: time.Since(started), latencies: slices.Concat(each...)}
	slices.Sort(l.latencies)
	return l, nil
}

// send sends one request and reads its answer.
func (c *conn) send(request []byte) (status int, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
