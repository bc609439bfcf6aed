package policies

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkVisible refuses characters in a line that show it otherwise than it is read, so
// that a rule could hide behind a comment, or a comment pass for a rule: those that end a
// line for some editors, those that set the direction of a text, and those without width.
func checkVisible(line string) error {
	line = strings.TrimSuffix(line, "\r") // of the end of the line
	for i, c := range line {
		if !hides(c) {
			continue
		}
		advice := "leave it out"
		switch c {
		case '\r', '\v', '\f', 0x85, 0x2028, 0x2029:
			advice = "end lines in LF or CR LF"
		}
		return fmt.Errorf("the line has %U at its character %d, which is not seen or shows the line otherwise than it is read; %s, "+
			"and write it as an escape where a condition needs it", c, utf8.RuneCountInString(line[:i])+1, advice)
	}
	return nil
}

// hides reports whether c is a control character other than a tab, a separator of lines
// or paragraphs, or a character that only formats, which are the marks of direction, the
// joiners, the byte order mark and the like.
func hides(c rune) bool {
	return c != '\t' && unicode.In(c, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Cf)
}
