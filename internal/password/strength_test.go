package password

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		plain string
		hint  string // none: the password will do
	}{
		{"correct horse battery staple", ""},
		{"xk8dq2", ""},
		{"Tr0ub4dour&3", ""},
		{"日本語漢字", ""},
		{strings.Repeat("correct horse ", 73), ""}, // 1022 bytes
		{strings.Repeat("x7#", 341) + "y", ""},     // 1024 bytes

		{"", "Enter a password"},
		{strings.Repeat("x7#", 341) + "yz", "Use at most 1024 bytes"},
		{strings.Repeat("x7#", 1<<20), "Use at most 1024 bytes"},
		{"xk8dq2 but \xff is no text", "Use text in UTF-8"},
		{"a", hintLonger},
		{"xk8", hintLonger},
		{"😀", hintLonger},  // four bytes, one sign
		{"日本", hintLonger}, // six bytes, two signs
		{"日日日日日日", "Avoid repeating characters"},
		{"password", "Avoid common passwords, words and names"},
		{"Passw0rd!", "Avoid common passwords, words and names"},
		{"p4$$w0rd1", "Avoid common passwords, words and names"},
		{"trustno1", "Avoid common passwords, words and names"},
		{"zxcvbnm,./", "Avoid keys that lie side by side"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "Avoid repeating characters"},
		{"abcdefghijklmn", "Avoid sequences such as abc or 123"},
		{"3/2/90", hintLonger},
		{"1990-02-03", hintLonger},
		{"./-_:,", hintLonger},
		{"zaphodb", "Avoid the name of the account"},
		{"ZaphodB1", "Avoid the name of the account"},
		{"zaphodb.pda.example", "Avoid the name of the account"},
	} {
		t.Run(tc.plain[:min(len(tc.plain), 40)], func(t *testing.T) {
			weak := Check(tc.plain, "zaphodb.pda.example", "", "--")
			switch {
			case tc.hint == "" && weak != nil:
				t.Errorf("refused: %q", weak.Hints)
			case tc.hint != "" && weak == nil:
				t.Error("not refused")
			case tc.hint != "" && !slices.Contains(weak.Hints, tc.hint):
				t.Errorf("hints %q, want %q", weak.Hints, tc.hint)
			}
		})
	}
}

func TestNamesOfTheAccountCountOnlyThere(t *testing.T) {
	if weak := Check("zaphodb77x"); weak != nil {
		t.Errorf("refused: %q", weak.Hints)
	}
	if Check("zaphodb77x", "zaphodb77x") == nil {
		t.Error("the user's name will do as password")
	}
}

// The estimator tries all combinations of such signs, which took seconds.
func TestSignsThatStandForLettersAreNotCombinedWithoutEnd(t *testing.T) {
	for _, tc := range []struct {
		text string
		want bool
	}{
		{"p4$$w0rd", true},
		{strings.Repeat("a", 31) + "4", true},
		{strings.Repeat("a", 32) + "4", false},
		{"1|7!4@", true},
		{"1|7!4@3", false},
		{strings.Repeat("4@8({[<369&#!1|0$5+7%2x", 4), false},
	} {
		if got := mayBeLeet(tc.text); got != tc.want {
			t.Errorf("%q: %t", tc.text, got)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"", "password", "4@8({[<369&#!1|0$5+7%2x", "1|7!4@1|7!4@1|7!4@1|7!4@1|7!4@1|", "日本語", "01.02.1990", "\xff", "a\x00b"} {
		f.Add(seed, "alice.pda.example.com")
	}
	fixed := append(slices.Collect(maps.Values(hintsOf)), hintLonger, hintAccount,
		"Enter a password", "Use at most 1024 bytes", "Use text in UTF-8")
	f.Fuzz(func(t *testing.T, plain, about string) {
		if len(plain) > 40 && len(plain) <= MaxLen {
			return // slow, and nothing but longer
		}
		weak := Check(plain, about)
		if weak == nil {
			if plain == "" || len(plain) > MaxLen || !utf8.ValidString(plain) || utf8.RuneCountInString(plain) < 3 {
				t.Fatal("not refused")
			}
			return
		}
		if len(weak.Hints) == 0 {
			t.Fatal("refused without a word")
		}
		for _, hint := range weak.Hints {
			if !slices.Contains(fixed, hint) {
				t.Fatalf("the hint %q is made of what was typed", hint)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, plain := range []string{"correct horse battery staple", strings.Repeat("1", 100), strings.Repeat("1|7!4@", 5), strings.Repeat("4@8({[<369&#!1|0$5+7%2x", 40)} {
		b.Run(plain[:10], func(b *testing.B) {
			for b.Loop() {
				Check(plain, "alice.pda.example.com")
			}
		})
	}
}
