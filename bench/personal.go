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

// personal is a gateway of personal data accounts: one at its own address, and as many
// others as the families need.
type personal struct {
	*server
	owner    string   // a token of the first account's owner
	families []family // of the other accounts' application
}

// family is a token family, by one of its tokens.
type family struct{ host, token string }

// familiesPerAccount is how many there are of each account: the gateway gives an owner no
// more than 60 at once.
const familiesPerAccount = 50

// startPersonal makes the accounts and their tokens as users do: by commands, sign-ins,
// and a request for each token.
func (b *bench) startPersonal(ctx context.Context) (*personal, error) {
	accounts := (int(b.families) + familiesPerAccount - 1) / familiesPerAccount
	say("making %s token families of %d accounts", thousands(b.families), accounts)
	p := &personal{families: make([]family, b.families)}
	var err error
	if p.server, err = b.start(ctx, "personal", personalSite, filepath.Join(b.directory, "personal-store")); err != nil {
		return nil, err
	}
	if err := p.command(ctx, b.binary, "", "application", "add", application, "--version", "1.0.0", "--grant", "namespace-read:notes"); err != nil {
		return nil, err
	}
	if p.owner, err = p.account(ctx, b.binary, p.address); err != nil {
		return nil, err
	}
	return p, p.mint(ctx, b.binary, b.connections)
}

// account makes one, lets the application in, and returns a token of its owner's.
func (p *personal) account(ctx context.Context, binary, host string) (owner string, err error) {
	name, _, _ := strings.Cut(host, ":")
	if err := p.command(ctx, binary, ownerPassword+"\n", "account", "create", name, "--username", ownerName, "--password-file", "-"); err != nil {
		return "", err
	}
	if owner, err = p.tokenOf(ctx, host, signInPath, "username", ownerName, "password", ownerPassword); err != nil {
		return "", err
	}
	return owner, p.ask(ctx, host, applicationPath+"/setup", nil, tokenHeader, owner)
}

// tokenHeader carries a token of an account.
const tokenHeader = "X-Auth-Token"

// mint makes the other accounts, several at a time, and asks for the families' tokens.
func (p *personal) mint(ctx context.Context, binary string, parallel int) error {
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
				if n*familiesPerAccount >= len(p.families) || ctx.Err() != nil {
					return
				}
				if err := p.mintAccount(ctx, binary, n); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// mintAccount makes the account of a number, and its families.
func (p *personal) mintAccount(ctx context.Context, binary string, n int) error {
	_, port, _ := strings.Cut(p.address, ":")
	host := fmt.Sprintf("a%d.bench.test:%s", n, port)
	owner, err := p.account(ctx, binary, host)
	if err != nil {
		return err
	}
	first := n * familiesPerAccount
	for i := range p.families[first:min(first+familiesPerAccount, len(p.families))] {
		token, err := p.tokenOf(ctx, host, applicationPath+"/access-token", tokenHeader, owner)
		if err != nil {
			return err
		}
		p.families[first+i] = family{host, token}
	}
	return nil
}

// command runs the binary as an operator does.
func (s *server) command(ctx context.Context, binary, stdin string, args ...string) error {
	_, err := s.printed(ctx, binary, stdin, args...)
	return err
}

// printed is what a command prints to standard output.
func (s *server) printed(ctx context.Context, binary, stdin string, args ...string) (string, error) {
	all := append(append([]string{"gatehouse"}, args...), "--config", filepath.Join(s.directory, "Caddyfile"), "--adapter", "caddyfile")
	cmd := exec.CommandContext(ctx, binary, all...)
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+s.directory, "XDG_CONFIG_HOME="+s.directory)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args[:2], " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// tokenOf asks for a token that the answer's body holds.
func (p *personal) tokenOf(ctx context.Context, host, path string, headers ...string) (string, error) {
	var answer struct{ AccessToken string }
	err := p.ask(ctx, host, path, &answer, headers...)
	if err == nil && answer.AccessToken == "" {
		err = errors.New("the answer holds no token")
	}
	return answer.AccessToken, err
}

// ask sends a GET to a host with names and values of headers, and decodes the answer.
func (p *personal) ask(ctx context.Context, host, path string, answer any, headers ...string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, http.NoBody)
	if err != nil {
		return err
	}
	r.Host = host
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
			name: personalPrefix + "repeated token, a fresh one on every answer", limit: 1.10, status: http.StatusOK, to: p.server,
			request: func(host string, _ uint64) []byte { return personalCall(host, p.owner) },
		},
		{
			// A signature for each family that was not called for a minute: the fewer calls
			// each gets, the more of them.
			name: personalPrefix + thousands(uint64(len(p.families))) + " families in rotation", status: http.StatusOK, to: p.server,
			request: func(host string, n uint64) []byte {
				f := p.families[n%uint64(len(p.families))]
				if host == p.address {
					host = f.host // bare Caddy knows its own alone
				}
				return personalCall(host, f.token)
			},
		},
	}
}

// personalPrefix begins the names of all that is measured of personal data accounts.
const personalPrefix = "pda: "
