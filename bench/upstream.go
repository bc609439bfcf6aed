package main

import (
	"net"
	"net/http"
)

// startUpstream serves one small answer, that of a table's version, until stopped.
func startUpstream() (address string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Delta-Table-Version", "123")
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write([]byte(`{"version":123}`))
	})}
	go func() { _ = s.Serve(l) }()
	return l.Addr().String(), s.Close, nil
}
