package delta

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// errListing says that the server behind answered a listing that cannot be
// understood. Nothing of it is passed on.
var errListing = errors.New("the listing of the server behind cannot be understood")

// listing filters a listing: visible tells, from an item's own names, whether
// the caller may see it. What is not clearly visible is left out.
type listing struct {
	visible func(item map[string]json.RawMessage) bool
}

// listingFor returns how the answer of a listing endpoint is filtered, or nil if
// the call is for another.
func listingFor(names []string, grants policies.Grants) *listing {
	switch {
	case len(names) == 1 && names[0] == "shares":
		return &listing{func(item map[string]json.RawMessage) bool {
			name, ok := text(item, "name")
			return ok && grants.Allows(privilegeList, name)
		}}
	case len(names) == 3 && names[2] == "schemas":
		return &listing{func(item map[string]json.RawMessage) bool {
			name, ok := text(item, "name")
			return ok && inParent(item, "share", names[1]) && grants.Allows(privilegeList, names[1], name)
		}}
	case len(names) == 3 && names[2] == "all-tables":
		return &listing{func(item map[string]json.RawMessage) bool {
			schema, ok := text(item, "schema")
			name, named := text(item, "name")
			return ok && named && inParent(item, "share", names[1]) && grants.Allows(privilegeRead, names[1], schema, name)
		}}
	case len(names) == 5 && names[2] == "schemas" && names[4] == "tables":
		return &listing{func(item map[string]json.RawMessage) bool {
			name, ok := text(item, "name")
			return ok && inParent(item, "share", names[1]) && inParent(item, "schema", names[3]) &&
				grants.Allows(privilegeRead, names[1], names[3], name)
		}}
	}
	return nil
}

// text returns a member that is a string. Names are taken exactly, as clients do.
func text(item map[string]json.RawMessage, member string) (string, bool) {
	var value string
	raw, ok := item[member]
	if !ok || json.Unmarshal(raw, &value) != nil {
		return "", false
	}
	return value, value != ""
}

// inParent tells whether an item says that it belongs to what the path names, or
// does not say. The reference server echoes the caller's casing.
func inParent(item map[string]json.RawMessage, member, name string) bool {
	if _, ok := item[member]; !ok {
		return true
	}
	value, ok := text(item, member)
	return ok && tokenstore.FoldName(value) == tokenstore.FoldName(name)
}

// rewrite is a schemes.Rewrite. It keeps every member of an item that it does not
// know, and none of the page: a count would tell of what is hidden. The answer always has items, and no page token at the end: an empty one makes
// Spark's reader ask for ever (delta-io/delta-sharing issue 526).
func (l *listing) rewrite(header http.Header, body []byte) ([]byte, error) {
	var page map[string]json.RawMessage
	if err := json.Unmarshal(body, &page); err != nil || page == nil {
		return nil, errors.Join(errListing, err)
	}
	var items []json.RawMessage
	if raw, ok := page["items"]; ok {
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, fmt.Errorf("%w: items: %w", errListing, err)
		}
	}
	kept := make([]map[string]json.RawMessage, 0, len(items))
	for _, raw := range items {
		var item map[string]json.RawMessage
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, fmt.Errorf("%w: an item: %w", errListing, err)
		}
		if l.visible(item) {
			// Not the bytes that came: of a name that they hold twice, only the
			// one that was decided on may go out.
			kept = append(kept, item)
		}
	}
	filtered := map[string]any{"items": kept}
	if token, ok := text(page, "nextPageToken"); ok {
		filtered["nextPageToken"] = token
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	return json.Marshal(filtered)
}

var _ schemes.Rewrite = (*listing)(nil).rewrite
