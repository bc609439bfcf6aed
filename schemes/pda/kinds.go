package pda

import "github.com/gatehouse-auth/gatehouse/schemes"

// The kinds of identities.
const (
	kindOwner       = "owner"
	kindApplication = "application"
	// kindService is who holds a token with the scope validate: it proves who the owner
	// is, and opens what any valid token does.
	kindService = "service"
	// kindInactive is an application that the owner has not set up: its token can be
	// validated, and opens nothing.
	kindInactive = "inactive-application"
	// kindDisabled is one that is disabled, on this account or on all of them, or no longer
	// registered; or whose token was asked for with one of such an application. It can be
	// signed out, and no more.
	kindDisabled = "disabled-application"
)

// actsAsOwner tells whether nothing of the account is closed to the identity: it is the
// owner, or an application that was granted what the owner has.
func actsAsOwner(identity *schemes.Identity) bool {
	switch {
	case identity == nil:
		return false
	case identity.Kind == kindOwner:
		return true
	default:
		return identity.Kind == kindApplication && identity.Grants != nil && identity.Grants.Allows(privilegeOwner)
	}
}
