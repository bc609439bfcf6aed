package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// Rules are who may call what on a site: a set that is shipped with the scheme, a file,
// or a text. Give one of the three. No placeholder is replaced in them.
type Rules struct {
	// The name of a set that is shipped with the scheme.
	Name string `json:"name,omitempty"`

	// A file with rules, at most 1 MiB of UTF-8, which is read when the configuration is
	// loaded; a relative path starts at the working directory. A Caddyfile's `rules FILE`
	// becomes a text instead, so that a reload sees that the file has changed.
	File string `json:"file,omitempty"`

	RulesText

	// Further texts, of other places than the first.
	More []RulesText `json:"more,omitempty"`
}

// RulesText is a text of rules, one a line, and where it stands.
type RulesText struct {
	// What errors, logs and explanations call the place of the text. Default: `rules`.
	Source string `json:"source,omitempty"`

	// The number of the text's first line there. Default: 1.
	Line int `json:"line,omitempty"`

	// The rules.
	Text string `json:"text,omitempty"`
}

// maxRules bounds a text of rules, in bytes.
const maxRules = 1 << 20

// errNoRules says that a text holds no rule.
var errNoRules = errors.New("there is no rule, so that every call would be refused")

// read returns the rules of an option; nil if it is not given. shipped are the sets of
// the scheme, with their names. The errors name each faulty line.
func (r *Rules) read(names []string, shipped func(name string) (text string, ok bool)) ([]policies.Rule, error) {
	if r == nil {
		return nil, nil
	}
	texts, err := r.texts(names, shipped)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	var rules []policies.Rule
	var faults []error
	for _, text := range texts {
		read, err := text.parse()
		rules, faults = append(rules, read...), append(faults, err)
	}
	switch err := errors.Join(faults...); {
	case err != nil:
		return nil, fmt.Errorf("rules: %w", err)
	case len(rules) == 0:
		return nil, fmt.Errorf("rules: %w", errNoRules)
	}
	return rules, nil
}

// texts finds the texts that an option names.
func (r *Rules) texts(names []string, shipped func(string) (string, bool)) ([]RulesText, error) {
	given := 0
	for _, is := range []bool{r.Name != "", r.File != "", r.Text != "" || len(r.More) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, errors.New("give one of name, file and text")
	case r.Name != "":
		text, ok := shipped(r.Name)
		if !ok {
			return nil, unknownRules(r.Name, names)
		}
		return []RulesText{{Source: r.Name, Text: text}}, nil
	case r.File != "":
		text, err := readRules(r.File)
		if err != nil {
			return nil, err
		}
		return []RulesText{{Source: r.File, Text: text}}, nil
	}
	return append([]RulesText{r.RulesText}, r.More...), nil
}

// unknownRules says which sets there are.
func unknownRules(name string, names []string) error {
	return fmt.Errorf("there is no set %q; there are: %s (the name of a file has a slash or a dot)", name, strings.Join(slices.Sorted(slices.Values(names)), ", "))
}

// parse reads the rules of a text.
func (t *RulesText) parse() ([]policies.Rule, error) {
	source, line := t.Source, t.Line
	setDefault(&source, "rules")
	setDefault(&line, 1)
	if line < 1 {
		return nil, fmt.Errorf("line: %d is no number of a line", line)
	}
	if len(t.Text) > maxRules {
		return nil, fmt.Errorf("%s is longer than 1 MiB", source)
	}
	rules, err := policies.Parse(source, t.Text)
	for i := range rules {
		rules[i].Line += line - 1
	}
	moveFaults(err, line-1)
	return rules, err
}

// moveFaults adds to the lines of all faults that an error holds.
func moveFaults(err error, lines int) {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case *policies.Fault:
		e.Line += lines
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			moveFaults(one, lines)
		}
	}
}

// readRules reads a file of rules. The errors name it.
func readRules(path string) (string, error) {
	// Looked at before it is opened: opening a pipe waits for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return readRulesFrom(path, file)
}

// readRulesFrom reads rules from a reader that errors call by a name.
func readRulesFrom(name string, from io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxRules+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", name, err)
	case len(text) > maxRules:
		return "", fmt.Errorf("%s is longer than 1 MiB", name)
	case !utf8.Valid(text):
		return "", fmt.Errorf("%s:%d: the line is not valid utf-8; save the file as utf-8", name, lineOfBadText(text))
	}
	return string(text), nil
}

// lineOfBadText is the number of the first line that is not UTF-8.
func lineOfBadText(text []byte) int {
	line := 1
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		text = text[size:]
	}
	return line
}
