// Package pda is the token contract of personal data accounts (Dataswyft PDA, once
// HAT): owners sign in at their account's host and get RS256 tokens, applications get
// tokens of their own, and every answer hands back a fresh one.
//
// Its one invariant: a token is worth what the store says of its family, and its
// account's keys alone say whose it is: what it says of itself decides neither how it
// is checked nor what it may do.
//
// A token has two clocks (claims.go). Its absolute end is fixed at the sign-in and
// never moves; its idle end moves with each refresh. All tokens of a family have one
// id, under which the family is in the store, and can be revoked there at once.
//
// Which route a path is comes from rules.txt, read as a table of routes, also where the
// site has rules of its own: those say only who may.
//
// The files, by what a request is for. Of every call:
//
//	config.go           what a site says of itself
//	scheme.go           the way of a call, and the headers of its answer
//	part.go             what is kept between calls: accounts, sessions, attempts
//	routes.go           its path as the rules know it
//	patterns.go         and the rules of which the code says more
//	explain.go          what it tells of a call that is only explained
//	rules.go            who may call what
//	rules.txt           if the site does not say otherwise
//	furtherdenial.go    and what else that is decided on
//	browser.go          whether another site sent it
//	cors.go             and which other sites may
//	endpoints.go        what a site serves itself
//	errors.go           the wire formats of errors
//	accept.go           who would rather have a page
//
// Of one with a token:
//
//	querytoken.go       a token in the address
//	token.go            reading a stranger's token, and its signature
//	claims.go           what a token says, and whether it still holds
//	identify.go         whose it is, by its family in the store
//	kinds.go            owner, application, service
//	grants.go           what an application may do
//	batch.go            which namespaces a body of many records writes to
//	batchbody.go        reading it, within bounds
//	batchjudge.go       and whether it may
//	users.go            lists of users, without their hashes
//
// Of its answer, which brings a fresh one:
//
//	session.go          the fresh token of a family, signed once per interval
//	signer.go           making one
//	subject.go          its encrypted subject
//	signingkey.go       keys that sign: made, imported, kept
//	keyset.go           keys that verify: as they are published
//
// Of owners and applications:
//
//	signin.go           name and password
//	beginning.go        the family that begins with them, or with another's token
//	password.go         a new password
//	issuing.go          tokens for applications and services; signing out
//	publishing.go       the account's keys, for who verifies tokens
//	applications.go     letting applications in
//	applicationview.go  an application as its owner reads it
//	accounts.go         what operators do with accounts, and their sealed keys
//
// It may be imported by caddymodule. It imports schemes, policies, tokenstore and
// internal packages.
package pda
