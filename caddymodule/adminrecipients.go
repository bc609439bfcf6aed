package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// cannotRecall is the honest part of every revocation.
const cannotRecall = "Pre-signed URLs and temporary credentials that the data server has already given out cannot be recalled; they end by themselves, by default within 1 hour."

// recipientCall finds what a call on a realm's recipients needs.
func recipientCall(app *App, r *http.Request) (*delta.Scheme, *tokenstore.Store, string, error) {
	return schemeCall[*delta.Scheme](app, r, delta.Name)
}

// recipientOrder is what a request says of a new recipient.
type recipientOrder struct {
	Name          string            `json:"name"`
	Comment       string            `json:"comment"`
	Owner         string            `json:"owner"`
	Properties    map[string]string `json:"properties"`
	Auth          string            `json:"auth"`
	Grants        []string          `json:"grants"`
	TokenLifetime caddy.Duration    `json:"token_lifetime"`
	NotAfter      *time.Time        `json:"not_after"`
	Networks      []string          `json:"networks"`
	Limits        limitsView        `json:"limits"`
	ManagementKey bool              `json:"management_key"`
	// Token is a bearer token that the recipient uses already.
	Token string `json:"token"`
}

func (o recipientOrder) order(now time.Time) (delta.Order, error) {
	order := delta.Order{
		Name: o.Name, Comment: o.Comment, Owner: o.Owner, Properties: o.Properties, Grants: o.Grants,
		TokenLifetime: time.Duration(o.TokenLifetime), Networks: o.Networks, Limits: tokenstore.Limits(o.Limits),
		ManagementKey: o.ManagementKey, Imported: schemes.NewCredential(o.Token),
	}
	var err error
	if order.Auth, err = parseAuth(o.Auth); err != nil {
		return delta.Order{}, err
	}
	if o.NotAfter != nil {
		order.NotAfter = *o.NotAfter
		err = validEnd(order.NotAfter, now)
	}
	return order, err
}

// validEnd refuses an end that has come: it would be a mistake, and to end what a
// recipient holds there is revoke.
func validEnd(end, now time.Time) error {
	if end.IsZero() || !end.After(now) {
		return fmt.Errorf("%w: the end lies in the past; revoke or disable ends a recipient's access now", tokenstore.ErrInvalid)
	}
	return nil
}

func createRecipient(app *App, r *http.Request) (any, error) {
	var said recipientOrder
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &said); err != nil {
		return nil, err
	}
	order, err := said.order(store.Now())
	if err != nil {
		return nil, err
	}
	created, err := scheme.Create(r.Context(), order, actor(r))
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), scheme, store, realm, created.Recipient.ID)
	if err != nil {
		return nil, err
	}
	view.ActivationLink, view.LinkExpiresAt = created.Link, known(created.LinkExpires)
	if !created.ManagementKey.IsZero() {
		view.NewManagementKey = created.ManagementKey.Reveal()
	}
	view.Notice = strings.Join(doubts(said.Grants), " ")
	return view, nil
}

func showRecipient(app *App, r *http.Request) (any, error) {
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	return viewRecipient(r.Context(), scheme, store, realm, r.PathValue("name"))
}

// recipientChange is what a request changes of a recipient; what it leaves out stays.
type recipientChange struct {
	NewName       *string           `json:"new_name"`
	Comment       *string           `json:"comment"`
	Owner         *string           `json:"owner"`
	Properties    map[string]string `json:"properties"` // in place of all before
	Grant         []string          `json:"grant"`
	Ungrant       []string          `json:"ungrant"`
	TokenLifetime *caddy.Duration   `json:"token_lifetime"`
	NotAfter      clearableTime     `json:"not_after"` // null: no end
	Networks      *[]string         `json:"networks"`  // in place of all before
	Limits        struct {
		Rate       *int `json:"rate"`
		Burst      *int `json:"burst"`
		Concurrent *int `json:"concurrent"`
	} `json:"limits"` // 0: the site's
	Disabled *bool `json:"disabled"`
}

// clearableTime is a time that a request can set, take away by null, or leave out.
type clearableTime struct {
	said bool
	time.Time
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *clearableTime) UnmarshalJSON(data []byte) error {
	c.said = true
	if string(data) == "null" {
		return nil
	}
	return json.Unmarshal(data, &c.Time)
}

// apply changes the recipient and says for the audit what was changed.
func (c *recipientChange) apply(recipient *tokenstore.Recipient) (detail string, err error) {
	var details []string
	set(&recipient.Name, c.NewName, "name", &details)
	set(&recipient.Comment, c.Comment, "comment", &details)
	set(&recipient.Owner, c.Owner, "owner", &details)
	set(&recipient.TokenLifetime, (*time.Duration)(c.TokenLifetime), "token lifetime", &details)
	set(&recipient.Limits.Rate, c.Limits.Rate, "rate limit", &details)
	set(&recipient.Limits.Burst, c.Limits.Burst, "burst limit", &details)
	set(&recipient.Limits.Concurrent, c.Limits.Concurrent, "concurrent limit", &details)
	set(&recipient.Networks, c.Networks, "networks", &details)
	if c.Properties != nil {
		recipient.Properties = c.Properties
		details = append(details, "properties")
	}
	if c.NotAfter.said {
		recipient.NotAfter = c.NotAfter.Time
		details = append(details, "end")
	}
	if c.Disabled != nil {
		recipient.Disabled = *c.Disabled
		details = append(details, fmt.Sprintf("disabled: %t", *c.Disabled))
	}
	for _, gone := range c.Ungrant {
		at := slices.IndexFunc(recipient.Grants, func(grant string) bool {
			return tokenstore.FoldName(grant) == tokenstore.FoldName(gone)
		})
		if at < 0 {
			return "", fmt.Errorf("%w: %q is not among the recipient's grants: %s", tokenstore.ErrInvalid, gone, strings.Join(recipient.Grants, ", "))
		}
		recipient.Grants = slices.Delete(recipient.Grants, at, at+1)
		details = append(details, "ungranted "+gone)
	}
	if err := delta.CheckNewGrants(c.Grant); err != nil {
		return "", err
	}
	recipient.Grants, err = delta.CheckGrants(append(recipient.Grants, c.Grant...))
	for _, added := range c.Grant {
		details = append(details, "granted "+added)
	}
	return strings.Join(details, "; "), err
}

// set changes a field, if the request says so.
func set[T any](field, said *T, name string, details *[]string) {
	if said != nil {
		*field = *said
		*details = append(*details, name)
	}
}

func updateRecipient(app *App, r *http.Request) (any, error) {
	var change recipientChange
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &change); err != nil {
		return nil, err
	}
	if change.NotAfter.said && !change.NotAfter.IsZero() {
		if err := validEnd(change.NotAfter.Time, store.Now()); err != nil {
			return nil, err
		}
	}
	recipient, err := store.ChangeRecipient(r.Context(), realm, r.PathValue("name"), actor(r), "updateRecipient", change.apply)
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), scheme, store, realm, recipient.ID)
	notices := append(stillGranted(recipient, change.Ungrant), doubts(change.Grant)...)
	if len(change.Ungrant) > 0 || change.Disabled != nil && *change.Disabled {
		notices = append(notices, cannotRecall)
	}
	view.Notice = strings.Join(notices, " ")
	return view, err
}

// stillGranted says what grants that were taken away leave on their objects.
func stillGranted(recipient tokenstore.Recipient, gone []string) []string {
	var notices []string
	for _, grant := range gone {
		object := delta.ObjectOf(grant)
		still := delta.StillOn(recipient.Grants, object)
		if len(still) == 0 {
			continue
		}
		what, grants := object, "grant"
		if object == "*" {
			what = "something"
		} else if !slices.ContainsFunc(still, func(grant string) bool { return len(delta.ObjectOf(grant)) <= len(object) }) {
			what = "something in " + object
		}
		if len(still) > 1 {
			grants = "grants"
		}
		for i := range still {
			still[i] = strconv.Quote(still[i])
		}
		notices = append(notices, fmt.Sprintf("%s may still read %s, by the %s %s.", recipient.Name, what, grants, strings.Join(still, ", ")))
	}
	return notices
}

// doubts says of new grants what may have been meant by them.
func doubts(grants []string) []string {
	var notices []string
	for _, grant := range grants {
		if doubt := delta.Doubt(grant); doubt != "" {
			notices = append(notices, doubt)
		}
	}
	return notices
}

func deleteRecipient(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	recipient, err := store.DeleteRecipient(r.Context(), realm, r.PathValue("name"), actor(r))
	if err != nil {
		return nil, err
	}
	return map[string]string{"deleted": recipient.Name, "notice": cannotRecall}, nil
}

func rotateRecipient(app *App, r *http.Request) (any, error) {
	var order struct {
		OldExpiresIn *caddy.Duration `json:"old_expires_in"`
	}
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	if order.OldExpiresIn == nil {
		return nil, fmt.Errorf("%w: old_expires_in is missing: how long the tokens in use go on, such as \"24h\" or \"0s\"", tokenstore.ErrInvalid)
	}
	name := r.PathValue("name")
	recipient, err := store.Recipient(r.Context(), realm, name)
	if err != nil {
		return nil, err
	}
	if recipient.Auth == tokenstore.Federation {
		return nil, fmt.Errorf("%w: recipient %q presents tokens of its own identity provider, so there is nothing to rotate here; revoke refuses those issued until now", tokenstore.ErrInvalid, recipient.Name)
	}
	link, expires, err := scheme.Rotate(r.Context(), name, time.Duration(*order.OldExpiresIn), actor(r))
	if err != nil {
		return nil, noNewLink(r.Context(), store, recipient, err)
	}
	view, err := viewRecipient(r.Context(), scheme, store, realm, name)
	view.ActivationLink, view.LinkExpiresAt = link, &expires
	return view, err
}

func revokeRecipient(app *App, r *http.Request) (any, error) {
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	recipient, err := store.Revoke(r.Context(), realm, r.PathValue("name"), actor(r))
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), scheme, store, realm, recipient.Name)
	view.Notice = cannotRecall
	if scheme.SelfService(recipient) {
		view.Notice += " The recipient can make itself a new token at the credentials API; disable it to prevent that."
	}
	return view, err
}

func linkRecipient(app *App, r *http.Request) (any, error) {
	var order struct {
		Fresh bool `json:"fresh"`
	}
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	link, expires, err := scheme.Link(r.Context(), name, order.Fresh, actor(r))
	if err != nil {
		return nil, noNewLink(r.Context(), store, tokenstore.Recipient{Realm: realm, Name: name}, err)
	}
	view, err := viewRecipient(r.Context(), scheme, store, realm, name)
	view.ActivationLink, view.LinkExpiresAt = link, &expires
	return view, err
}

// errImportedInUse is tokenstore.ErrTokenInUse of a recipient that fetched nothing.
type errImportedInUse struct{}

func (errImportedInUse) Error() string {
	return "the recipient's imported token is in use; rotate to make a link"
}
func (errImportedInUse) Is(target error) bool { return target == tokenstore.ErrTokenInUse }

// noNewLink says of an error by which a recipient gets no link what to do about it.
func noNewLink(ctx context.Context, store *tokenstore.Store, recipient tokenstore.Recipient, err error) error {
	tooMany := errors.Is(err, tokenstore.ErrTooManyTokens)
	if !tooMany && !errors.Is(err, tokenstore.ErrTokenInUse) {
		return err
	}
	_, live, lookErr := store.Credentials(ctx, recipient.Realm, recipient.Name)
	if lookErr != nil || len(live) == 0 {
		return err
	}
	if !tooMany {
		if newest := live[0]; newest.Token != nil && newest.Token.Imported {
			return errImportedInUse{}
		}
		return err
	}
	var first *tokenstore.Token // of those that were rotated, the one that ends first
	for _, c := range live {
		if c.Rotated() && (first == nil || c.Token.ExpiresAt.Before(first.ExpiresAt)) {
			first = c.Token
		}
	}
	if first == nil {
		return err
	}
	return fmt.Errorf("%w: end the rotated one with `caddy gatehouse token revoke %s`, or wait until %s UTC", err, first.Accessor, when(first.ExpiresAt))
}

func setManagementKey(app *App, r *http.Request) (any, error) {
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	key, err := scheme.NewManagementKey(r.Context(), name, actor(r))
	if err != nil {
		return nil, err
	}
	view, err := viewRecipient(r.Context(), scheme, store, realm, name)
	view.NewManagementKey = key.Reveal()
	return view, err
}

func removeManagementKey(app *App, r *http.Request) (any, error) {
	scheme, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	recipient, err := store.SetManagementKey(r.Context(), realm, r.PathValue("name"), nil, actor(r))
	if err != nil {
		return nil, err
	}
	return viewRecipient(r.Context(), scheme, store, realm, recipient.Name)
}

func revokeRealm(app *App, r *http.Request) (any, error) {
	_, store, realm, err := recipientCall(app, r)
	if err != nil {
		return nil, err
	}
	return revokeAll(r, store, realm)
}
