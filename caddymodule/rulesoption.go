package caddymodule

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// rules takes who may call what. Syntax:
//
//	rules <name>
//	rules <file>
//	rules {
//		allow <method> <pattern> <who> [when <condition>]
//		...
//	}
//
// What has a slash or a dot in its name is a file. It is read now, and its text becomes
// part of the configuration: a reload then sees that it has changed, and one that is
// faulty fails to load, so that the rules that run stay. A relative path starts at the
// folder of the file that names it, as that of `import` does. shipped are the sets of the
// scheme.
func (o *options) rules(value **Rules, shipped schemes.RuleSets) error {
	name := o.tokens.Val()
	if o.seen[name] {
		return o.tokens.Errf("option %s is given twice", name)
	}
	o.seen[name] = true
	if !o.tokens.NextArg() {
		texts, err := inlineRules(o.tokens)
		if err != nil {
			return err
		}
		*value = &Rules{RulesText: texts[0], More: texts[1:]}
		return checkLines(texts)
	}
	given := o.tokens.Token()
	if o.tokens.NextArg() {
		return o.tokens.Errf("option %s takes one name, or a block of rules", name)
	}
	if opensBlock(o.tokens) {
		return errAt(given, "option %s takes a name or a block, not both", name)
	}
	if !strings.ContainsAny(given.Text, "./") {
		if _, ok := shipped.Find(given.Text); !ok {
			return errAt(given, "option %s: %w", name, unknownRules(given.Text, shipped.Names()))
		}
		*value = &Rules{Name: given.Text}
		return nil
	}
	path := given.Text
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(given.File), path)
	}
	text, err := readRules(path)
	if err != nil {
		return errAt(given, "option %s: %w", name, err)
	}
	*value = &Rules{RulesText: RulesText{Source: path, Text: text}}
	return checkLines([]RulesText{(*value).RulesText})
}

// checkLines finds the faults that each line has by itself. Whether the lines agree with each
// other is found when the configuration is loaded.
func checkLines(texts []RulesText) error {
	var faults []error
	for _, text := range texts {
		_, err := text.parse()
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	return nil
}

// maxBlankLines is how many lines without a rule, such as comments, may stand between two
// rules of one text; beyond, another begins.
const maxBlankLines = 100

// inlineRules takes a block of rules. Lines of the same place become one text, in which
// each has the number that it has there: an import brings lines of another place.
func inlineRules(tokens *caddyfile.Dispenser) ([]RulesText, error) {
	var texts []RulesText
	next := 0 // the number that a line behind the last would have
	for nesting := tokens.Nesting(); tokens.NextBlock(nesting); {
		first := tokens.Token()
		line, err := inlineRule(tokens)
		if err != nil {
			return nil, err
		}
		skipped := first.Line - next
		if last := len(texts) - 1; last >= 0 && texts[last].Source == first.File && 0 <= skipped && skipped <= maxBlankLines {
			texts[last].Text += strings.Repeat("\n", skipped) + line + "\n"
		} else {
			texts = append(texts, RulesText{Source: first.File, Line: first.Line, Text: line + "\n"})
		}
		next = first.Line + 1
	}
	if texts == nil {
		return nil, tokens.Err("option rules needs the name of a set, a file, or a block with rules")
	}
	return texts, nil
}

// word is a word of a rule: its text, and the text as it was written, quotes included.
type word struct {
	token     caddyfile.Token
	asWritten string
}

// inlineRule takes one line of a block, and returns the rule as a file would have it.
func inlineRule(tokens *caddyfile.Dispenser) (string, error) {
	words := []word{wordOf(tokens)}
	for tokens.NextArg() {
		w := wordOf(tokens)
		if isEndOfRule(w.token) {
			return "", errAt(w.token, "%q behind a rule: one rule stands on a line, and a backslash at its end or in its comment puts the next line on it, too", w.token.Text)
		}
		words = append(words, w)
	}
	if opensBlock(tokens) {
		return "", errAt(words[0].token, "a rule has no block; a brace that stands alone in a condition needs quotes around the condition")
	}
	// Behind the four words that each rule has: allow METHOD PATTERN WHO.
	when := slices.IndexFunc(words, func(w word) bool { return w.token.Text == "when" && !w.token.Quoted() })
	if when < 0 {
		when = len(words)
	}
	plain := make([]string, 0, len(words))
	for _, w := range words[:when] {
		text, err := w.plain()
		if err != nil {
			return "", err
		}
		plain = append(plain, text)
	}
	if when == len(words) {
		return strings.Join(plain, " "), nil
	}
	if when == len(words)-1 {
		return "", errAt(words[when].token, "when is followed by no condition")
	}
	condition, err := condition(words[when+1:])
	if err != nil {
		return "", err
	}
	line := strings.Join(plain, " ") + " when " + condition
	// What the text says must be what was written, however either is read.
	if rules, err := policies.Parse("", line); err == nil && (len(rules) != 1 || rules[0].When != condition) {
		return "", errAt(words[when].token, "the condition would be read as another one; put backticks around it, or the rules in a file")
	}
	return line, nil
}

// opensBlock tells whether a block begins behind a word of a line, be it empty. The word
// is no brace itself.
func opensBlock(tokens *caddyfile.Dispenser) bool {
	nesting := tokens.Nesting()
	return tokens.NextBlock(nesting) || tokens.Val() == "}" && !tokens.Token().Quoted()
}

// isEndOfRule tells of a word whether another rule, or the end of the block, stands on a
// rule's line.
func isEndOfRule(token caddyfile.Token) bool {
	return !token.Quoted() && (token.Text == "}" || token.Text == "allow")
}

func wordOf(tokens *caddyfile.Dispenser) word {
	w := word{token: tokens.Token(), asWritten: tokens.Val()}
	if raw := tokens.ValRaw(); strings.HasPrefix(raw, `"`) && w.token.Quoted() {
		// Within these quotes the lexer takes a backslash off a quote, and off nothing else.
		w.asWritten = `"` + strings.ReplaceAll(w.token.Text, `"`, `\"`) + `"`
	} else if w.token.Quoted() {
		w.asWritten = raw // in backticks; a heredoc's marks are not there
	}
	return w
}

// plain is a word outside of a condition. In a file such words have no quotes, and no
// white space within.
func (w word) plain() (string, error) {
	text := asWritten(w.token.Text)
	switch {
	case text == "" || strings.ContainsFunc(text, unicode.IsSpace):
		return "", errAt(w.token, "%q is not one word; only a condition, behind when, can have quotes", text)
	case w.token.Quoted() && (text[0] == '#' || text == "when"):
		return "", errAt(w.token, "%q cannot be a word of a rule; only a condition, behind when, can have quotes", text)
	case caddyPlaceholder.MatchString(text):
		return "", errAt(w.token, "%s is a placeholder, or was made of the shorthand of one: rules have no placeholders; a parameter's name is made of letters, digits and _", text)
	}
	return text, nil
}

// condition is the expression behind when: one word in quotes, or bare words. Of bare
// words the lexer has not kept how much space was between them, nor did it know what a
// text in single quotes is.
func condition(words []word) (string, error) {
	for _, w := range words {
		switch {
		case caddyPlaceholder.MatchString(w.token.Text):
			return "", errAt(w.token, "%s in a condition: a Caddyfile takes words in braces such as {path} for placeholders, and rules have none; put the rules in a file", caddyPlaceholder.FindString(w.token.Text))
		case strings.ContainsAny(w.token.Text, "\r\n"):
			return "", errAt(w.token, "a condition stands on one line")
		}
	}
	if len(words) == 1 && words[0].token.Quoted() {
		text := strings.TrimSpace(words[0].token.Text)
		if text == "" {
			return "", errAt(words[0].token, "when is followed by no condition")
		}
		return text, nil
	}
	written := make([]string, len(words))
	for i, w := range words {
		if !w.token.Quoted() && opensText(w.token.Text) {
			return "", errAt(w.token, "%s opens a text that goes on behind a space; put backticks around the whole condition, as in: when `name == 'a b'`", w.token.Text)
		}
		written[i] = w.asWritten
	}
	return strings.Join(written, " "), nil
}

// opensText tells whether a text in quotes begins in a word and does not end in it.
func opensText(word string) bool {
	var quote rune
	raw, escaped := false, false
	var before rune
	for _, c := range word {
		switch {
		case escaped:
			escaped = false
		case quote == 0 && (c == '"' || c == '\'' || c == '`'):
			quote, raw = c, before == 'r' || before == 'R' || c == '`'
		case quote == 0:
		case c == '\\' && !raw:
			escaped = true
		case c == quote:
			quote = 0
		}
		before = c
	}
	return quote != 0
}
