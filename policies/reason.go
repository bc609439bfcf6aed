package policies

// Reason says why a Decision is what it is. The values form a fixed set, fit for
// a metric label.
type Reason uint8

// The reasons. The zero Reason denies.
const (
	// NoRule: no pattern matches the path.
	NoRule Reason = iota

	// MethodNotAllowed: patterns match the path, but none for this method.
	MethodNotAllowed

	// NotAuthenticated: a credential is needed, and there is none.
	NotAuthenticated

	// KindMissing: the subject is of another kind.
	KindMissing

	// RoleMissing: the subject has none of the roles.
	RoleMissing

	// GrantMissing: the subject's grants do not allow it.
	GrantMissing

	// ConditionFalse: a rule allows the subject, but what stands behind its when is
	// false.
	ConditionFalse

	// ConditionFailed: a rule allows the subject, but what stands behind its when cannot
	// be answered: it asks for what is not there, or costs too much.
	ConditionFailed

	// AllowedPublic to AllowedGrant: a rule of that class allows it.
	AllowedPublic
	AllowedAuthenticated
	AllowedKind
	AllowedRole
	AllowedGrant
)

var reasonWords = [...]string{
	NoRule:               "no_rule",
	MethodNotAllowed:     "method_not_allowed",
	NotAuthenticated:     "not_authenticated",
	KindMissing:          "kind_missing",
	RoleMissing:          "role_missing",
	GrantMissing:         "grant_missing",
	ConditionFalse:       "condition_false",
	ConditionFailed:      "condition_failed",
	AllowedPublic:        "allowed_public",
	AllowedAuthenticated: "allowed_authenticated",
	AllowedKind:          "allowed_kind",
	AllowedRole:          "allowed_role",
	AllowedGrant:         "allowed_grant",
}

// Allows reports whether the reason is one for allowing.
func (r Reason) Allows() bool { return r >= AllowedPublic && r <= AllowedGrant }

// nearness orders the reasons of alternatives: that of the nearest to allowing is given.
// A caller without credential is told of that first, for with one another might allow.
func (r Reason) nearness() int {
	if r == NotAuthenticated {
		return 2*int(ConditionFailed) + 1
	}
	return 2 * int(r)
}

// String returns the reason in snake_case.
func (r Reason) String() string {
	if int(r) >= len(reasonWords) {
		return "unknown"
	}
	return reasonWords[r]
}
