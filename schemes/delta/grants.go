package delta

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Privileges, as the rules name them.
const (
	// privilegeList is to see that an object exists: it is granted, by itself or
	// by what holds it, or it holds something that is.
	privilegeList = "list"
	// privilegeRead is to read a table's data and metadata.
	privilegeRead = "read"
)

// maxObjectName is the protocol's limit for names of shares, schemas and tables.
const maxObjectName = 255

// CheckGrant checks the notation of a grant: share, share/schema or
// share/schema/table. Names follow the protocol: up to 255 characters without
// space, slash and control characters, and no dot in schema and table names.
// The error is tokenstore.ErrInvalid.
func CheckGrant(grant string) error {
	parts := strings.Split(grant, "/")
	if len(parts) > 3 {
		return fmt.Errorf("%w: grant %q: write share, share/schema or share/schema/table", tokenstore.ErrInvalid, grant)
	}
	for i, name := range parts {
		if name == "" || utf8.RuneCountInString(name) > maxObjectName || strings.ContainsFunc(name, func(r rune) bool {
			return r == ' ' || unicode.IsControl(r) || r == utf8.RuneError || i > 0 && r == '.'
		}) {
			return fmt.Errorf("%w: grant %q: %s is not a name of the protocol (1 to %d characters, no spaces; no dot in schema and table names)",
				tokenstore.ErrInvalid, grant, [...]string{"share", "schema", "table"}[i], maxObjectName)
		}
	}
	return nil
}

// CheckGrants checks each grant and returns them without those that occur twice.
func CheckGrants(grants []string) ([]string, error) {
	seen := make(map[string]bool, len(grants))
	unique := make([]string, 0, len(grants))
	for _, grant := range grants {
		if err := CheckGrant(grant); err != nil {
			return nil, err
		}
		if folded := tokenstore.FoldName(grant); !seen[folded] {
			seen[folded] = true
			unique = append(unique, grant)
		}
	}
	return unique, nil
}

// grantSet answers the rules: the grants, folded and sorted, so that what is below
// an object stands together. Names are compared without case (protocol, "share,
// schema and table names are case-insensitive"). It is never changed once made, so
// it may be shared; many thousands are kept, so it is one slice.
type grantSet []string

func newGrantSet(grants []string) grantSet {
	set := make(grantSet, len(grants))
	for i, grant := range grants {
		set[i] = tokenstore.FoldName(grant)
	}
	slices.Sort(set)
	return set
}

// Allows implements policies.Grants. The resource is the names of share, schema
// and table, as far as the object has them.
func (s grantSet) Allows(privilege string, resource ...string) bool {
	if len(resource) == 0 || len(resource) > 3 ||
		slices.ContainsFunc(resource, func(name string) bool { return name == "" || strings.Contains(name, "/") }) {
		return false
	}
	object := ""
	for i, name := range resource {
		if i > 0 {
			object += "/"
		}
		object += tokenstore.FoldName(name)
		if _, granted := slices.BinarySearch(s, object); granted {
			return privilege == privilegeRead || privilege == privilegeList
		}
	}
	below := object + "/"
	at, _ := slices.BinarySearch(s, below)
	return privilege == privilegeList && at < len(s) && strings.HasPrefix(s[at], below)
}
