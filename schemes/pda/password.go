package pda

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/password"
	"github.com/gatehouse-auth/gatehouse/internal/strictjson"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// maxPasswordBody bounds a request to change the password, in bytes.
const maxPasswordBody = 16 << 10

// servePassword is POST /control/v2/auth/password. It ends all tokens of the account,
// those of applications too, and begins a family for the caller.
func (s *Scheme) servePassword(w http.ResponseWriter, call *schemes.Call) error {
	ctx := call.Request.Context()
	change, err := readPasswordChange(w, call.Request)
	if err != nil {
		return err
	}
	account, b, err := s.currentAccount(ctx, call.Host)
	if err != nil {
		return err
	}
	network := schemes.NetworkOf(call.ClientIP)
	if err := s.checkPassword(ctx, b, account, account.Username, change.present, network); err != nil {
		if refusal := (*schemes.Refusal)(nil); errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized {
			return oldPasswordInvalid()
		}
		return err
	}
	// Only now, when the attempt was counted: judging takes longer than hashing. So a
	// weak new password with a wrong old one is answered 403.
	leave, ok := takeTrusted(b, account, network)
	if !ok {
		return s.limited(0)
	}
	defer leave()
	if weak := password.Check(change.wanted, account.Username, account.Host); weak != nil {
		return weakPassword(weak.Hints)
	}
	hash, err := partOf(b).passwords.Hash(ctx, change.wanted)
	if errors.Is(err, password.ErrBusy) {
		return s.limited(0)
	}
	if err != nil {
		return schemes.Unavailable(err)
	}
	changed, err := b.Store.SetPassword(ctx, s.config.Realm, account.Host, hash, func(now tokenstore.Account) error {
		if now.Password != account.Password || now.ID != account.ID || now.Generation != account.Generation || now.Disabled {
			return tokenstore.ErrStale // somebody else was faster
		}
		return nil
	}, actorOf(call))
	switch {
	case errors.Is(err, tokenstore.ErrStale), errors.Is(err, tokenstore.ErrNotFound):
		call.Renewed = schemes.Credential{}
		return notAuthenticated(schemes.EndedCredential, err)
	case err != nil:
		return schemes.Unavailable(err)
	}
	// The caller's token is over, whatever happens from here.
	call.Renewed = schemes.Credential{}
	held, err := newAccount(b, changed, account.keys)
	if err != nil {
		return schemes.Unavailable(err)
	}
	text, err := s.begin(ctx, b, held, call, tokenstore.NewFamily{
		Scope: tokenstore.OwnerScope, Account: changed.ID, Generation: changed.Generation, Network: network,
	}, claims{Resource: held.issuerFor(call.Request), Scope: kindOwner})
	if err != nil {
		return err
	}
	call.Renewed = schemes.NewCredential(text)
	return s.reply(w, call, message{"Password changed"})
}

type passwordChange struct{ wanted, present string }

// readPasswordChange reads {"newPassword": …, "password": …}.
func readPasswordChange(w http.ResponseWriter, r *http.Request) (passwordChange, error) {
	body, err := io.ReadAll(schemes.OwnBody(w, r, maxPasswordBody))
	if err != nil {
		return passwordChange{}, badRequest("The body cannot be read, or is too long.", err)
	}
	fields, err := strictjson.Fields(body)
	if err != nil {
		return passwordChange{}, badRequest("Send a JSON object with newPassword and password.", err)
	}
	var change passwordChange
	if json.Unmarshal(fields["newPassword"], &change.wanted) != nil || !isText(change.wanted) {
		return change, badRequest("Send a JSON object with newPassword and password.", nil)
	}
	present, ok := fields["password"]
	if !ok || string(present) == "null" {
		return change, oldPasswordMissing()
	}
	if json.Unmarshal(present, &change.present) != nil || !isText(change.present) || len(change.present) > maxCredential {
		return change, badRequest("Send a JSON object with newPassword and password.", nil)
	}
	return change, nil
}

// isText refuses a password that was not Unicode: JSON has put another character in the
// place of what it could not read, such as half a pair of \u escapes, and the owner would
// be let in with that.
func isText(plain string) bool { return !strings.ContainsRune(plain, '\uFFFD') }

// SetPassword gives an account a new password, and ends all its tokens. host is the
// account's. The errors are *WeakPasswordError, and those of the store.
func (s *Scheme) SetPassword(ctx context.Context, host, plain, actor string) (tokenstore.Account, error) {
	b, err := s.open(ctx)
	if err != nil {
		return tokenstore.Account{}, err
	}
	account, _, _, err := b.Store.AccountByHost(ctx, s.config.Realm, host)
	if err != nil {
		return tokenstore.Account{}, err
	}
	hash, err := hashNew(ctx, b, plain, account.Username, account.Host)
	if err != nil {
		return tokenstore.Account{}, err
	}
	return b.Store.SetPassword(ctx, s.config.Realm, host, hash, nil, actor)
}
