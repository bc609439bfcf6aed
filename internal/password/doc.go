// Package password hashes, verifies and judges the passwords of people.
//
// Its one invariant: whatever strangers send, the memory and the processors that
// passwords cost stay bounded, and a sign-in costs the same whether or not there is
// somebody to sign in. Neither a password nor its hash is ever printed or part of an
// error.
//
// It imports nothing of ours and may be imported by tokenstore, schemes and
// caddymodule.
package password
