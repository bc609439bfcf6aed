// Package policies decides who may call what: it reads rules, compiles them into
// a tree of path segments and answers each request with a Decision and the rule
// behind it.
//
// Its one invariant: what no rule allows is denied, and the order of rules never
// matters. Of the rules that match a request's path and method only those with
// the most specific pattern are asked; they are alternatives, and when all of
// them deny, no less specific rule is consulted. Compile refuses rules for which
// "most specific" has no answer.
//
// # Language
//
//	# comment
//	allow METHOD PATTERN WHO
//
// METHOD is a method, several joined by commas, or * for all of them; GET covers
// HEAD. Methods only select rules: a rule with * and a rule with GET on the same
// pattern are alternatives.
//
// PATTERN has the syntax and the precedence of http.ServeMux, without a host:
// literal segments, {name} for one segment, {name...} at the end for all that
// follows, {$} at the end for the path that ends in that slash. It is matched
// against decoded segments, in their case. A pattern that ends in a slash, which
// ServeMux takes as a prefix, is refused.
//
// WHO is one of
//
//	public                  anyone, also without a credential
//	authenticated           anyone with a valid credential
//	role NAME[,NAME]        one of these roles
//	kind NAME[,NAME]        an identity of one of these kinds
//	grant PRIVILEGE ARG...  a grant; each ARG is literal or a {name} of PATTERN,
//	                        and none asks for the privilege on anything
//
// The package is pure: no I/O, no clock, no goroutines. It imports only the
// standard library and may be imported by caddymodule and by schemes.
package policies
