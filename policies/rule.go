package policies

import (
	"strconv"
	"strings"
)

// Rule is one line of a policy. Parse makes it; a Rule made by hand is checked
// by Compile just the same.
type Rule struct {
	// Source and Line say where the rule was written: a file or another name,
	// and a line number that starts at 1.
	Source string
	Line   int

	// Methods are the methods that the rule is for, or the one element "*". GET
	// stands for HEAD as well.
	Methods []string

	// Pattern is the path pattern as it was written, {base} included.
	Pattern string

	// Who says who may call it.
	Who Who

	// When is a condition in CEL that must hold besides, on one line and at most 4 KiB
	// long; empty for none.
	When string
}

// Class is the kind of Who that a rule has. The order of the constants is
// the order in which alternatives are asked.
type Class uint8

// The classes.
const (
	Public Class = iota + 1
	Authenticated
	Kind
	Role
	Grant
)

var classWords = [...]string{Public: "public", Authenticated: "authenticated", Kind: "kind", Role: "role", Grant: "grant"}

// String returns the word that stands for the class in a rule.
func (c Class) String() string {
	if int(c) >= len(classWords) {
		return ""
	}
	return classWords[c]
}

// Who says who may call.
type Who struct {
	Class Class

	// Names are the roles or kinds of which one is needed, for Role and Kind.
	Names []string

	// Privilege is what Grants are asked for, and Args name the resource: each is
	// a literal, or a parameter of the pattern in braces. Both are for Grant.
	Privilege string
	Args      []string
}

// String returns the rule in the form in which it is written, without comment.
func (r *Rule) String() string {
	words := []string{"allow", strings.Join(r.Methods, ","), r.Pattern, r.Who.String()}
	if r.When != "" {
		words = append(words, "when", r.When)
	}
	return strings.Join(words, " ")
}

// String returns the words that say so in a rule.
func (w *Who) String() string {
	words := []string{w.Class.String()}
	switch w.Class {
	case Kind, Role:
		words = append(words, strings.Join(w.Names, ","))
	case Grant:
		words = append(append(words, w.Privilege), w.Args...)
	}
	return strings.Join(words, " ")
}

// Position returns "source:line".
func (r *Rule) Position() string { return r.Source + ":" + strconv.Itoa(r.Line) }
