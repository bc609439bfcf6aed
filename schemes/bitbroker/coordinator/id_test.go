package coordinator

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUserIDs(t *testing.T) {
	for text, want := range map[string]uint64{
		"1": 1, "007": 7, "12345678": 12345678, "00000001": 1, "99999999": 99999999,
		"": 0, "0": 0, "00000000": 0, "123456789": 0, "000000001": 0, strings.Repeat("1", 40): 0, "-1": 0, "+1": 0, "1.0": 0, "0x1": 0,
		"1_0": 0, "1e1": 0, " 1": 0, "1 ": 0, "١": 0, "１": 0, "abc": 0,
	} {
		id, ok := userID(text)
		if ok != (want > 0) || ok && id != want {
			t.Errorf("%q: %d, %t", text, id, ok)
		}
	}
}

func TestSlugs(t *testing.T) {
	for text, want := range map[string]string{
		"abc": "abc", "A-B": "a-b", "Country": "country", "a1-": "a1-", strings.Repeat("X", 32): strings.Repeat("x", 32),
		"": "", "ab": "", strings.Repeat("x", 33): "", "1ab": "", "-ab": "", "a_b": "", "a b": "", "ab\n": "", "kelvin": "kelvin",
		"\u212Aelvin": "", "a\u0130b": "", "ab\u0000": "", "abc/": "", "a.b": "",
	} {
		if slug, ok := storedSlug(text); ok != (want != "") || ok && slug != want {
			t.Errorf("%q: %q, %t", text, slug, ok)
		}
	}
}

func FuzzIDs(f *testing.F) {
	for _, text := range []string{"1", "007", "123456789", "abc", "A-b", "\u212Aab", "x\xff"} {
		f.Add(text)
	}
	digits, slugs := regexp.MustCompile(`^[0-9]{1,8}$`), regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{2,31}$`)
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := userID(text)
		want, _ := strconv.Atoi(text)
		if ok != (digits.MatchString(text) && want > 0) || ok && id != uint64(want) {
			t.Errorf("%q is user %d, %t", text, id, ok)
		}
		slug, ok := storedSlug(text)
		if ok != slugs.MatchString(text) || ok && !strings.EqualFold(slug, text) {
			t.Errorf("%q is slug %q, %t", text, slug, ok)
		}
		if utf8.ValidString(text) && len(lower(text)) != len(text) {
			t.Errorf("%q is %q in lower case", text, lower(text))
		}
	})
}
