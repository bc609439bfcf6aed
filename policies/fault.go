package policies

import (
	"errors"
	"fmt"
)

var (
	// ErrSyntax says that a rule cannot be understood.
	ErrSyntax = errors.New("rule cannot be understood")

	// ErrOverlap says that two rules match a common request and that neither is
	// more specific than the other.
	ErrOverlap = errors.New("rules overlap")

	// ErrUnreachable says that a rule can never decide anything, because others allow all
	// that it would or take all its paths.
	ErrUnreachable = errors.New("rule is never reached")
)

// Fault is an error in one rule. Parse and Compile return all that they find,
// joined by errors.Join. errors.Is tells ErrSyntax, ErrOverlap and ErrUnreachable apart.
type Fault struct {
	Source string
	Line   int

	// Text says what is wrong and what to write instead.
	Text string

	kind error
}

func fault(r *Rule, kind error, text string) *Fault {
	return &Fault{Source: r.Source, Line: r.Line, Text: text, kind: kind}
}

// Error returns "source:line: text".
func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.Source, f.Line, f.Text) }

// Unwrap returns ErrSyntax, ErrOverlap or ErrUnreachable.
func (f *Fault) Unwrap() error { return f.kind }
