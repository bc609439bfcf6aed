package schemes

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/policies"
)

// Call is one request on its way through the gate. The gate makes it and fills
// it step by step; it belongs to one goroutine.
type Call struct {
	// Request has its URL in canonical form. Its headers are still the client's.
	Request *http.Request
	// Writer is for who must bound the time in which the request's body arrives
	// (http.ResponseController). Only endpoints write to it.
	Writer http.ResponseWriter
	// Path is what is decided on, and what is forwarded.
	Path canonpath.Path
	// Host in its one spelling: lower case, no port, no trailing dot.
	Host string
	// ClientIP is the client's address, by Caddy's trusted proxies.
	ClientIP string
	// Secure says that the client speaks TLS, by the connection or by the word of a trusted
	// proxy.
	Secure bool
	// EarlyData is set for a request in TLS early data, which an attacker can
	// replay (RFC 8470): one-time actions answer 425.
	EarlyData bool

	// Credential is what the client presented; zero if nothing.
	Credential Credential
	// Identity is who that turned out to be; nil for nobody.
	Identity *Identity
	// Renewed is a fresh credential that the scheme hands back with the answer; zero for
	// schemes that renew none. Identify sets it.
	Renewed Credential
	// Decision is set once the rules were asked.
	Decision policies.Decision
	// Denial is why the scheme itself denies what the rules would allow, or that
	// it could not find out. Decide sets it, for Denied; Public and Endpoint may, for an
	// endpoint that is going to answer with it.
	Denial *Refusal
	// State is what the scheme notes of the call for its later steps; nil for schemes that
	// note nothing. A copy of the call shares it, so it is set once.
	State any
	// Origin is the header of that name, for the answer, where Forward takes it out of the
	// request.
	Origin []string
	// Action names what was done, for the audit line; empty if it has no name.
	Action string
	// Trial is set if the call is only explained; nil for a real one.
	Trial *Trial
}

// Endpoint serves one of a scheme's own endpoints. A *Refusal as its error is
// written as the scheme writes refusals; any other error is an internal one. It
// must not have written anything then.
type Endpoint func(w http.ResponseWriter, call *Call) error

// Scheme is one token contract as one site configures it. The gate calls its
// methods in the order in which they stand here, which is the way of a request
// (ARCHITECTURE.md). All methods may be called concurrently.
type Scheme interface {
	// Name of the contract, such as "delta".
	Name() string
	// Realm that owns the site's recipients and tokens.
	Realm() string

	// Paths says where doubled slashes are folded.
	Paths() canonpath.Options

	// Public returns the endpoint of the scheme's own that a call without
	// credential may reach, or nil.
	Public(call *Call) Endpoint

	// Credential takes the one credential out of the request; the zero
	// Credential if there is none. Two are a refusal.
	Credential(call *Call) (Credential, error)

	// Identify finds out who presented the call's credential. A credential that
	// is not good, or a store that cannot tell, is an error.
	Identify(ctx context.Context, call *Call) (*Identity, error)

	// Endpoint returns the endpoint of the scheme's own that the call is for, or
	// nil. The identity may be nil; the endpoint decides whom it serves.
	Endpoint(call *Call) Endpoint

	// Decide asks the rules. What no rule names is denied.
	Decide(call *Call) policies.Decision

	// Denied is the refusal for a call that the rules denied.
	Denied(call *Call) *Refusal

	// Forward prepares the request that goes to the server behind: it strips,
	// keeps or swaps the credential. Identity headers are the gate's.
	Forward(call *Call, out *http.Request)

	// Answer sees the final status and headers of the answer before they are
	// sent, and may change the headers. A *Refusal replaces the answer.
	Answer(call *Call, status int, header http.Header) *Refusal

	// Compose returns what makes the answer of answers of the server behind that
	// it reads whole, or nil: then the answer streams. It is asked before the call
	// is forwarded.
	Compose(call *Call) Compose

	// Learn returns what must see the first line of an answer that streams, or
	// nil. It is asked before the call is forwarded, if Compose returned nil.
	Learn(call *Call) Learn

	// Refuse writes a refusal in the contract's own format. The call's identity
	// may be nil and its path, if the path was what is refused, invalid.
	Refuse(w http.ResponseWriter, call *Call, refusal *Refusal)
}

// Starter is a scheme that works in the background while its configuration runs. Start is
// called once the store is open; it does not wait for others. The function that it returns
// ends that work, and is called after the last request of the configuration.
type Starter interface {
	Start(b *Backend) (stop func())
}

// Metered is a scheme that counts calls. Meter is asked once for each call that the rules
// allow, before anything of it is forwarded. One that is only explained is not counted: whether
// its limits are used up is left open. A *Refusal as its error refuses the call.
type Metered interface {
	Meter(ctx context.Context, call *Call) error
}

// Unbroken is a scheme with calls that are carried out to their end even if the client goes
// away meanwhile: what the server behind did must be learnt. Such a call has half a minute.
type Unbroken interface {
	Unbroken(call *Call) bool
}

// Compose makes an answer of one or more answers of the server behind. A *Refusal
// as its error is what the client gets; any other error says that the server's
// answer cannot be understood: nothing of it is sent then.
type Compose func(ctx context.Context, read Read) (Recorded, error)

// MaxReads is how often a Compose may read for one request.
const MaxReads = 20

// Read asks the server behind once, with the call's method, path and headers and
// a query of its own, and returns the whole answer. Scheme.Answer has seen its
// status and header. Its errors are for the client, and to be returned as they are.
type Read func(rawQuery string) (Recorded, error)

// Recorded is a whole answer. The body of one that was read is lent until the next read,
// or until what was composed is sent. Of the header of one that is composed, with status
// 200, the gate sends what tells nothing of what was left out.
type Recorded struct {
	Status int
	Header http.Header
	Body   []byte
}

// Learn sees the first line of an answer with a status of 2xx, without its line
// break, before the client sees anything of the answer. It is not called if the
// line is longer than 64 KiB. Its error, usually a *Refusal, is sent in place of
// the answer.
type Learn func(ctx context.Context, firstLine []byte) error

// Credential is what a client presented. It does not print its secret.
type Credential struct {
	secret string
}

// NewCredential wraps what a client presented.
func NewCredential(secret string) Credential { return Credential{secret} }

// Reveal returns the secret.
func (c Credential) Reveal() string { return c.secret }

// IsZero tells whether nothing was presented.
func (c Credential) IsZero() bool { return c.secret == "" }

const hiddenCredential = "[credential]"

// String keeps the secret out of logs and error texts.
func (c Credential) String() string { return hiddenCredential }

// Format keeps it out of every verb: %d would print what String hides.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hiddenCredential) }
