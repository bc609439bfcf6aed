package policies

// Facts answers what conditions ask about a call beyond what Decide is given. It is asked
// only by rules that have a condition, and must be safe for as long as Decide runs.
type Facts interface {
	// Fact returns the value of a variable, one of the names below, in the type that the
	// variable has. Anything else makes the condition fail, which denies.
	Fact(name string) any
}

// The variables that Facts answers; conditions call them so.
const (
	FactSubject  = "subject"   // string: id of who calls, or in whose name; empty for nobody
	FactName     = "name"      // string: what people call the subject
	FactDelegate = "delegate"  // string: id of who calls in the subject's name, or empty
	FactClaims   = "claims"    // map of string to anything: verified claims of the credential
	FactPath     = "path"      // string: the canonical path
	FactHost     = "host"      // string: the host, in lower case and without port
	FactClientIP = "client_ip" // string: the client's address
	FactQuery    = "query"     // map of string to list of strings: the decoded query
	FactNow      = "now"       // timestamp
)
