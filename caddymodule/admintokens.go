package caddymodule

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// tokenView is a token as the admin API shows it; its secret is not known.
type tokenView struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"` // "active", "rotated", "disabled", "expired", "revoked" or "signed out"
	Kind      string     `json:"kind"`   // "bearer token", "client secret", "access token", "token family", or "coordinator token" and the like
	Imported  bool       `json:"imported"`
	Realm     string     `json:"realm"`
	Recipient string     `json:"recipient"` // empty for a token family and for a BitBroker's token
	CreatedAt time.Time  `json:"created_at"`
	IssuedAt  time.Time  `json:"issued_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // none: never
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	LastUsed  *time.Time `json:"last_used_at,omitempty"`
	ClientIP  string     `json:"client_ip,omitempty"`
	UserAgent string     `json:"user_agent,omitempty"`

	// Of a token family.
	Account     string `json:"account,omitempty"` // the host; none: the account was deleted
	AccountID   string `json:"account_id,omitempty"`
	Scope       string `json:"scope,omitempty"`       // "owner", "validate" or "application"
	Application string `json:"application,omitempty"` // whose tokens these are; none: the owner's

	// Of a BitBroker's token.
	Holder string `json:"holder,omitempty"` // a user, with the policy of an access, or entity/connector
	Policy string `json:"policy,omitempty"` // of a consumer's

	Notice string `json:"notice,omitempty"`
}

func viewToken(info tokenstore.TokenInfo) tokenView {
	view := tokenView{
		ID: info.Accessor, Status: info.Status, Realm: info.Realm, Recipient: info.Recipient,
		Kind: info.Kind.String(), Imported: info.Imported, CreatedAt: info.CreatedAt, IssuedAt: info.IssuedAt,
		Holder: info.Holder, Policy: info.Broker.Policy,
		Account: info.Account, Scope: string(info.Family.Scope), Application: info.Family.Application,
		EndedAt: known(info.EndedAt), LastUsed: known(info.Use.At), ClientIP: info.Use.ClientIP, UserAgent: info.Use.UserAgent,
	}
	if info.Kind == tokenstore.FamilyToken {
		view.AccountID = info.Subject
	}
	if !isEndless(&info.Token) {
		view.ExpiresAt = &info.ExpiresAt
	}
	return view
}

func listTokens(app *App, r *http.Request) (any, error) {
	backend, err := app.open(r.Context())
	if err != nil {
		return nil, err
	}
	tokens, next, err := backend.Store.Tokens(r.Context(), r.URL.Query().Get("after"), limitOf(r))
	if err != nil {
		return nil, err
	}
	views := make([]tokenView, len(tokens))
	for i, info := range tokens {
		views[i] = viewToken(info)
	}
	return map[string]any{"tokens": views, "next": next}, nil
}

func showToken(app *App, r *http.Request) (any, error) {
	backend, err := app.open(r.Context())
	if err != nil {
		return nil, err
	}
	info, err := backend.Store.TokenByAccessor(r.Context(), r.PathValue("accessor"))
	if err != nil {
		return nil, app.pendingLink(r, backend.Store, err)
	}
	return viewToken(info), nil
}

func revokeToken(app *App, r *http.Request) (any, error) {
	backend, err := app.open(r.Context())
	if err != nil {
		return nil, err
	}
	info, err := backend.Store.RevokeToken(r.Context(), r.PathValue("accessor"), actor(r))
	if err != nil {
		return nil, app.pendingLink(r, backend.Store, err)
	}
	view := viewToken(info)
	view.Notice = cannotRecall
	if info.Kind == tokenstore.FamilyToken {
		view.Notice = "What was asked for with these tokens has ended too. " + cannotRecallFiles
	}
	return view, nil
}

// revokeAnyRealm ends every token of a realm, of whatever scheme.
func revokeAnyRealm(app *App, r *http.Request) (any, error) {
	realm := r.PathValue("realm")
	if names := app.realmNames(); !slices.Contains(names, realm) {
		slices.Sort(names)
		return nil, fmt.Errorf("%w; the realms are: %s", errUnknownRealm, strings.Join(slices.Compact(names), ", "))
	}
	backend, err := app.open(r.Context())
	if err != nil {
		return nil, err
	}
	return revokeAll(r, backend.Store, realm)
}

func revokeAll(r *http.Request, store *tokenstore.Store, realm string) (any, error) {
	if err := store.RevokeRealm(r.Context(), realm, actor(r)); err != nil {
		return nil, err
	}
	return map[string]string{"revoked_realm": realm, "notice": cannotRecall}, nil
}

// errLinkWaits says that an id is not a token's yet.
var errLinkWaits = errors.New("no token yet, but an activation link that waits")

// maxLinkSearch is how many recipients of a realm are searched for a link by its id:
// a link is found by its code only.
const maxLinkSearch = 100 * pageSize

// pendingLink looks for the id of a token that was not found among the links that
// wait, and returns what is to be told.
func (a *App) pendingLink(r *http.Request, store *tokenstore.Store, err error) error {
	if !errors.Is(err, tokenstore.ErrNotFound) {
		return err
	}
	id := r.PathValue("accessor")
	for _, scheme := range a.schemes() {
		after := ""
		for range maxLinkSearch / pageSize {
			recipients, next, searchErr := store.Recipients(r.Context(), scheme.Realm(), after, pageSize)
			if searchErr != nil {
				return searchErr
			}
			for _, recipient := range recipients {
				if slices.ContainsFunc(recipient.Slots, func(s tokenstore.Slot) bool { return s.Pending && s.Accessor == id }) {
					return fmt.Errorf("%w: %q is for recipient %q of realm %q; its token is made when it is used, and revoking the recipient ends it", errLinkWaits, id, recipient.Name, recipient.Realm)
				}
			}
			if after = next; after == "" {
				break
			}
		}
	}
	return err
}

// auditView is one administrative change.
type auditView struct {
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Action  string    `json:"action"`
	Realm   string    `json:"realm,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Name    string    `json:"name,omitempty"`
	TokenID string    `json:"token_id,omitempty"`
	Detail  string    `json:"detail,omitempty"`
}

func listAudit(app *App, r *http.Request) (any, error) {
	backend, err := app.open(r.Context())
	if err != nil {
		return nil, err
	}
	cursor, err := hex.DecodeString(r.URL.Query().Get("after"))
	if err != nil {
		return nil, fmt.Errorf("%w: after is not a cursor of this list", tokenstore.ErrInvalid)
	}
	entries, next, err := backend.Store.Audit(r.Context(), cursor, limitOf(r))
	if err != nil {
		return nil, err
	}
	views := make([]auditView, len(entries))
	for i, e := range entries {
		views[i] = auditView{e.At, e.Actor, e.Action, e.Realm, e.Subject, e.Name, e.Accessor, e.Detail}
	}
	return map[string]any{"entries": views, "next": hex.EncodeToString(next)}, nil
}
