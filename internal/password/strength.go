package password

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
)

const (
	// MaxLen is how long a password may be, in bytes.
	MaxLen = 1024

	// minGuesses is how often an attacker must guess at least, as the servers of
	// personal data accounts ask.
	minGuesses = 1e6

	// judged is how many characters are judged; the work grows with more than their
	// square, most for digits, in which the estimator looks for dates everywhere: a
	// quarter of a second for 100 of them. What begins with so many that will do, will do.
	judged = 48

	// The estimator tries all combinations of what digits and signs may stand for
	// which letters. That takes seconds for some texts, so only those are asked about
	// that look like a word spelt that way.
	leetSigns    = "4@8({[<3691!|70$5+%2"
	maxLeetLen   = 32
	maxLeetSigns = 6

	// aboutDictionary is what the estimator calls the words that it is given.
	aboutDictionary = "user_inputs"
)

// Weak says why a password is refused.
type Weak struct {
	// Hints are for people, in a few words each, at least one. They quote nothing of
	// the password.
	Hints []string
}

// Check judges a new password; nil means that it will do. about is what an attacker
// would try first: the account's host, the user's name. It takes up to some 50 ms of a
// processor; ask it about passwords only of callers who may set one.
func Check(plain string, about ...string) *Weak {
	switch {
	case plain == "":
		return &Weak{[]string{"Enter a password"}}
	case len(plain) > MaxLen:
		return &Weak{[]string{"Use at most 1024 bytes"}}
	case !utf8.ValidString(plain):
		return &Weak{[]string{"Use text in UTF-8"}}
	}
	text := withoutSeparators(plainText(plain))
	var filters []func(match.Matcher) bool
	if !mayBeLeet(text) {
		filters = append(filters, matching.FilterL33tMatcher)
	}
	found := zxcvbn.PasswordStrength(text, wordsOf(about), filters...)
	if found.Entropy >= math.Log2(minGuesses) {
		return nil
	}
	return &Weak{hints(found.MatchSequence)}
}

// plainText is the beginning of a password as the estimator can judge it. It counts
// bytes, and would take one sign of an emoji or of Chinese for four: so a control
// character stands for each character beyond ASCII, the same for the same.
func plainText(plain string) string {
	text := make([]byte, 0, judged)
	for _, r := range plain {
		if len(text) == judged {
			break
		}
		if r >= utf8.RuneSelf {
			r = 1 + r%31
		}
		text = append(text, byte(r))
	}
	return string(text)
}

// withoutSeparators makes one number of digits that signs separate: a date, most
// often, which the estimator takes for random signs.
func withoutSeparators(text string) string {
	const separators = " ./-_:,"
	if strings.Trim(text, "0123456789"+separators) != "" {
		return text
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(separators, r) {
			return -1
		}
		return r
	}, text)
}

func mayBeLeet(text string) bool {
	signs := 0
	for i := range len(leetSigns) {
		if strings.IndexByte(text, leetSigns[i]) >= 0 {
			signs++
		}
	}
	return len(text) <= maxLeetLen && signs <= maxLeetSigns
}

// wordsOf returns what a host or a name says as a whole and in its parts.
func wordsOf(about []string) []string {
	var words []string
	for _, text := range about {
		words = append(words, text)
		words = append(words, strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	return slices.DeleteFunc(words, func(word string) bool { return word == "" })
}

const (
	hintLonger  = "Add a few more words or characters"
	hintAccount = "Avoid the name of the account"
)

// hintsOf are the hints for what the estimator finds.
var hintsOf = map[string]string{
	"dictionary": "Avoid common passwords, words and names",
	"spatial":    "Avoid keys that lie side by side",
	"repeat":     "Avoid repeating characters",
	"sequence":   "Avoid sequences such as abc or 123",
}

// hints name what made a password easy to guess, each once.
func hints(found []match.Match) []string {
	all := []string{hintLonger}
	for _, m := range found {
		hint := hintsOf[m.Pattern]
		if m.DictionaryName == aboutDictionary {
			hint = hintAccount
		}
		if hint != "" && !slices.Contains(all, hint) {
			all = append(all, hint)
		}
	}
	return all
}
