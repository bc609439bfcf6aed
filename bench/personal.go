package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// The account of the bench, and the application with its many tokens.
const (
	ownerName     = "bench"
	ownerPassword = "four brass kettles in a row"
	application   = "reader"

	applicationPath = "/api/v2.6/applications/" + application
	signInPath      = "/users/access_token"
)

// personal is a gateway of personal data accounts with one account.
type personal struct {
	*server
	owner    string   // a token of the owner's
	families []string // a token each of as many families
}

// startPersonal makes the account and its tokens as users do: by commands, a sign-in,
// and an application's request for each token.
func (b *bench) startPersonal(ctx context.Context) (*personal, error) {
	say("making %s token families of one account", thousands(b.families))
	p := &personal{families: make([]string, b.families)}
	var err error
	if p.server, err = b.start(ctx, "personal", personalSite, filepath.Join(b.directory, "personal-store")); err != nil {
		return nil, err
	}
	host, _, _ := strings.Cut(p.address, ":")
	for _, command := range [][]string{
		{"account", "create", host, "--username", ownerName, "--password-file", "-"},
		{"application", "add", application, "--version", "1.0.0", "--grant", "namespace-read:notes"},
	} {
		if err := p.command(ctx, b.binary, ownerPassword+"\n", command...); err != nil {
			return nil, err
		}
	}
	if p.owner, err = p.tokenOf(ctx, signInPath, "username", ownerName, "password", ownerPassword); err != nil {
		return nil, err
	}
	if err := p.ask(ctx, applicationPath+"/setup", nil, tokenHeader, p.owner); err != nil {
		return nil, err
	}
	return p, p.mint(ctx, b.connections)
}

// tokenHeader carries a token of an account.
const tokenHeader = "X-Auth-Token"

// mint asks for the families' tokens, several at a time.
func (p *personal) mint(ctx context.Context, parallel int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		workers sync.WaitGroup
		taken   atomic.Int64
	)
	for range parallel {
		workers.Go(func() {
			for {
				n := int(taken.Add(1)) - 1
				if n >= len(p.families) || ctx.Err() != nil {
					return
				}
				token, err := p.tokenOf(ctx, applicationPath+"/access-token", tokenHeader, p.owner)
				if err != nil {
					cancel(err)
					return
				}
				p.families[n] = token
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// command runs the binary as an operator does.
func (s *server) command(ctx context.Context, binary, stdin string, args ...string) error {
	all := append(append([]string{"gatehouse"}, args...), "--config", filepath.Join(s.directory, "Caddyfile"), "--adapter", "caddyfile")
	cmd := exec.CommandContext(ctx, binary, all...)
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+s.directory, "XDG_CONFIG_HOME="+s.directory)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args[:2], " "), err, out)
	}
	return nil
}

// tokenOf asks for a token that the answer's body holds.
func (p *personal) tokenOf(ctx context.Context, path string, headers ...string) (string, error) {
	var answer struct{ AccessToken string }
	err := p.ask(ctx, path, &answer, headers...)
	if err == nil && answer.AccessToken == "" {
		err = errors.New("the answer holds no token")
	}
	return answer.AccessToken, err
}

// ask sends a GET with names and values of headers, and decodes the answer.
func (p *personal) ask(ctx context.Context, path string, answer any, headers ...string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, http.NoBody)
	if err != nil {
		return err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(body, answer)
}

// personalWorks are what is measured of personal data accounts against bare Caddy.
func (p *personal) works() []work {
	return []work{
		{
			name: personalPrefix + "repeated token, a fresh one on every answer", limit: 1.10, status: http.StatusOK,
			request: func(host string, _ uint64) []byte { return personalCall(host, p.owner) },
		},
		{
			// A signature for each family that was not called for a minute: the fewer calls
			// each gets, the more of them.
			name: personalPrefix + thousands(uint64(len(p.families))) + " families in rotation", status: http.StatusOK,
			request: func(host string, n uint64) []byte { return personalCall(host, p.families[n%uint64(len(p.families))]) },
		},
	}
}

// personalPrefix begins the names of all that is measured of personal data accounts.
const personalPrefix = "pda: "
