package main

import (
	"fmt"
	"net"
	"net/http"
)

// listed is how many items the listing has.
const listed = 500

// startUpstream serves one small answer, that of a table's version, and a listing,
// until stopped.
func startUpstream() (address string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	items := listing()
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == listingPath {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = w.Write(items)
			return
		}
		w.Header().Set("Delta-Table-Version", "123")
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write([]byte(`{"version":123}`))
	})}
	go func() { _ = s.Serve(l) }()
	return l.Addr().String(), s.Close, nil
}

// listing is a page of tables as the reference server writes it; every second one is
// in the schema that is granted.
func listing() []byte {
	page := []byte(`{"items":[`)
	for n := range listed {
		schema := "orders"
		if n%2 == 1 {
			schema = "hidden"
		}
		if n > 0 {
			page = append(page, ',')
		}
		page = fmt.Appendf(page, `{"name":"table_%04d","schema":"%s","share":"sales","shareId":"7f1a3e2c-7b1e-4a6c-9d5b-0a1b2c3d4e5f","id":"0d9f8a76-5b4c-4d3e-8f2a-%012d"}`, n, schema, n)
	}
	return append(page, `]}`...)
}
