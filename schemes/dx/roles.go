package dx

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/keyring"
)

// The kinds of identities.
const (
	kindUser      = "user"       // identity token of one who acts for itself
	kindDelegate  = "delegate"   // identity token of one who acts for another
	kindAAAServer = "aaa-server" // the authorisation server itself
	kindKeycloak  = "keycloak"   // a client of Keycloak
)

// The roles that there are rules for. All others, such as admin, open nothing.
const (
	roleConsumer = "consumer"
	roleProvider = "provider"
)

// delegateRole is the role of a token whose claim drl has the role that counts.
const delegateRole = "delegate"

// actor is who acts by an identity token.
type actor struct {
	// subject is who the token was made for, delegator for whom it acts; empty: for itself.
	subject, delegator string
	role               string
}

// actorOf reads who acts. Case does not count, in users and in roles. The error is a fault.
func actorOf(claims keyring.Claims) (actor, error) {
	var a actor
	var ok bool
	if a.subject, ok = userOf(claims.Subject()); !ok {
		return actor{}, faultSubject
	}
	role, _ := claims.String("role")
	if keyring.SameName(role, delegateRole) {
		delegator, _ := claims.String("did")
		if a.delegator, ok = userOf(delegator); !ok {
			return actor{}, faultNoDelegator
		}
		role, _ = claims.String("drl")
	}
	switch {
	case keyring.SameName(role, roleConsumer):
		a.role = roleConsumer
	case keyring.SameName(role, roleProvider):
		a.role = roleProvider
	default:
		return actor{}, faultRole
	}
	return a, nil
}

// userOf returns a user's id in lower case, and whether the text can be one: AAA has UUIDs,
// and so do the servers behind it. Others are taken as long as they can be cut off, and
// stand in a header. What is not ASCII is refused as it came: in lower case the Kelvin sign
// would be a k.
func userOf(text string) (user string, ok bool) {
	if !isName(text) {
		return "", false
	}
	return strings.ToLower(text), true
}
