package pda

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// claims are what a token says. Its subject is left out: nobody but the server behind
// looks at it (subject.go).
type claims struct {
	ID     string // jti: of the whole family, and never changed
	Issuer string // iss: host, with its port unless that is the usual one

	// Resource and Scope are those of an owner's and of a service's token.
	Resource string
	Scope    string // accessScope
	// Application and Version are those of an application's.
	Application string
	Version     string

	IssuedAt time.Time // iat: the last refresh, in whole seconds
	Expires  time.Time // exp: the absolute end, in whole seconds
}

const (
	// jtiBytes is the length of a token's id before it is written in hex.
	jtiBytes = 128
	// maxAhead is how far ahead of the gateway's clock a token may have been issued: by
	// another gateway of the same accounts.
	maxAhead = 60 * time.Second
	// latest is the end of the year 9999, in Unix seconds: later times overflow on
	// their way through time.Time.
	latest = 253402300799
)

// newJTI makes the id of a family.
func newJTI() string {
	var id [jtiBytes]byte
	rand.Read(id[:]) //nolint:errcheck // never fails since Go 1.24
	return hex.EncodeToString(id[:])
}

// isJTI takes what newJTI makes.
func isJTI(s string) bool {
	return len(s) == 2*jtiBytes && strings.Trim(s, "0123456789abcdef") == ""
}

// whole tells whether the claims are those that a token must have: it is an owner's or
// service's, or an application's, and never both; its times lie between 1970, which some
// libraries take for no limit, and the year 9999.
func (c claims) whole() bool {
	if !isJTI(c.ID) || c.Issuer == "" || !isMoment(c.IssuedAt.Unix()) || !isMoment(c.Expires.Unix()) {
		return false
	}
	for _, text := range []string{c.Issuer, c.Resource, c.Scope, c.Application, c.Version} {
		if !utf8.ValidString(text) {
			return false
		}
	}
	if c.Application != "" {
		return c.Scope == "" && c.Resource == ""
	}
	return c.Scope != "" && c.Version == ""
}

// are tells whether the claims are those with which a family began.
func (c claims) are(family tokenstore.Token) bool {
	scope := family.Family.Scope
	if scope == tokenstore.ApplicationScope {
		scope = ""
	}
	return c.Application == family.Family.Application && c.Scope == string(scope) && c.Expires.Equal(family.ExpiresAt)
}

func isMoment(seconds int64) bool { return 0 < seconds && seconds <= latest }

// check tells whether a token still holds: neither its absolute end has passed, nor has
// it been idle for longer than it may. Both count in whole seconds, the last of which
// is still good; there is no leeway, as no other clock wrote them. The error wraps
// errToken.
func (c claims) check(now time.Time, idle time.Duration) error {
	switch {
	case c.IssuedAt.After(now.Add(maxAhead)):
		return refused("issued in the future")
	case now.Unix() > c.Expires.Unix():
		return refused("past its absolute end")
	case now.Unix() > c.idleEnd(idle):
		return refused("idle for too long")
	default:
		return nil
	}
}

// ends is the first instant at which check refuses the token for good.
func (c claims) ends(idle time.Duration) time.Time {
	return time.Unix(min(c.Expires.Unix(), c.idleEnd(idle))+1, 0)
}

// idleEnd is the last second at which the token is good without a refresh.
func (c claims) idleEnd(idle time.Duration) int64 {
	return c.IssuedAt.Unix() + int64(idle/time.Second)
}

// issuedBy tells whether the issuer is a host, in its one spelling. The port does not
// count: one gateway may be reached by several.
func (c claims) issuedBy(host string) bool {
	issuer, err := canonpath.Host(c.Issuer)
	return err == nil && issuer == host
}
