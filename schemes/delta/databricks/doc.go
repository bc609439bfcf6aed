// Package databricks is the administration of recipients over HTTP as Databricks'
// clients speak it: recipients, their links and rotation, permissions on shares,
// federation policies, and the public redemption of activation links.
//
// Its one invariant: nothing is told and nothing is changed without a live admin
// token of the realm, but what the holder of an activation link may do; and a token
// that may only read neither changes anything nor sees a link with which it could
// fetch a recipient's credential.
//
// The files, by what a request is for:
//
//	api.go         the way of a call: route, admin token, answer
//	routes.go      every route there is
//	object.go      what a request's body says
//	pages.go       max_results and page_token
//	errors.go      the one mapping of errors to the wire format
//	recipients.go  recipientview.go   recipients and their rotation
//	permissions.go who has SELECT on which share
//	federation.go  federation policies
//	activation.go  public redemption of activation links
//
// What is served follows the public reference of Databricks' REST API ("Recipients",
// "Shares", "Recipient activation", "Recipient federation policies"). Two things of
// Gatehouse have no counterpart there, and are told without it: grants finer than a
// share, and grants of all shares (see permissions.go).
//
// It may be imported by caddymodule. It imports schemes, schemes/delta, tokenstore,
// web and internal packages.
package databricks
