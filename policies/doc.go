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
//	allow METHOD PATTERN WHO when CONDITION
//
// A rule is a line, and its words are set apart by white space. A word that
// begins with # begins a comment. No character is allowed, in comments neither, that is
// not seen or shows a line otherwise than it is read: control characters, but for tabs
// and a carriage return before the end of a line, separators of lines, and marks of
// direction or without width.
//
// Where rules stand in a block of a Caddyfile, Caddy replaces {$VARIABLE} in them by that
// variable of its environment before they are read here, an unset one by nothing; what
// is in a file of rules stays as it is.
//
// METHOD is a method in capitals, several joined by commas, or * for all of them;
// GET covers HEAD. Methods only select rules: a rule with * and a rule with GET on
// the same pattern are alternatives.
//
// PATTERN has the syntax and the precedence of http.ServeMux, without a host:
// literal segments, {name} for one segment, {name...} at the end for all that
// follows, {$} at the end for the path that ends in that slash. {base} in front
// of it, or alone, stands for the base path that Compile is given, and is no
// parameter. A pattern is matched against decoded segments, in their case. One
// that ends in a slash, which ServeMux takes as a prefix, is refused.
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
// No NAME, PRIVILEGE or ARG is called "when".
//
// # Precedence
//
// Of two patterns that match a path the one is more specific that matches fewer
// paths: a literal segment or {$} before {name}, and that before {name...}.
// Patterns that match a path both, while each also matches one that the other
// does not, are refused, unless their rules have no method in common. The most
// specific pattern that has a rule for the method decides.
//
// Rules whose patterns differ in nothing but the names of parameters are
// alternatives: one that allows is enough. Those without a condition are asked
// first; of several denials the one nearest to allowing is given.
//
// # Conditions
//
// CONDITION is an expression of CEL, the Common Expression Language, that is true
// or false, up to the end of the line or a comment; in CEL's quotes # is nothing
// special. It is asked only of those whom WHO allows, and must be true besides.
// Its variables are
//
//	subject    string                     id of who calls, or in whose name
//	name       string                     what people call the subject
//	delegate   string                     id of who calls in the subject's name, or empty
//	kind       string                     kind of the identity
//	roles      list(string)               its roles
//	claims     map(string, dyn)           verified claims of the credential
//	method     string                     method of the request
//	path       string                     canonical path
//	params     map(string, string)        decoded parameters of PATTERN
//	query      map(string, list(string))  decoded query
//	host       string                     host, in lower case and without port
//	client_ip  string                     address of the client
//	now        timestamp                  the time
//
// Of a caller without valid credential the first six are empty. There are CEL's
// own functions and macros, in UTC where nothing else is said, and of its functions
// for strings charAt, lowerAscii, split, substring, trim and upperAscii. The
// pattern of matches must be a constant of at most 100 instructions. A list or map in
// a condition has at most 16 elements, those of its elements and the names of maps
// included, unless it is a list of constants, and none is made of the variable of a macro
// such as all. Macros stand at most three deep in each other.
//
// Ask for what must be there in claims and query, never for the absence of a name: the
// server behind may know it by another spelling.
//
// A condition that cannot be answered denies: it asks for a claim, a parameter or
// a query value that is not there (has(claims.x) asks whether it is), compares what
// cannot be compared, costs too much, or names a variable that is too big: with more
// than 1,000 elements, names and values counted one by one, or texts of more than 8 KiB
// (claims: 16 KiB); or it asks for a query that servers read differently: with a name that
// is empty or differs from another in case only, with a "#" or a bad escape, or with 1,000
// parameters or more. The cost allows for going through a list of some hundreds of
// elements; the worst condition that we could write took some 15 ms of one processor, and
// each alternative of a rule has that for itself. As CEL has it, "a || b" is true if b
// is, even where a cannot be answered.
//
// # Errors
//
// Parse and Compile refuse, with file and line,
//
//   - a line that cannot be understood or not be seen as it is, a condition that is not
//     good CEL or not a truth value, and what is too big: more than 1 MiB of text, 10,000 rules,
//     16 KiB in a line, 4 KiB in a condition, 64 methods in a rule (ErrSyntax);
//   - two patterns of which neither is more specific (ErrOverlap);
//   - a rule that can never decide anything (ErrUnreachable): alternatives without
//     condition allow all that it would, alone or together, or more specific patterns
//     take all its paths, as /a/{$}, /a/{x} and /a/{x}/{y...} take those of /a/{z...}.
//     Of two rules that say the same the later is the one. A condition makes no
//     alternative unreachable, whatever it says.
//
// The package is pure: no I/O (but that a condition which names a time
// zone has it read), no clock, no goroutines. It imports only the
// standard library and CEL, which nothing else here imports, and may be imported by
// caddymodule and by schemes.
package policies
