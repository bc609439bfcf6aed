// Package services is what a BitBroker asks of its auth service and its rate service, answered
// from the gateway's own store, for a site of its own that only the BitBroker reaches.
//
// Its one invariant: a token that is minted is good for nothing until the gateway has seen
// whose it is.
//
// It may be imported by caddymodule. It imports schemes, tokenstore and internal packages.
package services
