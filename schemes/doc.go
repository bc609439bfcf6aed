// Package schemes says what a token contract is: how a request's credential is
// found, who it turns out to be, which endpoints the contract serves itself, and
// how it refuses. Each contract is a folder of its own below.
//
// Its one invariant: an identity is given out only as of a known revision of
// the store, and no longer than it is true: what the store revoked is gone from
// the identity cache before the revocation is answered.
//
// It may be imported by the schemes and by caddymodule. It imports policies,
// tokenstore and internal packages; the schemes never import one another.
package schemes
