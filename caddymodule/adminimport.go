package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/caddymodule/tokenlist"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Bounds of one import: some hundred bytes for each of many recipients.
const (
	maxImportBody = 64 << 20 // bytes
	maxImportRows = 250_000
)

// importView is what became of an import. If there are problems, nothing was stored.
type importView struct {
	Imported int `json:"imported"`
	// Of those that were imported, how many have no grants, and how many no end.
	WithoutGrants int             `json:"without_grants"`
	WithoutEnd    int             `json:"without_end"`
	Known         int             `json:"known"` // were there already, with the same token
	Notices       []importNotice  `json:"notices"`
	Problems      []importProblem `json:"problems"`
	// Warning says that one of the tokens is the data server's own.
	Warning string `json:"warning,omitempty"`
}

// importNotice says that a recipient is there already, and not as the import says.
type importNotice struct {
	Index  int    `json:"index"` // in the request, from 0
	Notice string `json:"notice"`
}

// importProblem is why a recipient of an import cannot be stored. It quotes nothing: a
// token may stand in any place of a list whose columns are mixed up.
type importProblem struct {
	Index int    `json:"index"` // in the request, from 0
	Error string `json:"error"`
}

func importRecipients(app *App, r *http.Request) (any, error) {
	scheme, store, _, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	var (
		orders []delta.Order
		found  = make(map[int]error)
		view   = importView{Notices: []importNotice{}, Problems: []importProblem{}}
	)
	err = readRows(json.NewDecoder(r.Body), func(row tokenlist.Row) {
		order, err := orderOf(row, store.Now())
		if err != nil {
			found[len(orders)] = err // and the order is empty: it is refused, and all others with it
		}
		if order.Imported.Reveal() != "" && scheme.IsUpstreamToken(secret.DigestOf(order.Imported.Reveal())) {
			view.Warning = "Recipient " + row.Name + ": " + isTheServersOwn
		}
		orders = append(orders, order)
	})
	if err != nil {
		return nil, err
	}
	done, passed, problems, err := scheme.Import(r.Context(), orders, actor(r))
	if err != nil && done > 0 {
		return nil, fmt.Errorf("%w (%d of %d recipients are stored: the same import can be sent again)", err, done, len(orders))
	}
	if err != nil {
		return nil, err
	}
	view.Imported, view.Known = done-len(passed), len(passed)
	if len(problems) == 0 {
		view.count(orders, passed)
	}
	for _, problem := range problems {
		cause := problem.Err
		if own := found[problem.Order]; own != nil {
			cause = own
		}
		text := strings.TrimPrefix(cause.Error(), tokenstore.ErrInvalid.Error()+": ")
		view.Problems = append(view.Problems, importProblem{problem.Order, secret.Redact(text)})
	}
	if len(found) > 0 && len(problems) == 0 {
		return nil, errors.New("an import with problems was stored")
	}
	return view, nil
}

// count tells how the orders that were stored will stand, and which of the others were
// to change what is there.
func (v *importView) count(orders []delta.Order, passed []tokenstore.PassedOver) {
	for i, order := range orders {
		if len(passed) > 0 && passed[0].Row == i {
			if differs := passed[0].Differs; len(differs) > 0 {
				v.Notices = append(v.Notices, importNotice{i, fmt.Sprintf(
					"%s is there already with %s; nothing was changed", order.Name, otherWords(differs))})
			}
			passed = passed[1:]
			continue
		}
		if len(order.Grants) == 0 {
			v.WithoutGrants++
		}
		if order.NotAfter.IsZero() {
			v.WithoutEnd++
		}
	}
}

// otherWords says what differs: other grants, another end, another comment.
func otherWords(differs []string) string {
	words := make([]string, len(differs))
	for i, what := range differs {
		if words[i] = "another " + what; what == "grants" {
			words[i] = "other grants"
		}
	}
	return strings.Join(words, " and ")
}

// orderOf is what a row says, or why it cannot be stored.
func orderOf(row tokenlist.Row, now time.Time) (delta.Order, error) {
	if secret.HasKnownPrefix(row.Name) {
		return delta.Order{}, errors.New("the name looks like a token; are the columns mixed up?")
	}
	for i, grant := range row.Grants {
		if delta.CheckGrant(grant) != nil {
			return delta.Order{}, fmt.Errorf("grant %d is not share, share/schema, share/schema/table or *, with privileges after a space or without", i+1)
		}
	}
	order := delta.Order{
		Name: row.Name, Comment: row.Comment, Grants: row.Grants, Imported: schemes.NewCredential(row.Token),
	}
	if row.NotAfter != nil {
		if !row.NotAfter.After(now) {
			return delta.Order{}, errors.New("its end lies in the past")
		}
		order.NotAfter = *row.NotAfter
	}
	return order, nil
}

// readRows reads {"recipients": […]}, one row at a time, strictly.
func readRows(d *json.Decoder, take func(tokenlist.Row)) error {
	d.DisallowUnknownFields()
	for _, want := range []json.Token{json.Delim('{'), "recipients", json.Delim('[')} {
		if got, err := d.Token(); err != nil {
			return badJSON(err)
		} else if got != want {
			return badJSON(errors.New(`send {"recipients": [{"name": …, "token": …}, …]}`))
		}
	}
	rows := 0
	for ; d.More(); rows++ {
		if rows == maxImportRows {
			return badJSON(fmt.Errorf("more than %d recipients; send them in parts", maxImportRows))
		}
		var row tokenlist.Row
		if err := d.Decode(&row); err != nil {
			return badJSON(err)
		}
		take(row)
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if got, err := d.Token(); err != nil {
			return badJSON(err)
		} else if got != want {
			return badJSON(errors.New("something follows the list"))
		}
	}
	if rows == 0 {
		return badJSON(errors.New("there are no recipients in it"))
	}
	return endOf(d)
}
