// Package dx is the token contract of DX data exchanges: identity tokens (ES256) of one
// authorisation server, AAA, on the routes of a marketplace or of an access control
// server, each with the roles that may call it; delegates, who have the role of whom they
// act for; AAA's own tokens, and where it is configured Keycloak's, for what AAA asks; and
// the revocation that those servers lack.
//
// Its one invariant: a token that was cut off is refused at the next call, whoever holds
// it: as the user's own or as that of one who acts for the user. A token says which of the
// configured issuers it is of, and nothing else about how it is checked.
//
// The server behind reads tokens again, so they reach it as they came. Who reaches it
// without the gateway has the tokens' whole life.
//
// The files, by what a request is for:
//
//	config.go      what a site says of itself
//	rules.go       who may call what: the sets in rules/, or the site's own
//	vain.go        rules that nobody meets
//	unsigned.go    webhooks that nobody checks
//	scheme.go      the way of a call
//	credential.go  where the token is, and whether it is looked at
//	identify.go    whose it is: AAA's own, or a user's identity token
//	roles.go       who acts by it, and as what
//	keycloak.go    tokens of Keycloak's clients
//	keys.go        the issuers' keys, fetched in the background and kept
//	cutoffs.go     whose tokens are over
//	revocation.go  what AAA calls when a user's are
//	webhook.go     what the payment provider signs
//	memory.go      how much of it is held at a time
//	fault.go       why a credential is refused, as codes
//	errors.go      the wire format of refusals
//
// It may be imported by caddymodule. It imports schemes, policies, tokenstore and
// internal packages.
package dx
