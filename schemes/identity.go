package schemes

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// Identity is who a credential turned out to be. It is shared between requests
// and must not be changed.
type Identity struct {
	Scheme string
	Realm  string
	// Kind of subject, such as "recipient".
	Kind string
	// Subject is the id that never changes, Name what people call it.
	Subject string
	Name    string
	Roles   []string
	Grants  policies.Grants
	// Accessor is the public id of the token; empty if it has none.
	Accessor string
	// Expiry is when the credential ends; zero: not by itself.
	Expiry time.Time
}

// PolicySubject is what the rules see of an identity; nil is nobody.
func (id *Identity) PolicySubject() policies.Subject {
	if id == nil {
		return policies.Subject{}
	}
	return policies.Subject{Authenticated: true, Kind: id.Kind, Roles: id.Roles, Grants: id.Grants}
}
