package policies

// Facts answers what conditions ask about a call beyond what Decide is given. It is asked
// only by rules that have a condition, and must be safe for as long as Decide runs.
type Facts interface {
	// Fact returns the value of a variable, one of the names below, in the type that the
	// variable has. Anything else makes the condition fail, which denies. It is asked once
	// in a decision for each variable that conditions name.
	Fact(name string) any
}

// MaxFact bounds a text that conditions see, or the texts of a list or map together, in
// bytes; claims, which no stranger writes, may have twice as much. More makes the
// condition fail.
const MaxFact = 8 << 10

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
