// Package coordinator serves BitBroker's coordinator API for a site without a BitBroker: users
// and their accesses, entity types and connectors, and policies, in the gateway's own store.
//
// Its one invariant: what it answered is in the store, and every token that it ended is over.
//
// Clients and tests of BitBroker go by its exact answers. What it says of a body is therefore
// said as its library says it, fault by fault and in its order, and what it kept is told in the
// order in which its database gives it back. The files, by what a request is for:
//
//	api.go  routes.go  call.go   the way of a call: its endpoint, its answer
//	id.go                        ids of users, and slugs
//	body.go  value.go            what a body says, as JavaScript has it
//	schema.go  shapes.go         what is wrong with that
//	jsonschema.go  query.go      whether an entity type's schema, a policy's query can be used
//	users.go  promotion.go  accesses.go
//	entities.go  connectors.go
//	policies.go
//	search.go  announcement.go
//
// Four things differ on purpose: ids of users that are none are a 404 on all routes, and a
// webhook that is no text a 400, both a 500 in the original; a search is for a text as it is, not
// for a regular expression; and letters from outside of ASCII are never folded into it.
//
// It may be imported by bitbroker and caddymodule. It imports schemes, tokenstore, internal
// packages and envelope.
package coordinator
