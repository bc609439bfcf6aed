// Package headers is the one place for what may enter and leave by request
// headers: it removes what a client must not say, reads credential headers and
// checks the header names that an operator configures.
//
// Its one invariant: after Guard.Clean no header is left that any server behind
// the gateway could read as an identity that the gateway vouches for, as a hop
// of a proxy that is not trusted, or as another method or path than the one that
// was decided on; and nothing that the gateway sets afterwards can be removed by
// the client's Connection header. Names are compared as the loosest server
// compares them, by letters and digits only, because CGI, PHP and others fold
// "X_User", "X.User" and "X-User" into one.
//
// It is pure: no I/O and no goroutines. It imports only the standard library and
// may be imported by caddymodule and by schemes.
package headers
