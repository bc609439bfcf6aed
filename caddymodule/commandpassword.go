package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxPasswordFile bounds a file that holds a password, in bytes.
const maxPasswordFile = 4 << 10

// newPassword reads a password from a file of one line; - is standard input. At a
// terminal it asks for it, twice and without showing it, also if no file is named. Its
// errors say nothing of what it read.
func newPassword(cmd *cobra.Command, path string) (string, error) {
	if path == "" || path == "-" {
		if terminal, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(terminal.Fd())) {
			return promptPassword(cmd.ErrOrStderr(), func() ([]byte, error) { return term.ReadPassword(int(terminal.Fd())) })
		}
	}
	if path == "" {
		return "", errors.New("say where the password comes from: --password-file FILE, or - for standard input")
	}
	text, err := readBounded(path, cmd.InOrStdin(), maxPasswordFile)
	if err != nil {
		return "", fmt.Errorf("--password-file: %w", err)
	}
	// Editors and echo end a line; all else is the password's.
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	switch {
	case len(text) == 0:
		return "", errors.New("--password-file: it is empty")
	case bytes.ContainsAny(text, "\r\n"):
		return "", errors.New("--password-file: it has more than one line; the password alone belongs in it")
	case !utf8.Valid(text):
		return "", errors.New("--password-file: it is no text in UTF-8")
	}
	return string(text), nil
}

// promptPassword asks twice for a new password.
func promptPassword(out io.Writer, read func() ([]byte, error)) (string, error) {
	ask := func(prompt string) (string, error) {
		_, _ = fmt.Fprint(out, prompt)
		text, err := read()
		_, _ = fmt.Fprintln(out)
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		return string(text), nil
	}
	first, err := ask("New password: ")
	if err != nil {
		return "", err
	}
	again, err := ask("The same again: ")
	switch {
	case err != nil:
		return "", err
	case first != again:
		return "", errors.New("the two passwords differ")
	case first == "":
		return "", errors.New("the password is empty")
	case !utf8.ValidString(first):
		return "", errors.New("the password is no text in UTF-8")
	}
	return first, nil
}

// readBounded reads a file; - is standard input. One that is longer is refused.
func readBounded(path string, stdin io.Reader, limit int64) ([]byte, error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it is longer than %d bytes", limit)
	}
	return text, err
}
