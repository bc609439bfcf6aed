package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// recipientFilter says which recipients a list shows; all that it says must hold. The
// zero filter shows all.
type recipientFilter struct {
	expiring    time.Duration // all that it can use ends within; 0: whatever ends
	oldInUse    bool          // an old token was used
	within      time.Duration // how long ago at most; 0: ever since its rotation
	unretrieved bool          // an activation link waits
	disabled    bool
}

// Parameters of a list of recipients.
const (
	filterExpiring    = "expiring"
	filterOldInUse    = "old_in_use"
	filterWithin      = "within"
	filterUnretrieved = "unretrieved"
	filterDisabled    = "disabled"
)

// parseFilter reads a filter from a query. What it does not know it refuses: a
// misspelt filter would show all.
func parseFilter(query url.Values) (recipientFilter, error) {
	var (
		f    recipientFilter
		errs = func(name string, err error) error {
			return fmt.Errorf("%w: %s: %w", tokenstore.ErrInvalid, name, err)
		}
	)
	for name := range query {
		var (
			value = query.Get(name)
			err   error
		)
		switch name {
		case "after", "limit":
		case filterExpiring:
			f.expiring, err = positive(value)
		case filterWithin:
			f.within, err = positive(value)
		case filterOldInUse:
			f.oldInUse, err = strconv.ParseBool(value)
		case filterUnretrieved:
			f.unretrieved, err = strconv.ParseBool(value)
		case filterDisabled:
			f.disabled, err = strconv.ParseBool(value)
		default:
			err = fmt.Errorf("there is no such parameter; there are after, limit, %s", strings.Join(
				[]string{filterExpiring, filterOldInUse, filterWithin, filterUnretrieved, filterDisabled}, ", "))
		}
		if err != nil {
			return f, errs(name, err)
		}
	}
	if f.within > 0 && !f.oldInUse {
		return f, errs(filterWithin, fmt.Errorf("it goes with %s", filterOldInUse))
	}
	return f, nil
}

func positive(text string) (time.Duration, error) {
	d, err := caddy.ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is not a time longer than zero", text)
	}
	return d, err
}

func (f recipientFilter) shows(s standing, now time.Time) bool {
	return (f.expiring == 0 || s.expiresWithin(f.expiring, now)) &&
		(!f.oldInUse || s.oldInUse(f.within, now)) &&
		(!f.unretrieved || s.linkWaits) &&
		(!f.disabled || s.disabled)
}

// maxFiltered is how many recipients are looked at for one filtered page. A page may
// be short or empty, and others follow.
const maxFiltered = 20 * pageSize

func listRecipients(app *App, r *http.Request) (any, error) {
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	filter, err := parseFilter(r.URL.Query())
	if err != nil {
		return nil, err
	}
	var (
		views = []recipientView{}
		next  = r.URL.Query().Get("after")
		limit = limitOf(r)
	)
	for seen := 0; seen < maxFiltered && len(views) < limit; {
		overviews, following, err := store.Overviews(r.Context(), realm, next, limit)
		if err != nil {
			return nil, err
		}
		seen, next = seen+len(overviews), following
		now := store.Now()
		for i, o := range overviews {
			if !filter.shows(standingOf(o, now), now) {
				continue
			}
			views = append(views, recipientViewOf(scheme, o, now))
			if len(views) == limit && i < len(overviews)-1 {
				next = o.Recipient.Name
				break
			}
		}
		if next == "" {
			break
		}
	}
	return map[string]any{"recipients": views, "next": next}, nil
}
