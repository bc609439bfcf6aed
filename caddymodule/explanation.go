package caddymodule

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// explanation is what would happen to a request, and why.
type explanation struct {
	Method string `json:"method"`
	Site   string `json:"site"`
	Scheme string `json:"scheme"`
	Realm  string `json:"realm"`
	// Shadow says that the site refuses nothing for the server behind.
	Shadow  bool `json:"shadow"`
	Offline bool `json:"offline"`

	// Host and Path in their one spelling; empty if they are refused.
	Host string `json:"host,omitempty"`
	Path string `json:"path,omitempty"`

	// Caller says where the identity comes from: nobody, token, recipient, account, user
	// or made up.
	Caller   string        `json:"caller"`
	Identity *identityView `json:"identity,omitempty"`
	Endpoint string        `json:"endpoint,omitempty"` // of the scheme's own
	// Base is what {base} stands for in the rules of the site; empty: none begins with it.
	Base  string         `json:"base,omitempty"`
	Rules []consideredAt `json:"rules"`

	// Decision is allow or deny. Status is what the caller sees of a denial; of what is
	// allowed the answer is somebody else's.
	Decision string `json:"decision"`
	Reason   string `json:"reason"`
	Status   int    `json:"status,omitempty"`
	// RefusedAt is the step that refuses: host, path, credential, identity, address,
	// endpoint or rules.
	RefusedAt string `json:"refused_at,omitempty"`
	// Cause is the precise reason, which the caller is not told, and Code the same in a word.
	Cause string `json:"cause,omitempty"`
	Code  string `json:"code,omitempty"`
	// Said is the body that the caller gets of a denial, up to 1 KiB of it.
	Said string `json:"said,omitempty"`
	// GoesOn says that the request is refused and goes on as it came: the site is in shadow.
	GoesOn bool `json:"goes_on"`

	Forwarded *forwardedView `json:"forwarded,omitempty"`
	// Notes are to be known of this explanation; Open is what only a real request could
	// tell.
	Notes []string `json:"notes,omitempty"`
	Open  []string `json:"open,omitempty"`
}

type identityView struct {
	Kind      string     `json:"kind"`
	Subject   string     `json:"subject"`
	Name      string     `json:"name"`
	Roles     []string   `json:"roles,omitempty"`
	Delegate  string     `json:"delegate,omitempty"`
	Accessor  string     `json:"accessor,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// consideredAt is a rule that was considered, and where it stands.
type consideredAt struct {
	Rule    string `json:"rule"`
	Source  string `json:"source"`
	Line    int    `json:"line"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"` // what it answered, if it was asked
	Cause   string `json:"cause,omitempty"`  // why its condition failed
}

// forwardedView is what the server behind gets.
type forwardedView struct {
	Host    string         `json:"host"`
	Path    string         `json:"path"`
	Query   string         `json:"query,omitempty"` // kept or changed
	Headers []headerChange `json:"headers"`
	// Answer says what becomes of the answer: it streams, or is read.
	Answer string `json:"answer"`
}

// maxSaid is how much is told of what the caller gets of a denial, in bytes.
const maxSaid = 1 << 10

// ownPath is how an explanation calls an endpoint of the scheme's own that has no name.
const ownPath = "unnamed"

// tell notes who calls, what was considered, and what was decided. err is nil or a
// *schemes.Refusal.
func (e *explanation) tell(p *passage, from string, own bool, err error) {
	call := &p.call
	e.Host, e.Path, e.Caller = call.Host, call.Path.String(), from
	if id := call.Identity; id != nil {
		e.Identity = &identityView{id.Kind, id.Subject, id.Name, id.Roles, id.Delegate, id.Accessor, p.ends(id)}
	}
	if own && call.Denial != nil { // by which it is going to answer
		err = call.Denial
	}
	if based, ok := p.scheme.(schemes.Based); ok {
		e.Base = based.Base()
	}
	if explainer, ok := p.scheme.(schemes.Explainer); ok && (own || p.decided) {
		for _, c := range explainer.Explain(call) {
			at := consideredAt{Rule: c.Rule.String(), Source: c.Rule.Source, Line: c.Rule.Line, Outcome: c.Outcome.String()}
			if c.Outcome == policies.Asked {
				at.Reason, at.Cause = c.Reason.String(), c.Cause
			}
			e.Rules = append(e.Rules, at)
		}
	}
	if own {
		if e.Endpoint = call.Action; e.Endpoint == "" {
			e.Endpoint = ownPath
		}
	}
	switch {
	case err != nil:
		e.tellRefusal(p, own, err)
	default:
		e.Decision, e.Reason = p.outcome()
	}
}

// ends is when an identity ends by itself; nil: it does not, or nobody knows.
func (p *passage) ends(id *schemes.Identity) *time.Time {
	backend := p.app.backend.Load()
	if backend == nil || id.Accessor == "" || p.call.Offline() {
		return known(id.Expiry)
	}
	// The token says when it was issued. Another one of the id, whose store this is not, ends
	// at another time.
	info, err := backend.Store.TokenByAccessor(p.call.Request.Context(), id.Accessor)
	if err == nil && info.ExpiresAt.Equal(id.Expiry) && isEndless(&info.Token) {
		return nil
	}
	return known(id.Expiry)
}

func (e *explanation) tellRefusal(p *passage, own bool, err error) {
	refusal := asRefusal(err)
	p.refusal = refusal
	e.Decision = denied
	_, e.Reason = p.outcome()
	switch {
	case own:
		e.RefusedAt, e.Reason = "endpoint", string(refusal.Reason)
	case p.decided:
		e.RefusedAt = "rules"
	case p.call.Identity != nil:
		e.RefusedAt = "address"
	case !p.call.Credential.IsZero():
		e.RefusedAt = "identity"
	case e.Path != "":
		e.RefusedAt = "credential"
	case e.Host != "":
		e.RefusedAt = "path"
	default:
		e.RefusedAt = "host"
	}
	if refusal.Cause != nil {
		e.Cause, e.Code = refusal.Cause.Error(), refusal.CauseCode()
	}
	e.GoesOn = !own && p.goesOn(err)
	// The answer as the scheme writes it.
	w := &unsent{header: http.Header{}}
	call := p.call
	p.scheme.Refuse(w, &call, refusal)
	if e.Status = w.status; e.Method != http.MethodHead {
		e.Said = string(w.body)
	}
}

// tellForwarding notes what the server behind gets of a call that is allowed.
func (e *explanation) tellForwarding(p *passage, came http.Header) {
	call := p.call
	reads := p.scheme.Compose(&call) != nil
	f := &forwardedView{Answer: "streams"}
	if reads {
		f.Answer = "is read whole, and composed anew"
	} else if p.scheme.Learn(&call) != nil {
		f.Answer = "streams once its first line was read"
	}
	var out *http.Request
	f.Headers, out = p.headerChanges(came, reads)
	f.Host, f.Path = out.Host, out.URL.EscapedPath()
	if query := p.call.Request.URL.RawQuery; query != "" {
		if f.Query = headerKept; out.URL.RawQuery != query || reads {
			f.Query = "changed"
		}
	}
	e.Forwarded = f
}

// note tells what is to be known of the explanation itself.
func (e *explanation) note(p *passage, where *place) {
	note := func(is bool, text string) {
		if is {
			e.Notes = append(e.Notes, text)
		}
	}
	open := func(is bool, text string) {
		if is {
			e.Open = append(e.Open, text)
		}
	}
	note(where.guessed, "no host was named: "+cmp.Or(e.Host, "this one")+" is a guess")
	note(where.unfollowed, "it was not followed how a request comes to this site")
	note(e.Caller == fromMadeUp, "the identity is made up: nobody has it")
	if stranger, ok := p.scheme.(schemes.Stranger); ok && e.Caller == fromMadeUp && e.Identity != nil {
		for _, strange := range stranger.Strange(p.call.Identity) {
			note(true, "no token says what is made up here: "+strange)
		}
	}
	note(e.Caller != fromNobody && e.RefusedAt == "" && p.call.Credential.IsZero(), "no credential is looked at here: the call is nobody's, whatever it carries")
	note(e.Offline, "no server was asked: nothing is known of what its store holds")

	open(e.Identity != nil && isPortrayed(e.Caller), "whether the credential that is sent is a good one")
	e.Open = slices.Concat(e.Open, where.open, p.call.Trial.Open)
	open(e.Decision == allowed && e.Identity != nil && p.call.Identity.Limits != schemes.Limits{}, "whether the caller is within its limits at that moment")
	open(e.Endpoint != "" && e.Decision == allowed, "what the endpoint answers")
}

// hide takes out of all texts what may be a credential: that of the query, whatever it
// looks like, and what looks like one.
func (e *explanation) hide(token string) {
	hidden := func(texts ...*string) {
		for _, text := range texts {
			if token != "" {
				*text = strings.ReplaceAll(*text, token, "REDACTED")
			}
			*text = secret.Redact(*text)
		}
	}
	hidden(&e.Path, &e.Host, &e.Cause, &e.Said)
	e.Said = strings.ToValidUTF8(e.Said[:min(len(e.Said), maxSaid)], "")
	for i := range e.Rules {
		hidden(&e.Rules[i].Cause)
	}
	if f := e.Forwarded; f != nil {
		hidden(&f.Path, &f.Host)
		for i := range f.Headers {
			hidden(&f.Headers[i].Value)
		}
	}
	if id := e.Identity; id != nil {
		hidden(&id.Name, &id.Subject, &id.Delegate)
	}
}
