// Package delta is the token contract of Delta Sharing: recipients with opaque
// bearer tokens that they fetch once through an activation link, rotate and
// revoke through a credentials API, and present to a Delta Sharing server that
// itself knows one global token.
//
// Its one invariant: the server behind sees its own token and none of the
// caller's, and of its objects a recipient learns only those that are granted:
// an object that is not answers like one that does not exist.
//
// A recipient's credentials go through these states:
//
//	pending ──link used──> active ──newer link made──> rotated ──> ended
//	   │ replaced, expired,   │ expired, revoked                    expired, revoked
//	   └────────> over        └────────────> ended
//
// The files, by what a request is for:
//
//	config.go          what a site says of itself
//	scheme.go          which area of the site a path belongs to
//	activation.go      the link's page, its download, and the one-use JSON
//	body.go            how much a client may send, and how slowly
//	profile.go         config.share
//	credentialsapi.go  GET, POST and PATCH of the recipient's own credentials
//	expiry.go          the one field of its requests
//	manager.go         who may call that
//	tokens.go          who presented a bearer token, and why it is refused
//	grants.go          what a recipient may see
//	listing.go         listings without what is not granted
//	errors.go          the two wire formats of errors
//	recipients.go      what operators do with recipients
//	rules.txt          who may call what
//
// It may be imported by caddymodule. It imports schemes, policies, tokenstore,
// web and internal packages.
package delta
