package policies

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// joinFaults sorts faults by their place and returns the first of them.
func joinFaults(faults []*Fault) error {
	slices.SortStableFunc(faults, func(a, b *Fault) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
	})
	var list []error
	for _, f := range faults[:min(len(faults), maxFaults)] {
		list = append(list, f)
	}
	return errors.Join(list...)
}

// Faults returns all faults that an error holds, however deep, in the order of their lines.
func Faults(err error) []*Fault {
	var faults []*Fault
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
	case *Fault:
		faults = append(faults, e)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			faults = append(faults, Faults(one)...)
		}
	default:
		return Faults(errors.Unwrap(err))
	}
	slices.SortStableFunc(faults, func(a, b *Fault) int { return cmp.Compare(a.Line, b.Line) })
	return faults
}
