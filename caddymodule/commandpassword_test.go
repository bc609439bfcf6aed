package caddymodule

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestPasswordIsReadAsItIs(t *testing.T) {
	for _, tc := range []struct{ name, file, want, err string }{
		{"a word", "secret", "secret", ""},
		{"with a line break", "secret\n", "secret", ""},
		{"with one of Windows", "secret\r\n", "secret", ""},
		{"with spaces in it, and around it", "  two words  \n", "  two words  ", ""},
		{"other letters", "Blåbær🫐\n", "Blåbær🫐", ""},
		{"nothing", "", "", "empty"},
		{"a line break only", "\n", "", "empty"},
		{"two lines", "secret\nhunter2\n", "", "more than one line"},
		{"two line breaks", "secret\n\n", "", "more than one line"},
		{"not UTF-8", "secr\xff\xfet", "", "UTF-8"},
		{"endless", strings.Repeat("a", maxPasswordFile+1), "", "longer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := newPassword(new(cobra.Command), write(t, "password", tc.file))
			if tc.err == "" {
				if got != tc.want || err != nil {
					t.Errorf("from the file: %q, %v", got, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "secr") {
				t.Errorf("from the file: %q, %v", got, err)
			}
			cmd := new(cobra.Command)
			cmd.SetIn(strings.NewReader(tc.file))
			if got, err := newPassword(cmd, "-"); got != tc.want || (err == nil) != (tc.err == "") {
				t.Errorf("from standard input: %q, %v", got, err)
			}
		})
	}
	if _, err := newPassword(new(cobra.Command), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is a password")
	}
	cmd := new(cobra.Command)
	cmd.SetIn(strings.NewReader("secret"))
	if _, err := newPassword(cmd, ""); err == nil || !strings.Contains(err.Error(), "--password-file") {
		t.Errorf("without a file and a terminal: %v", err)
	}
}

func TestPasswordIsAskedForTwice(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []string
		want    string
		err     string
	}{
		{"the same", []string{"secret", "secret"}, "secret", ""},
		{"another", []string{"secret", "Secret"}, "", "differ"},
		{"nothing", []string{"", ""}, "", "empty"},
		{"not UTF-8", []string{"\xff", "\xff"}, "", "UTF-8"},
		{"the end", []string{"secret"}, "", "reading the password"},
		{"the end at once", nil, "", "reading the password"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			answers := tc.answers
			got, err := promptPassword(&out, func() ([]byte, error) {
				if len(answers) == 0 {
					return nil, io.EOF
				}
				next := answers[0]
				answers = answers[1:]
				return []byte(next), nil
			})
			if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %q, %v", got, err)
			}
			if tc.want != "" && strings.Contains(out.String(), tc.want) {
				t.Errorf("the terminal shows the password: %q", &out)
			}
		})
	}
	_, err := promptPassword(io.Discard, func() ([]byte, error) { return nil, io.ErrUnexpectedEOF })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}
