package policies

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// whenWord stands between who may call and the condition.
	whenWord = "when"

	// maxWhen bounds a condition, in bytes.
	maxWhen = 4 << 10
)

// checkWhen checks that a condition can stand in a line as it is.
func checkWhen(when string) error {
	if when == "" {
		return nil
	}
	if len(when) > maxWhen {
		return fmt.Errorf("the condition has %d bytes, and %d are allowed; write several rules", len(when), maxWhen)
	}
	if !utf8.ValidString(when) || strings.Contains(when, "\n") {
		return errors.New("the condition is not one line of utf-8")
	}
	if alone, err := readWhen(when); err != nil {
		return err
	} else if alone != when {
		return errors.New("the condition holds a comment, or begins or ends in a space; leave that out")
	}
	return nil
}

// readWhen returns the condition that text begins with, without the comment behind it: a
// # begins one where it starts a word and stands outside of CEL's quotes.
func readWhen(text string) (string, error) {
	for i := 0; i < len(text); {
		switch {
		case text[i] == '"' || text[i] == '\'':
			end := endOfQuote(text, i)
			if end < 0 {
				return "", fmt.Errorf("the condition has a quote that is not closed: %.40s", text[i:])
			}
			i = end
		case text[i] == '#' && startsWord(text, i):
			text = text[:i]
		case strings.HasPrefix(text[i:], "//"):
			return "", errors.New("the condition holds //; a comment begins with #")
		default:
			i++
		}
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", errors.New("no condition stands behind when; write one, or leave when out")
	}
	return text, nil
}

func startsWord(text string, i int) bool {
	before, size := utf8.DecodeLastRuneInString(text[:i])
	return size == 0 || unicode.IsSpace(before)
}

// endOfQuote returns the index behind the string literal whose quote is at start, or -1.
// CEL has them in two kinds of quotes, single or threefold, and takes a backslash in them
// as any other byte if an r stands in front.
func endOfQuote(text string, start int) int {
	quote := text[start : start+1]
	if threefold := strings.Repeat(quote, 3); strings.HasPrefix(text[start:], threefold) {
		quote = threefold
	}
	prefix := text[:start]
	prefix = prefix[len(strings.TrimRightFunc(prefix, isNameRune)):]
	raw := slices.Contains([]string{"r", "br"}, strings.ToLower(prefix))
	for i := start + len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\' && !raw:
			i++
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		}
	}
	return -1
}

func isNameRune(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) }
