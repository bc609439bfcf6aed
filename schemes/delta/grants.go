package delta

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// privilegeList is what the rules call the right to see that a share or a schema
// exists: it is granted, by itself or by what holds it, or it holds something that
// is, with any privilege. With a hyphen and a privilege behind it, as in
// list-volumes, it is with that one.
const privilegeList = "list"

// everyShare is the object that stands for all shares, also those to come.
const everyShare = "*"

// maxObjectName is the protocol's limit for names of shares, schemas and tables.
const maxObjectName = 255

// CheckGrant checks the notation of a grant: an object, or an object, one space and
// privileges joined by commas. The object is share, share/schema, share/schema/table
// or * for every share. Names follow the protocol: up to 255 characters without
// space, slash and control characters, and no dot in schema and table names.
// The error is tokenstore.ErrInvalid.
func CheckGrant(grant string) error {
	_, _, err := parseGrant(grant)
	return err
}

// parseGrant returns a grant's object as it is written, and what it gives, without
// what that implies.
func parseGrant(grant string) (object string, given privileges, err error) {
	object, names, named := strings.Cut(grant, " ")
	given = selects
	if named {
		if given, err = parsePrivileges(names); err != nil {
			return "", 0, fmt.Errorf("grant %q: %w", grant, err)
		}
	}
	if object == everyShare {
		return object, given, nil
	}
	parts := strings.Split(object, "/")
	if len(parts) > 3 || parts[0] == everyShare {
		return "", 0, fmt.Errorf("%w: grant %q: write share, share/schema, share/schema/table or %s for every share, and privileges after a space",
			tokenstore.ErrInvalid, grant, everyShare)
	}
	for i, name := range parts {
		if name == "" || utf8.RuneCountInString(name) > maxObjectName || strings.ContainsFunc(name, func(r rune) bool {
			return r == ' ' || unicode.IsControl(r) || r == utf8.RuneError || i > 0 && r == '.'
		}) {
			return "", 0, fmt.Errorf("%w: grant %q: %s is not a name of the protocol (1 to %d characters, no spaces; no dot in schema and table names)",
				tokenstore.ErrInvalid, grant, [...]string{"share", "schema", "table"}[i], maxObjectName)
		}
	}
	return object, given, nil
}

// CheckGrants checks each grant and returns them in one notation, without those
// that occur twice: privileges stand in their order, each once, and not at all if
// they are those of a grant that names none.
func CheckGrants(grants []string) ([]string, error) {
	seen := make(map[string]bool, len(grants))
	unique := make([]string, 0, len(grants))
	for _, grant := range grants {
		object, given, err := parseGrant(grant)
		if err != nil {
			return nil, err
		}
		if given != selects {
			object += " " + given.String()
		}
		if folded := tokenstore.FoldName(object); !seen[folded] {
			seen[folded] = true
			unique = append(unique, object)
		}
	}
	return unique, nil
}

// ObjectOf is the object of a grant, as it is written.
func ObjectOf(grant string) string {
	object, _, _ := strings.Cut(grant, " ")
	return object
}

// IncludesSelect tells whether a grant gives all that one without privileges does.
func IncludesSelect(grant string) bool {
	_, given, err := parseGrant(grant)
	return err == nil && given.closed()&selects == selects
}

// grantSet answers the rules: the grants, folded and sorted, so that what is below
// an object stands together. Names are compared without case (protocol, "share,
// schema and table names are case-insensitive"). Privileges add up over all grants
// that cover an object. It is never changed once made, so it may be shared; many
// thousands are kept, so it is one slice.
type grantSet struct {
	granted    []granted
	everywhere privileges // on every share
	revision   revision
}

// granted is what is given on one object.
type granted struct {
	object string
	given  privileges
}

// revision changes whenever the grants give something else.
type revision [sha256.Size]byte

// newGrantSet leaves out what is no grant.
func newGrantSet(grants []string) *grantSet {
	set := &grantSet{granted: make([]granted, 0, len(grants))}
	for _, grant := range grants {
		object, given, err := parseGrant(grant)
		switch given = given.closed(); {
		case err != nil:
		case object == everyShare:
			set.everywhere |= given
		default:
			set.granted = append(set.granted, granted{tokenstore.FoldName(object), given})
		}
	}
	slices.SortFunc(set.granted, func(a, b granted) int { return strings.Compare(a.object, b.object) })
	merged := set.granted[:0]
	for _, g := range set.granted {
		if last := len(merged) - 1; last >= 0 && merged[last].object == g.object {
			merged[last].given |= g.given
		} else {
			merged = append(merged, g)
		}
	}
	set.granted = merged
	digest := sha256.New()
	_, _ = fmt.Fprintf(digest, "* %d\n", set.everywhere)
	for _, g := range merged {
		_, _ = fmt.Fprintf(digest, "%s %d\n", g.object, g.given)
	}
	digest.Sum(set.revision[:0])
	return set
}

// Allows implements policies.Grants. The resource is the names of share, schema
// and table, as far as the object has them; none asks for the privilege on
// anything at all.
func (s *grantSet) Allows(privilege string, resource ...string) bool {
	if listed, ok := strings.CutPrefix(privilege, privilegeList); ok {
		switch listed, ofOne := strings.CutPrefix(listed, "-"); {
		case ofOne:
			return s.lists(privilegeNamed(listed), resource...)
		case listed == "":
			return s.lists(anything, resource...)
		}
	}
	wanted := privilegeNamed(privilege)
	if len(resource) == 0 {
		return s.any(wanted)
	}
	return s.on(resource...)&wanted != 0
}

// any tells whether one of the privileges is granted on anything.
func (s *grantSet) any(wanted privileges) bool {
	return s.everywhere&wanted != 0 || slices.ContainsFunc(s.granted, func(g granted) bool { return g.given&wanted != 0 })
}

// isEmpty tells whether nothing is granted on anything in the object.
func (s scope) isEmpty() bool { return len(s.granted) == 0 && s.given == 0 }

// on adds up what is granted on an object, by itself or by what holds it.
func (s *grantSet) on(object ...string) privileges {
	if !isObject(object) {
		return 0
	}
	last := len(object) - 1
	return s.in(object[:last]...).on(tokenstore.FoldName(object[last]))
}

// lists tells whether one of the privileges is granted on an object, by itself or
// by what holds it, or on something that it holds.
func (s *grantSet) lists(wanted privileges, object ...string) bool {
	if !isObject(object) {
		return false
	}
	last := len(object) - 1
	return s.in(object[:last]...).lists(wanted, tokenstore.FoldName(object[last]))
}

// scope is the grants as they stand within an object, for looking at much of what
// that holds.
type scope struct {
	granted []granted // on what is in the object
	prefix  int       // the length of the object's name and slash, which these share
	given   privileges
}

// in is the scope of an object; none is that of all shares.
func (s *grantSet) in(object ...string) scope {
	in := scope{granted: s.granted, given: s.everywhere}
	for _, name := range object {
		folded := tokenstore.FoldName(name)
		in.given |= in.itself(folded)
		in.granted = in.below(folded)
		in.prefix += len(folded) + 1
	}
	return in
}

// on adds up what is granted on an object of the scope, by itself or by what holds
// it. The name is folded.
func (s scope) on(folded string) privileges {
	if !isName(folded) {
		return 0
	}
	return s.given | s.itself(folded)
}

// lists is grantSet.lists for an object of the scope.
func (s scope) lists(wanted privileges, folded string) bool {
	return s.on(folded)&wanted != 0 ||
		isName(folded) && slices.ContainsFunc(s.below(folded), func(g granted) bool { return g.given&wanted != 0 })
}

// itself is what is granted on an object by its own name.
func (s scope) itself(folded string) privileges {
	if at, found := s.find(folded); found {
		return s.granted[at].given
	}
	return 0
}

// below is what is granted on what an object holds: it stands together.
func (s scope) below(folded string) []granted {
	folded += "/"
	from, _ := s.find(folded)
	to := from
	for to < len(s.granted) && strings.HasPrefix(s.granted[to].object[s.prefix:], folded) {
		to++
	}
	return s.granted[from:to]
}

func (s scope) find(folded string) (at int, found bool) {
	return slices.BinarySearchFunc(s.granted, folded, func(g granted, folded string) int {
		return strings.Compare(g.object[s.prefix:], folded)
	})
}

// isObject tells whether names can be those of an object.
func isObject(names []string) bool {
	return len(names) >= 1 && len(names) <= 3 && !slices.ContainsFunc(names, func(name string) bool { return !isName(name) })
}

func isName(name string) bool { return name != "" && !strings.Contains(name, "/") }
