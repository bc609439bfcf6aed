package schemes

import (
	"context"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// Trial is set on a call that is only explained. It takes the steps of a real one, but
// nothing may come of it: a scheme renews, notes and consumes nothing for it, and does not
// read its body, of which there is none.
type Trial struct {
	// Offline says that there is a configuration and no store: what the store would say is
	// left open, and not refused.
	Offline bool
	// Open is what only a real call could tell, in words for people.
	Open []string
}

// LeaveOpen notes what only a real call could tell. What was noted is not noted again.
func (t *Trial) LeaveOpen(what string) {
	if !slices.Contains(t.Open, what) {
		t.Open = append(t.Open, what)
	}
}

// OnTrial tells whether the call is only explained.
func (c *Call) OnTrial() bool { return c.Trial != nil }

// Offline tells whether the call is explained without a store.
func (c *Call) Offline() bool { return c.Trial != nil && c.Trial.Offline }

// What follows is for schemes that have more to say to an explanation than Scheme does.

// Explainer is a scheme that tells which rules it considers for a call.
type Explainer interface {
	// Explain returns the rules whose pattern matches the call, with what came of each:
	// those that Decide asks for the same call. None: no rule matches.
	Explain(call *Call) []policies.Consideration
}

// Presenter is a scheme whose clients send their credential in another way than as a
// bearer token.
type Presenter interface {
	// Present puts a credential into the headers of a request.
	Present(h http.Header, credential Credential)
}

// Portrayer is a scheme that knows of a subject what its credentials would say.
type Portrayer interface {
	// Portray returns the identity that a good credential of who would have at the call. The
	// error wraps tokenstore.ErrNotFound if there is nobody of that name, and is a *Refusal
	// if who is known and any credential of it would be refused.
	Portray(ctx context.Context, call *Call, who string) (*Identity, error)
}

// Completer is a scheme whose identities hold more than an operator says of one that is
// made up.
type Completer interface {
	// Complete fills in what the kind and the roles of an identity imply.
	Complete(id *Identity)
}

// Stranger is a scheme that knows which identities no credential has.
type Stranger interface {
	// Strange returns, in words for people, what an identity that is made up has and no
	// credential says, such as a kind or a role; none: a credential may say all of it.
	Strange(id *Identity) []string
}

// Based is a scheme whose rules may begin with {base}.
type Based interface {
	// Base returns what {base} stands for; empty if no rule of the site begins with it.
	Base() string
}

// OfflineIdentifier is a scheme that can tell without a store who presented a credential.
type OfflineIdentifier interface {
	// IdentifyOffline is Identify, but for what only the store knows, such as revocations.
	IdentifyOffline(call *Call) (*Identity, error)
}
