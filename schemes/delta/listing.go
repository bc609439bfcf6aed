package delta

import "github.com/gatehouse-auth/gatehouse/tokenstore"

// listing says which items of a listing a recipient may see. What is not clearly
// visible is left out.
type listing struct {
	grants *grantSet
	// What the path names, folded; empty if it does not.
	share, schema string
	// lists holds for shares and schemas, which are seen with any privilege on
	// something in them; wanted is the privilege that all else is seen with.
	lists  bool
	wanted privileges

	// scope is that of the object whose items are listed; scopes are those of the
	// schemas that the items of a whole share name.
	scope  scope
	scopes map[string]scope
}

// listingFor returns what a listing endpoint shows to a holder of grants, or nil if
// the names are those of another.
func listingFor(names []string, grants *grantSet) *listing {
	l := &listing{grants: grants}
	switch {
	case len(names) == 1 && names[0] == "shares":
		l.lists = true
	case len(names) != 3 && len(names) != 5, names[0] != "shares":
		return nil
	case len(names) == 3 && names[2] == "schemas":
		l.lists = true
	case len(names) == 3 && names[2] == "all-tables":
		l.wanted = discover
	case len(names) == 3 && names[2] == "all-skills":
		l.wanted = skills
	case len(names) == 5 && names[2] == "schemas":
		switch names[4] {
		case "tables":
			l.wanted = discover
		case "volumes":
			l.wanted = volumes
		case "models":
			l.wanted = models
		case "skills":
			l.wanted = skills
		default:
			return nil
		}
		l.schema = tokenstore.FoldName(names[3])
	default:
		return nil
	}
	if len(names) > 1 {
		l.share = tokenstore.FoldName(names[1])
	}
	l.scope = grants.in()
	switch {
	case l.schema != "":
		l.scope = grants.in(l.share, l.schema)
	case l.share != "":
		l.scope = grants.in(l.share)
	}
	return l
}

// visible tells whether the recipient may see an item. It need not say the share and
// schema that the path names, but must not say others.
func (l *listing) visible(i *item) bool {
	switch {
	case i.unclear, l.share != "" && i.saysShare && i.share != l.share, l.schema != "" && i.saysSchema && i.schema != l.schema:
		return false
	case l.lists:
		return l.scope.lists(anything, i.name)
	case l.schema != "":
		return l.scope.on(i.name)&l.wanted != 0
	case !isName(i.schema):
		return false
	}
	within, ok := l.scopes[i.schema]
	if !ok {
		if l.scopes == nil {
			l.scopes = make(map[string]scope)
		}
		within = l.grants.in(l.share, i.schema)
		l.scopes[i.schema] = within
	}
	return within.on(i.name)&l.wanted != 0
}
