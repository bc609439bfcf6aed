package databricks

import (
	"encoding/base64"
	"net/url"
	"strconv"
)

// Sizes of pages, in items.
const (
	defaultPage = 100
	maxPage     = 1000
)

// page is which part of a list a call asks for.
type page struct {
	// limit of its items; 0: all, for a caller that names none.
	limit int
	// after is the last name of the page before; empty: from the beginning.
	after string
}

// pageOf reads max_results and page_token. A limit of 0 means the default size; none
// means all that there is, as Databricks has it: who asks without pages takes what
// comes for the whole.
func (c *call) pageOf() (page, error) {
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return page{}, invalid("The query cannot be read.")
	}
	var p page
	if text := query.Get("max_results"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return page{}, invalid("max_results must be a whole number, 0 or more.")
		}
		if p.limit = min(n, maxPage); n == 0 {
			p.limit = defaultPage
		}
	}
	token := query.Get("page_token")
	if token == "" {
		return p, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return page{}, badPageToken()
	}
	after, err := c.sealer.Open(sealed, c.pagesOf())
	if err != nil {
		return page{}, badPageToken()
	}
	p.after = string(after)
	return p, nil
}

func badPageToken() *fault {
	return invalid("page_token is not one of this list. Begin again without it.")
}

// next is the token of the page behind a name; an empty name has none. It is sealed,
// so that a page begins only where another ended.
func (c *call) next(after string) string {
	if after == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(c.sealer.Seal([]byte(after), c.pagesOf()))
}

// pagesOf binds a page token to its list.
func (c *call) pagesOf() []byte {
	return []byte("admin page token\x00" + c.Identity.Realm + "\x00" + c.Path.String())
}

// cut takes a page out of a sorted list. name tells what an item is sorted by.
func cut[T any](all []T, p page, name func(T) string) (items []T, next string) {
	for _, item := range all {
		if name(item) <= p.after {
			continue
		}
		if p.limit > 0 && len(items) == p.limit {
			return items, name(items[len(items)-1])
		}
		items = append(items, item)
	}
	return items, ""
}
