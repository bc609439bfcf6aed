package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/schemes"
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

// errNoRules says that a text holds no rule.
var errNoRules = errors.New("there is no rule, so that every call would be refused")

// read returns the rules of an option; nil, which stands for the default, if it is not
// given or names that. shipped are the sets of the scheme. The errors name each faulty
// line.
func (r *Rules) read(shipped schemes.RuleSets) ([]policies.Rule, error) {
	if r == nil {
		return nil, nil
	}
	texts, err := r.texts(shipped)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	if r.Name != "" && r.Name == shipped[0].Name {
		return nil, nil
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
func (r *Rules) texts(shipped schemes.RuleSets) ([]RulesText, error) {
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
		set, ok := shipped.Find(r.Name)
		if !ok {
			return nil, unknownRules(r.Name, shipped.Names())
		}
		return []RulesText{{Source: set.Name, Text: set.Text}}, nil
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
	return policies.ParseAt(source, line, t.Text)
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

// readRulesFrom reads rules from a reader that errors call by a name. Of what is too long it
// reads as much as shows that.
func readRulesFrom(name string, from io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(from, policies.MaxText+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(text), nil
}
