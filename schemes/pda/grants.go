package pda

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// The privileges that applications are granted, as operators and rules write them.
const (
	privilegeRead        = "namespace-read"
	privilegeWrite       = "namespace-write"
	privilegeDebit       = "data-debit"
	privilegeCreateDebit = "data-debit-create"
	privilegeFiles       = "manage-files"
	privilegeList        = "application-list"
	privilegeManage      = "application-manage"
	privilegeRetrieve    = "retrieve-application-token"
	privilegePlatform    = "platform"
	privilegeOwner       = "owner"
)

const (
	maxGrants      = 500
	maxGrantLength = 200 // bytes
)

// details says what follows the colon of a grant, by its privilege: what it is called,
// and what it may be. Privileges without one have none.
var details = map[string]struct {
	name  string
	takes func(string) bool
}{
	privilegeRead:        {"namespace", isNamespace},
	privilegeWrite:       {"namespace", isNamespace},
	privilegeDebit:       {"data debit", isID},
	privilegeManage:      {"application", isID},
	privilegeRetrieve:    {"application", isID},
	privilegeFiles:       {"source of files", isSource},
	privilegeCreateDebit: {},
	privilegeList:        {},
	privilegePlatform:    {},
	privilegeOwner:       {},
}

// CheckGrants checks the grants of an application and returns them sorted, each once.
// A grant is a privilege, or privilege:detail: namespace-read:NAMESPACE,
// namespace-write:NAMESPACE, data-debit:ID, data-debit-create, manage-files:SOURCE,
// application-list, application-manage:ID, retrieve-application-token:ID, platform or
// owner. At most 500, of 200 bytes each. They are compared exactly, and none stands for
// several. The error is tokenstore.ErrInvalid.
func CheckGrants(grants []string) ([]string, error) {
	if len(grants) > maxGrants {
		return nil, fmt.Errorf("%w: an application has at most %d grants", tokenstore.ErrInvalid, maxGrants)
	}
	for _, grant := range grants {
		if _, err := parseGrant(grant); err != nil {
			return nil, err
		}
	}
	sorted := slices.Clone(grants)
	slices.Sort(sorted)
	return slices.Compact(sorted), nil
}

// grant is one grant; the detail is empty if its privilege has none.
type grant struct{ privilege, detail string }

func parseGrant(text string) (grant, error) {
	if len(text) > maxGrantLength {
		return grant{}, fmt.Errorf("%w: a grant has at most %d bytes", tokenstore.ErrInvalid, maxGrantLength)
	}
	privilege, detail, colon := strings.Cut(text, ":")
	form, known := details[privilege]
	switch {
	case !known:
		return grant{}, fmt.Errorf("%w: grant %q: there is no such privilege; write namespace-read:NAMESPACE, namespace-write:NAMESPACE, "+
			"data-debit:ID, data-debit-create, manage-files:SOURCE, application-list, application-manage:ID, retrieve-application-token:ID, "+
			"platform or owner", tokenstore.ErrInvalid, text)
	case form.takes == nil && colon:
		return grant{}, fmt.Errorf("%w: grant %q: nothing follows %s", tokenstore.ErrInvalid, text, privilege)
	case form.takes != nil && !colon:
		return grant{}, fmt.Errorf("%w: grant %q: write which %s, as in %s:NAME", tokenstore.ErrInvalid, text, form.name, privilege)
	case detail == "*":
		return grant{}, fmt.Errorf("%w: grant %q: a star would stand for nothing; write a grant for each %s, or owner for all that is the owner's",
			tokenstore.ErrInvalid, text, form.name)
	case form.takes != nil && !form.takes(detail):
		return grant{}, fmt.Errorf("%w: grant %q: that is no %s (namespaces have small letters, digits and hyphens; ids also capitals)",
			tokenstore.ErrInvalid, text, form.name)
	}
	return grant{privilege, detail}, nil
}

// isSource takes the source that a file is said to come from. The server behind gets
// grants as a list with commas: one in a source would begin another grant there.
func isSource(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r == '*' || r == ',' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
}

// grantSet answers the rules for an application. It is never changed once made, so it
// may be shared.
type grantSet struct {
	granted    map[grant]bool
	privileges map[string]bool // granted on anything
}

// newGrants leaves out what is no grant.
func newGrants(grants []string) *grantSet {
	set := &grantSet{granted: make(map[grant]bool, len(grants)), privileges: make(map[string]bool)}
	for _, text := range grants {
		if g, err := parseGrant(text); err == nil {
			set.granted[g] = true
			set.privileges[g.privilege] = true
		}
	}
	return set
}

// Allows implements policies.Grants: the privilege is granted on exactly that resource,
// or on anything if none is given. The owner's grant stands for all but retrieving
// tokens of applications.
func (s *grantSet) Allows(privilege string, resource ...string) bool {
	if s.privileges[privilegeOwner] && privilege != privilegeRetrieve {
		return true
	}
	switch len(resource) {
	case 0:
		return s.privileges[privilege]
	case 1:
		return resource[0] != "" && s.granted[grant{privilege, resource[0]}]
	default:
		return false
	}
}

// isGranted tells whether an identity was granted a privilege. Not every kind has grants.
func isGranted(identity *schemes.Identity, privilege, detail string) bool {
	return identity.Grants != nil && identity.Grants.Allows(privilege, detail)
}

// details returns what a privilege is granted on, sorted.
func (s *grantSet) details(privilege string) []string {
	var all []string
	for g := range s.granted {
		if g.privilege == privilege {
			all = append(all, g.detail)
		}
	}
	slices.Sort(all)
	return all
}

// ownerGrants are the owner's: everything.
var ownerGrants policies.Grants = everything{}

type everything struct{}

func (everything) Allows(string, ...string) bool { return true }
