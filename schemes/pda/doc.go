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
// The files of the tokens themselves:
//
//	claims.go      what a token says, and whether it still holds
//	token.go       reading a stranger's token, and its signature
//	signer.go      making one
//	subject.go     the encrypted subject of a token
//	signingkey.go  keys that sign: made, imported, kept
//	keyset.go      keys that verify: as they are published
//	session.go     the fresh token of a family, signed once per interval
//
// It may be imported by caddymodule. It imports schemes, policies, tokenstore and
// internal packages.
package pda
