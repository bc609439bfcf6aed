// Package web renders the pages that the gateway shows to a person with an
// activation link.
//
// Its one invariant: a page needs nothing but itself. There is no script, no
// external asset and no style that the policy of SecurityHeaders does not name
// by its hash, and every value from outside is escaped by html/template. So a
// page works without JavaScript, and nothing on it can carry the code away.
//
// It renders and does nothing else: no store, no network, no request. It
// imports nothing of ours; the schemes and caddymodule may import it.
package web
