// Command bench measures the gateway side by side with bare Caddy: the same binary,
// once with a gate before `reverse_proxy` and once without, before the same upstream.
//
//	cd bench && go run . [-rounds 5] [-requests 10000] [-tokens 1000000] [-markdown]
//
// It ends by itself, listens on 127.0.0.1 only, and leaves nothing behind. What it
// prints first is CPU time of the server's process per request: wall-clock on a busy
// machine says little, and the ratio to bare Caddy in the same minute holds where
// an absolute figure doesn't. Each ratio is the median of the rounds with the
// lowest and the highest beside it.
//
//	main.go      what is measured, in which order
//	site.go      the two Caddyfiles
//	server.go    a running Caddy: CPU time, memory
//	upstream.go  the server behind both
//	load.go      closed-loop load over kept connections
//	work.go      the kinds of requests
//	personal.go  an account, its tokens, and the requests with them
//	market.go    a marketplace, its tokens and rules, and the requests with them
//	broker.go    a BitBroker's consumers, the requests with their tokens, and reissues
//	signin.go    sign-ins, alone and beside data calls
//	bench.go     one run, work by work
//	round.go     one round: bare and gateway, alternating
//	profile.go   CPU profiles of both sides
//	storetool.go filling a store, and measuring it without the gateway
//	report.go    the tables
//
// Invariant: the two sides differ in the gate and in nothing else: the same bytes
// on the same number of connections, in turn, in the same process settings. A
// round in which a single answer is not the expected one fails the run.
//
// Command bench knows the product as a user does. Package store below it is the
// exception that fills stores from inside; see there. Nothing imports this package.
package main
