package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker"
	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/schemes/pda"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const explainRoute = "POST /gatehouse/explain"

// explainQuery is a request that is to be explained: what, and whose.
type explainQuery struct {
	Method string `json:"method"`
	// Address is a path with its query, or a whole URL.
	Address string `json:"address"`
	// Site, Host, Scheme and Realm choose among several gates.
	Site   string `json:"site,omitempty"`
	Host   string `json:"host,omitempty"`
	Scheme string `json:"scheme,omitempty"`
	Realm  string `json:"realm,omitempty"`
	// ClientIP is where the caller is; empty: not known.
	ClientIP string `json:"client_ip,omitempty"`

	// Who calls, in one of these ways; none: nobody.
	Token     string   `json:"token,omitempty"`
	Recipient string   `json:"recipient,omitempty"`
	Account   string   `json:"account,omitempty"`
	User      string   `json:"user,omitempty"`
	Kind      string   `json:"kind,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	Subject   string   `json:"subject,omitempty"`
}

// explainRequest answers the admin API.
func explainRequest(app *App, r *http.Request) (any, error) {
	var q explainQuery
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	return app.explain(r.Context(), q, false)
}

// badQuery is the error of a query that cannot be answered.
func badQuery(format string, args ...any) error {
	return fmt.Errorf("%w query: "+format, append([]any{tokenstore.ErrInvalid}, args...)...)
}

// check completes a query, and refuses one that says two things.
func (q *explainQuery) check() error {
	ways := 0
	for _, given := range []bool{q.Token != "", q.Recipient != "", q.Account != "", q.User != "", q.Kind != "" || len(q.Roles) > 0 || q.Subject != ""} {
		if given {
			ways++
		}
	}
	switch {
	case !isMethod(q.Method):
		return badQuery("%q is no method such as GET", q.Method)
	case ways > 1:
		return badQuery("a token, a recipient, an account, a user and an identity that is made up exclude each other")
	case len(q.Roles)+len(q.Subject) > 0 && q.Kind == "":
		return badQuery("an identity that is made up has a kind")
	}
	for _, who := range []struct{ name, scheme string }{{q.Recipient, delta.Name}, {q.Account, pda.Name}, {q.User, bitbroker.Name}} {
		if who.name == "" {
			continue
		}
		if q.Scheme != "" && q.Scheme != who.scheme {
			return badQuery("%q is a matter of the scheme %s, not of %s", who.name, who.scheme, q.Scheme)
		}
		q.Scheme = who.scheme
	}
	return nil
}

// isMethod tells whether a text can be a method: a token (RFC 9110 section 5.6.2).
func isMethod(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return text != ""
}

// explain tells what would happen to a request, and why. The request takes the steps of a
// real one, up to the server behind, and leaves no trace: see schemes.Trial. The error
// wraps tokenstore.ErrInvalid if the query is wrong.
func (a *App) explain(ctx context.Context, q explainQuery, offline bool) (*explanation, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	where, err := a.findSite(ctx, &q)
	if err != nil {
		return nil, err
	}
	gate, r := where.gate, where.request
	p := &passage{Gate: gate, call: schemes.Call{Request: r, Trial: &schemes.Trial{Offline: offline}}}
	from, err := p.bring(&q, offline)
	if err != nil {
		return nil, err
	}
	came := r.Header.Clone()
	endpoint, err := p.judge()
	if p.identify != nil && isPortrayed(from) && p.call.Identity == nil {
		// Nobody may have asked who calls: a name that is misspelt must not go unnoticed.
		if _, unknown := p.identify(); errors.Is(unknown, tokenstore.ErrNotFound) {
			err = unknown
		}
	}
	refusal, refused := errors.AsType[*schemes.Refusal](err)
	switch {
	case offline && refused && refusal.Reason == schemes.KeysUnavailable:
		return nil, badQuery("no keys are fetched without a running server: leave --caddyfile out, or make up an identity with --kind")
	case offline && refused && refusal.Reason == schemes.StoreFailed:
		return nil, badQuery("without a running server this cannot be told: %w", cmp.Or(refusal.Cause, err))
	case err != nil && !refused:
		if errors.Is(err, tokenstore.ErrNotFound) || errors.Is(err, tokenstore.ErrInvalid) {
			return nil, badQuery("%s %q is not known in realm %q", from, q.portrayed(), gate.scheme.Realm())
		}
		return nil, err
	}
	e := &explanation{
		Method: q.Method, Site: gate.Site, Scheme: gate.scheme.Name(), Realm: gate.scheme.Realm(), Shadow: gate.Shadow,
		Offline: offline, Rules: []consideredAt{},
	}
	e.tell(p, from, endpoint != nil, err)
	if e.Decision == allowed && e.Endpoint == "" {
		e.tellForwarding(p, came)
	}
	e.note(p, where)
	e.hide(q.Token)
	return e, nil
}

// Where an identity comes from.
const (
	fromNobody    = "nobody"
	fromToken     = "token"
	fromRecipient = "recipient"
	fromAccount   = "account"
	fromUser      = "user"
	fromMadeUp    = "made up"
)

// isPortrayed tells whether an identity is that of who is known by name.
func isPortrayed(from string) bool {
	return from == fromRecipient || from == fromAccount || from == fromUser
}

// portrayed is who is known by name; check has seen that it is at most one.
func (q *explainQuery) portrayed() string { return q.Recipient + q.Account + q.User }

// stand is presented for who is only portrayed: whether a credential is looked at at all is
// the scheme's to say. It has the form of any.
const stand = "a-credential-of-who-is-portrayed"

// bring gives the request the credential of who the query says.
func (p *passage) bring(q *explainQuery, offline bool) (from string, err error) {
	scheme, h := p.scheme, p.call.Request.Header
	presented := q.Token
	switch {
	case q.Token != "":
		from = fromToken
		if identifier, ok := scheme.(schemes.OfflineIdentifier); offline && ok {
			p.identify = func() (*schemes.Identity, error) { return identifier.IdentifyOffline(&p.call) }
		} else if offline {
			return "", badQuery("without a running server nobody knows the tokens of the scheme %s; make up an identity, or name none", scheme.Name())
		}
	case q.portrayed() != "":
		switch from = fromRecipient; {
		case q.Account != "":
			from = fromAccount
		case q.User != "":
			from = fromUser
		}
		portrayer, ok := scheme.(schemes.Portrayer)
		if !ok || offline {
			return "", badQuery("only a running server knows the %s %q", from, q.portrayed())
		}
		presented = stand
		p.identify = func() (*schemes.Identity, error) {
			return portrayer.Portray(p.call.Request.Context(), &p.call, q.portrayed())
		}
	case q.Kind != "":
		from, presented = fromMadeUp, stand
		p.identify = func() (*schemes.Identity, error) { return madeUp(scheme, q), nil }
	default:
		return fromNobody, nil
	}
	if presenter, ok := scheme.(schemes.Presenter); ok {
		presenter.Present(h, schemes.NewCredential(presented))
	} else {
		h["Authorization"] = []string{"Bearer " + presented}
	}
	return from, nil
}

// madeUp is an identity that nobody has.
func madeUp(scheme schemes.Scheme, q *explainQuery) *schemes.Identity {
	id := &schemes.Identity{
		Scheme: scheme.Name(), Realm: scheme.Realm(), Kind: q.Kind, Roles: q.Roles, Subject: q.Subject, Name: q.Subject,
	}
	if completer, ok := scheme.(schemes.Completer); ok {
		completer.Complete(id)
	}
	return id
}
