package delta

import (
	"fmt"
	"strings"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// CheckNewGrants refuses grants of a share that is called like a privilege: typed
// without quotes, "finance/reports discover" is two grants, and more than was meant. A
// share of such a name is granted with its privileges. Grants that are stored already
// are none of its business. The error is tokenstore.ErrInvalid.
func CheckNewGrants(grants []string) error {
	for _, grant := range grants {
		for _, name := range privilegeNames {
			if strings.EqualFold(grant, name) {
				return fmt.Errorf("%w: %q is a privilege: write it in one argument with its object, as in \"finance/reports %s\"; a share of that name is granted by %q",
					tokenstore.ErrInvalid, grant, name, grant+" "+selects.String())
			}
		}
	}
	return nil
}

// Doubt says what an operator may have meant by a grant that is one of a share whose
// name looks like something else; empty if there is no doubt. Shares may have dots and
// commas in their names, so it is no error.
func Doubt(grant string) string {
	object := ObjectOf(grant)
	if parts := strings.Split(object, "."); len(parts) == 3 && !strings.Contains(object, "/") {
		return fmt.Sprintf("%q is the name of one share. For a table, write %q.", object, strings.Join(parts, "/"))
	}
	if strings.Contains(object, ",") {
		return fmt.Sprintf("In %q the comma is part of a name. Write each grant as an argument of its own.", object)
	}
	return ""
}

// StillOn returns the grants that give something on an object of a grant, or on what
// it holds.
func StillOn(grants []string, object string) []string {
	var still []string
	folded := tokenstore.FoldName(object) + "/"
	for _, grant := range grants {
		other := tokenstore.FoldName(ObjectOf(grant)) + "/"
		if other == everyShare+"/" || folded == everyShare+"/" || strings.HasPrefix(folded, other) || strings.HasPrefix(other, folded) {
			still = append(still, grant)
		}
	}
	return still
}
