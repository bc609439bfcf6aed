package caddymodule

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

func (a *accounts) createCommand() *cobra.Command {
	var username, userID, address, passwordFile, hashFile, keyFile, crypterFile string
	cmd := &cobra.Command{
		Use:   "create HOST",
		Short: "Create an account for a host, with its owner's password",
		Long: `
Creates the account of a host. It can be used at once: nothing is reloaded.

The password is read from a file of one line, from standard input with -, or asked for
at a terminal. One that is easily guessed is refused. An account that moves here brings
its password along as a hash of bcrypt or argon2id, with --password-hash-file.

A server behind that checks tokens itself goes on if the account brings its signing key
and the server's crypter key (the value of silhouette.authenticator.crypter.key) along.
Without them, keys are made.`,
		Example: `  caddy gatehouse account create bob.pda.example.com
  caddy gatehouse account create bob.pda.example.com --password-file bob.password
  caddy gatehouse account create bob.pda.example.com --password-hash-file bob.hash --key-file bob.pem --crypter-file crypter.key`,
		Args: oneHost(),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			if err := exclude(flags, "password-file", "password-hash-file"); err != nil {
				return err
			}
			if flags.Changed("key-file") != flags.Changed("crypter-file") {
				return errors.New("--key-file and --crypter-file go together: the server behind checks a token with both")
			}
			body := map[string]any{"host": args[0], "username": username, "user_id": userID, "address": address}
			files, stdin := map[string]string{"password-hash-file": hashFile, "key-file": keyFile, "crypter-file": crypterFile}, 0
			for _, path := range []string{passwordFile, hashFile, keyFile, crypterFile} {
				if path == "-" {
					stdin++
				}
			}
			if stdin > 1 {
				return errors.New("only one of the files can be standard input")
			}
			for flag, member := range map[string]string{"password-hash-file": "password_hash", "key-file": "key", "crypter-file": "crypter_key"} {
				if !flags.Changed(flag) {
					continue
				}
				text, err := readBounded(files[flag], cmd.InOrStdin(), maxSecretFile)
				if err == nil && len(bytes.TrimSpace(text)) == 0 {
					err = errors.New("it is empty")
				}
				if err != nil {
					return fmt.Errorf("--%s: %w", flag, err)
				}
				body[member] = string(bytes.TrimRight(text, "\r\n"))
			}
			if !flags.Changed("password-hash-file") {
				password, err := newPassword(cmd, passwordFile)
				if err != nil {
					return err
				}
				body["password"] = password
			}
			return a.one(cmd, http.MethodPost, a.path("", ""), body)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&username, "username", "", "What the owner signs in as. Default: the first label of the host")
	flags.StringVar(&userID, "user-id", "", "The owner's UUID. Default: a new one")
	// Not --address, which is where the admin endpoint is.
	flags.StringVar(&address, "issuer", "", "Host and port that tokens name as their issuer. Default: as the request says that they are issued for")
	flags.StringVar(&passwordFile, "password-file", "", "A file with the owner's password; - is standard input")
	flags.StringVar(&hashFile, "password-hash-file", "", "A file with the hash of the owner's password, in place of it")
	flags.StringVar(&keyFile, "key-file", "", "A file with the account's signing key, RSA in PEM")
	flags.StringVar(&crypterFile, "crypter-file", "", "A file with the crypter key of the server behind")
	return cmd
}
