package pda

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/policies"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Defaults of a site.
const (
	DefaultIdle          = 72 * time.Hour
	DefaultAbsolute      = 30 * 24 * time.Hour
	DefaultRenewInterval = time.Minute
	DefaultBatchLimit    = 4 << 20
)

// Config is what a site says of itself.
type Config struct {
	// Realm that owns the accounts and applications.
	Realm string
	// Idle is how long a token can be used after it was signed, Absolute how long
	// after the sign-in the last token of its family can. Clients know both, and take
	// them for 72 hours and 30 days.
	Idle, Absolute time.Duration
	// RenewInterval is how often a family's token is signed anew, at most.
	RenewInterval time.Duration
	// UpstreamToken forwards a token to a server that checks it with the account's
	// imported keys; otherwise the server gets identity headers and no token.
	UpstreamToken bool
	// Origins may call from a browser, and read the fresh token.
	Origins []string
	// QueryTokens accepts a token in the query, where logs of others may keep it.
	QueryTokens bool
	// CapApplications ends an application's tokens with the sign-in that they came from.
	CapApplications bool
	// LimitStatus answers a sign-in beyond the limits: 429, or 400 as the original.
	LimitStatus int
	// BatchLimit bounds the bodies that are checked record by record, in bytes.
	BatchLimit int64
	// LeaveToServer names what the server behind decides, since the gate cannot.
	LeaveToServer []string
	// Public are paths of a dashboard that can be read without a credential; one that
	// ends in /* stands for all below it.
	Public []string
	// Rules say who may call what; nil: the first of RuleSets.
	Rules []policies.Rule
}

// ErrConfig says that a site's configuration cannot be used; the text names the
// option.
var ErrConfig = errors.New("configuration")

// Check finds what cannot work. The errors wrap ErrConfig and name the option.
func (c *Config) Check() error {
	if err := tokenstore.ValidRealm(c.Realm); err != nil {
		return fmt.Errorf("%w: realm: %w", ErrConfig, err)
	}
	switch {
	case c.RenewInterval < time.Second:
		return fmt.Errorf("%w: renew_interval: at least 1s, since tokens tell their age in seconds", ErrConfig)
	case c.Idle < 4*c.RenewInterval:
		return fmt.Errorf("%w: idle: at least four times the renew_interval, or a token ends before a fresh one is signed", ErrConfig)
	case c.Absolute < c.Idle:
		return fmt.Errorf("%w: absolute: shorter than idle; give both", ErrConfig)
	case c.Absolute > 366*24*time.Hour:
		return fmt.Errorf("%w: absolute: at most 366 days", ErrConfig)
	case c.LimitStatus != http.StatusTooManyRequests && c.LimitStatus != http.StatusBadRequest:
		return fmt.Errorf("%w: sign_in_limit_status: 429, or 400 as the original server", ErrConfig)
	case c.BatchLimit < 1<<10 || c.BatchLimit > batchMemory/2:
		return fmt.Errorf("%w: batch_limit: between 1KiB and 128MiB", ErrConfig)
	}
	if err := CheckOrigins(c.Origins); err != nil {
		return fmt.Errorf("%w: cors: %w", ErrConfig, err)
	}
	for _, area := range c.LeaveToServer {
		if !slices.Contains(Areas, area) {
			return fmt.Errorf("%w: leave_to_server: %q is none of %s", ErrConfig, area, strings.Join(Areas, ", "))
		}
	}
	for _, path := range c.Public {
		if err := checkPublic(path); err != nil {
			return fmt.Errorf("%w: public: %w", ErrConfig, err)
		}
	}
	return nil
}

// guarded are where the paths of accounts' data and sign-ins begin: none of it can be
// made public.
var guarded = []string{"api", "users", "control", "publickey", ".well-known"}

// checkPublic checks a path of the option public.
func checkPublic(path string) error {
	exact := strings.TrimSuffix(path, "/*")
	first, _, _ := strings.Cut(strings.TrimPrefix(exact, "/"), "/")
	switch {
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("%q does not begin with a slash", path)
	case strings.ContainsAny(exact, "*?#%{}\\;") || strings.Contains(path, "//") || strings.Contains(exact+"/", "/../") || strings.Contains(exact+"/", "/./"):
		return fmt.Errorf("%q is not a path as requests have it; a star stands only at the end, after a slash", path)
	case path == "/*":
		return errors.New("/* would make everything public; name the dashboard's own folders")
	case slices.Contains(guarded, first):
		return fmt.Errorf("%q cannot be made public: what is below /%s belongs to the account", path, first)
	}
	return nil
}

// isPublic tells whether the option public names a path.
func (c *Config) isPublic(path string) bool {
	for _, public := range c.Public {
		folder, all := strings.CutSuffix(public, "*")
		if path == public || all && len(path) > len(folder) && strings.HasPrefix(path, folder) {
			return true
		}
	}
	return false
}
