package main

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/bench/secrets"
)

// work is one kind of request.
type work struct {
	name string
	// limit is the most that the gateway's CPU time may be, as a ratio to that of
	// bare Caddy; 0 for what has no bare counterpart, or depends on how often it is asked.
	limit float64
	// status that the gateway answers. Bare Caddy proxies everything.
	status int
	// small says that it goes to the gateway with the small store.
	small bool
	// to is the gateway that it goes to, if not one with a store of tokens.
	to *server
	// once is how many requests there can be before one is like another; 0: any
	// number. A token that comes twice would be in the identity cache.
	once uint64
	// request makes the n-th request, the same for both sides.
	request func(host string, n uint64) []byte
}

// unknown is added to the number of a token that the store must not have.
const unknown = 1 << 40

// works lists what is measured against bare Caddy. Small is how many tokens the
// small store has, large the large one; federated is a token of the issuer.
func works(small, large uint64, federated string) []work {
	return []work{
		{
			name: "repeated token", limit: 1.10, status: http.StatusOK,
			request: func(host string, _ uint64) []byte { return dataCall(host, secrets.Token(large/2)) },
		},
		{
			name: "another token each time, of " + thousands(large), limit: 1.25, status: http.StatusOK, once: large,
			request: func(host string, n uint64) []byte { return dataCall(host, secrets.Token(n%large)) },
		},
		{
			name: "another token each time, of " + thousands(small), limit: 1.25, status: http.StatusOK, small: true, once: small,
			request: func(host string, n uint64) []byte { return dataCall(host, secrets.Token(n%small)) },
		},
		{
			name: "repeated access token of an OAuth client", limit: 1.10, status: http.StatusOK,
			request: func(host string, _ uint64) []byte { return dataCall(host, secrets.AccessToken()) },
		},
		{
			name: "repeated token of a federated recipient", limit: 1.10, status: http.StatusOK,
			request: func(host string, _ uint64) []byte { return dataCall(host, federated) },
		},
		{
			name: "listing of 500 items, half of them granted", limit: 2, status: http.StatusOK,
			request: func(host string, _ uint64) []byte { return get(host, listingPath, secrets.Token(secrets.Some)) },
		},
		{
			name: "garbage: malformed", limit: 1, status: http.StatusUnauthorized,
			request: func(host string, _ uint64) []byte { return dataCall(host, "faaie590d541265bcab1f2de9813274bf233") },
		},
		{
			name: "garbage: bad checksum", limit: 1, status: http.StatusUnauthorized,
			request: func(host string, n uint64) []byte { return dataCall(host, secrets.BadChecksum(n)) },
		},
		{
			name: "garbage: well-formed, unknown", limit: 1, status: http.StatusUnauthorized,
			request: func(host string, n uint64) []byte { return dataCall(host, secrets.Token(unknown+n)) },
		},
	}
}

// managed is how many recipients can rotate their own credentials.
const managed = 1000

// rotations go through the credentials API; each connection's is another recipient's.
func rotations() work {
	return work{
		name: "rotation", status: http.StatusOK,
		request: func(host string, n uint64) []byte { return rotation(host, secrets.ManagementKey(n%managed)) },
	}
}
