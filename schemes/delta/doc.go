// Package delta is the token contract of Delta Sharing: recipients with opaque
// bearer tokens that they fetch once through an activation link, rotate and
// revoke through a credentials API, and present to a Delta Sharing server that
// itself knows one global token. A recipient may hold an OAuth client's secret
// instead, for tokens of an hour, or show the tokens of its own identity provider.
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
// Which endpoint of the protocol a path is comes from rules.txt, read as a table of routes,
// also where the site has rules of its own: those say only who may.
//
// The files, by what a request is for:
//
//	config.go          what a site says of itself
//	scheme.go          which area of the site a path belongs to
//	endpoints.go       what a site serves itself
//	activation.go      the link's page, its download, and the one-use JSON
//	activationpage.go  what the page says is shared, and until when
//	publicactivation.go  the same for programs that speak Databricks' REST
//	profile.go         config.share
//	credentialsapi.go  GET, POST and PATCH of the recipient's own credentials
//	expiry.go          the one field of its requests
//	manager.go         who may call that
//	tokens.go          who presented a bearer token, and why it is refused
//	oauth.go           access tokens for OAuth clients
//	importing.go       tokens that were made elsewhere
//	upstreamtoken.go   and who brought the server's own
//	federation.go      tokens of a recipient's own identity provider
//	administrators.go  tokens of those who administer
//	grants.go          what a recipient may see
//	privileges.go      and do
//	grantmistakes.go   grants that were meant otherwise
//	listing.go         which items of a listing those are
//	page.go            a page of the server behind, read strictly
//	members.go         the members of an item of it
//	pagecache.go       pages that come again
//	filled.go          pages of ours, filled from those
//	pagequery.go       what a client asks of a listing
//	pagetoken.go       and how it comes back for the next page
//	asyncquery.go      whose asynchronous query is whose
//	iceberg.go         the Iceberg catalogue: its one question, its errors
//	errors.go          the wire formats of errors
//	recipients.go      what operators do with recipients
//	explain.go         what it tells of a call that is only explained
//	rules.go           who may call what
//	rules.txt          if the site does not say otherwise
//
// It may be imported by caddymodule. It imports schemes, policies, tokenstore,
// web and internal packages.
package delta
