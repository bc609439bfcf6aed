package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// cannotRecallFiles is the honest part of every revocation of an account's tokens.
const cannotRecallFiles = "Signed addresses of files that the data server has already given out cannot be recalled; they end by themselves."

// untilEnabled is the same for what is disabled.
const untilEnabled = "are refused until it is enabled; its tokens stay. " + cannotRecallFiles

// errNoApplication says which of an account and an application there is not.
var errNoApplication = errors.New("no application")

// accountCall finds what a call on a realm's accounts or applications needs.
func accountCall(app *App, r *http.Request) (*pda.Scheme, *tokenstore.Store, string, error) {
	return schemeCall[*pda.Scheme](app, r, pda.Name)
}

// hostCall finds what a call on one account needs; host is in its one spelling.
func hostCall(app *App, r *http.Request) (scheme *pda.Scheme, store *tokenstore.Store, realm, host string, err error) {
	if scheme, store, realm, err = accountCall(app, r); err != nil {
		return nil, nil, "", "", err
	}
	if host, err = canonpath.Host(r.PathValue("host")); err != nil {
		return nil, nil, "", "", tokenstore.ErrNotFound // no account can have it
	}
	return scheme, store, realm, host, nil
}

// accountOrder is what a request says of a new account.
type accountOrder struct {
	Host         string `json:"host"`
	Address      string `json:"address"`
	Username     string `json:"username"`
	UserID       string `json:"user_id"`
	Password     string `json:"password"`
	PasswordHash string `json:"password_hash"` // in place of the password
	// Key and Crypter are those of the server behind, if it checks tokens itself.
	Key     string `json:"key"` // PEM
	Crypter string `json:"crypter_key"`
}

func createAccount(app *App, r *http.Request) (any, error) {
	var said accountOrder
	scheme, _, _, err := accountCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &said); err != nil {
		return nil, err
	}
	if err := cmp.Or(isText("password", said.Password), isText("crypter key", said.Crypter)); err != nil {
		return nil, err
	}
	created, err := scheme.CreateAccount(r.Context(), pda.AccountOrder{
		Host: said.Host, Address: said.Address, Username: said.Username, UserID: said.UserID,
		Password: said.Password, PasswordHash: said.PasswordHash, Key: given(said.Key), Crypter: given(said.Crypter),
	}, actor(r))
	if err != nil {
		return nil, err
	}
	return viewAccountOf(app, r, created.Host)
}

// given is what a request says; nil if it says nothing.
func given(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

// isText refuses a secret that was not UTF-8: JSON has put another character in the place
// of what it could not read, and the owner would be let in with that, or the server
// behind understand no subject.
func isText(name, text string) error {
	if strings.ContainsRune(text, '\uFFFD') {
		return fmt.Errorf("%w: the %s is no text in UTF-8", tokenstore.ErrInvalid, name)
	}
	return nil
}

func showAccount(app *App, r *http.Request) (any, error) {
	_, _, _, host, err := hostCall(app, r)
	if err != nil {
		return nil, err
	}
	return viewAccountOf(app, r, host)
}

func listAccounts(app *App, r *http.Request) (any, error) {
	_, store, realm, err := accountCall(app, r)
	if err != nil {
		return nil, err
	}
	accounts, next, err := store.Accounts(r.Context(), realm, r.URL.Query().Get("after"), limitOf(r))
	if err != nil {
		return nil, err
	}
	registered, err := registeredFor(r.Context(), store, realm, accounts...)
	if err != nil {
		return nil, err
	}
	views := make([]accountView, len(accounts))
	for i, account := range accounts {
		views[i] = viewAccount(account, registered)
	}
	return map[string]any{"accounts": views, "next": next}, nil
}

// updateAccount disables an account, or enables it again: nothing else of one can be
// changed by itself.
func updateAccount(app *App, r *http.Request) (any, error) {
	var change struct {
		Disabled *bool `json:"disabled"`
	}
	_, store, realm, host, err := hostCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &change); err != nil {
		return nil, err
	}
	if change.Disabled == nil {
		return nil, fmt.Errorf("%w: disabled is missing", tokenstore.ErrInvalid)
	}
	if _, err := store.EnableAccount(r.Context(), realm, host, !*change.Disabled, actor(r)); err != nil {
		return nil, err
	}
	view, err := viewAccountOf(app, r, host)
	if *change.Disabled {
		view.Notice = "Its calls " + untilEnabled
	}
	return view, err
}

func setAccountPassword(app *App, r *http.Request) (any, error) {
	var order struct {
		Password string `json:"password"`
	}
	scheme, _, _, host, err := hostCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	if err := isText("password", order.Password); err != nil {
		return nil, err
	}
	if _, err := scheme.SetPassword(r.Context(), host, order.Password, actor(r)); err != nil {
		return nil, err
	}
	view, err := viewAccountOf(app, r, host)
	view.Notice = "All tokens of the account have ended, those of its applications too. " + cannotRecallFiles
	return view, err
}

func revokeAccount(app *App, r *http.Request) (any, error) {
	_, store, realm, host, err := hostCall(app, r)
	if err != nil {
		return nil, err
	}
	if _, err := store.RevokeAccount(r.Context(), realm, host, actor(r)); err != nil {
		return nil, err
	}
	view, err := viewAccountOf(app, r, host)
	view.Notice = "All tokens of the account have ended, those of its applications too; the owner can sign in again. " + cannotRecallFiles
	return view, err
}

func rotateAccountKey(app *App, r *http.Request) (any, error) {
	var order struct {
		Overlap *caddy.Duration `json:"overlap"`
	}
	scheme, _, _, host, err := hostCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	if order.Overlap == nil {
		return nil, fmt.Errorf("%w: overlap is missing: how long tokens of the present key are good, such as \"72h\" or \"0s\"", tokenstore.ErrInvalid)
	}
	if _, err := scheme.RotateKey(r.Context(), host, time.Duration(*order.Overlap), actor(r)); err != nil {
		return nil, err
	}
	view, err := viewAccountOf(app, r, host)
	if *order.Overlap == 0 {
		view.Notice = "Tokens that were signed before are good no more. "
	}
	view.Notice += "Who keeps the account's public key must fetch it again, from /publickey."
	return view, err
}

func deleteAccount(app *App, r *http.Request) (any, error) {
	_, store, realm, host, err := hostCall(app, r)
	if err != nil {
		return nil, err
	}
	account, err := store.DeleteAccount(r.Context(), realm, host, actor(r))
	if err != nil {
		return nil, err
	}
	return map[string]string{"deleted": account.Host, "notice": "What the data server keeps for the account is not touched. " + cannotRecallFiles}, nil
}

// enrolApplication sets an application up on an account, or disables it there.
func enrolApplication(app *App, r *http.Request) (any, error) {
	var change struct {
		Enabled *bool `json:"enabled"`
	}
	_, store, realm, host, err := hostCall(app, r)
	if err != nil {
		return nil, err
	}
	if err := readJSON(r, &change); err != nil {
		return nil, err
	}
	if change.Enabled == nil {
		return nil, fmt.Errorf("%w: enabled is missing", tokenstore.ErrInvalid)
	}
	id := r.PathValue("application")
	_, _, err = store.Enrol(r.Context(), realm, host, id, *change.Enabled, nil, actor(r))
	if errors.Is(err, tokenstore.ErrNotFound) {
		if _, _, _, err = store.AccountByHost(r.Context(), realm, host); err == nil {
			err = fmt.Errorf("realm %q has %w %q", realm, errNoApplication, id)
		}
	}
	if err != nil {
		return nil, err
	}
	view, err := viewAccountOf(app, r, host)
	if !*change.Enabled {
		view.Notice = "The calls of " + id + " on this account " + untilEnabled
	}
	return view, err
}
