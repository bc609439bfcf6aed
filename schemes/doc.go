// Package schemes says what a token contract is: how a request's credential is
// found, who it turns out to be, which endpoints the contract serves itself, and
// how it refuses. Each contract is a folder of its own below.
//
// Its one invariant: no identity is given out longer than it is true. What the store
// revoked is gone from the identity cache before the revocation is answered, or, where
// tokens are another issuer's, is asked at each call.
//
// It may be imported by the schemes and by caddymodule. It imports policies,
// tokenstore and internal packages; the schemes never import one another.
package schemes
