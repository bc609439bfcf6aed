// Package bitbroker is the token contract of BitBroker: coordinators, who administer;
// contributors, who bring data by a connector; and consumers, who read it by a policy. Each
// has an API of its own, and one header for the token of all three, x-bbk-auth-token.
//
// Its one invariant: a token is good on the API that it was issued for, for the user, the
// connector or the policy that it was issued for, and only while these are there. Of what was
// rescinded, nothing comes back by making it anew.
//
// The files, by what a request is for:
//
//	config.go      what a site says of itself
//	rules.go       who may call what: the set in rules/, or the site's own
//	scheme.go      the way of a call
//	api.go         which API a path is of, and how it is read
//	credential.go  where the token is, and whether it is looked at
//	identify.go    whose it is
//	earlier.go     tokens that a BitBroker issued before the gateway came
//	endpoints.go   what the gateway answers itself
//	forward.go     what the servers behind learn of the caller
//	part.go        what is kept while the store is open
//	limits.go      how often a consumer may call
//	change.go      what a call has a BitBroker change
//	guards.go      what does not reach it
//	learn.go       what its answers tell
//	explain.go     what is told of a call that is only tried
//	refusals.go    the refusals
//	token.go       tokens
//
// The packages below it serve its answers' format (envelope), the coordinator API of a site
// without a BitBroker (coordinator), and what a BitBroker asks of its auth and rate services
// (services). It may be imported by caddymodule.
package bitbroker
