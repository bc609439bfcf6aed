package pda

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTwoClocksRunToTheSecond(t *testing.T) {
	const day = 24 * time.Hour
	signedIn := testClock
	for name, tc := range map[string]struct {
		refreshed time.Duration // since the sign-in
		now       time.Duration // since the sign-in
		good      bool
	}{
		"just signed":                         {0, 0, true},
		"idle for 72 h":                       {0, 72 * time.Hour, true},
		"idle for 72 h, within that second":   {0, 72*time.Hour + time.Second - 1, true},
		"idle for 72 h and a second":          {0, 72*time.Hour + time.Second, false},
		"refreshed, idle for 72 h":            {20 * day, 20*day + 72*time.Hour, true},
		"refreshed, idle for a second longer": {20 * day, 20*day + 72*time.Hour + time.Second, false},
		"refreshed at the last second":        {30 * day, 30 * day, true},
		"after 30 d":                          {30*day - time.Minute, 30 * day, true},
		"after 30 d, within that second":      {30*day - time.Minute, 30*day + time.Second - 1, true},
		"after 30 d and a second":             {30*day - time.Minute, 30*day + time.Second, false},
		"refreshed beyond its end":            {30*day + time.Minute, 30*day + time.Minute, false},
		"a minute ahead of our clock":         {time.Minute, 0, true},
		"a second more ahead":                 {time.Minute + time.Second, 0, false},
		"years later":                         {0, 3000 * day, false},
		"before 1970":                         {0, -30000 * day, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := ownerClaims()
			c.IssuedAt = signedIn.Add(tc.refreshed)
			if err := c.check(signedIn.Add(tc.now), testIdle); (err == nil) != tc.good || err != nil && !errors.Is(err, errToken) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEndsIsTheFirstInstantAtWhichCheckRefuses(t *testing.T) {
	for name, refreshed := range map[string]time.Duration{"idle end first": 0, "absolute end first": 29 * 24 * time.Hour} {
		c := ownerClaims()
		c.IssuedAt = c.IssuedAt.Add(refreshed)
		ends := c.ends(testIdle)
		if err := c.check(ends.Add(-1), testIdle); err != nil {
			t.Errorf("%s: refused before: %v", name, err)
		}
		if err := c.check(ends, testIdle); err == nil {
			t.Errorf("%s: still good", name)
		}
	}
}

func TestIDsAreOfTheContractsShape(t *testing.T) {
	a, b := newJTI(), newJTI()
	if a == b || !isJTI(a) || len(a) != 256 {
		t.Errorf("%s and %s", a, b)
	}
	for _, s := range []string{"", a[1:], a + "0", strings.ToUpper(strings.Repeat("ab", 128)), strings.Repeat("é", 128)} {
		if isJTI(s) {
			t.Errorf("%q is taken for one", s)
		}
	}
}

func TestIssuerIsComparedByItsHost(t *testing.T) {
	for issuer, want := range map[string]bool{
		"alice.pda.example": true, "alice.pda.example:8443": true, "ALICE.pda.example.": true,
		"alice.pda.example:": true,
		"bob.pda.example":    false, "alice.pda.example.evil": false, "alice.pda.example:80:80": false,
		"https://alice.pda.example": false, "alice.pda.example/": false, "": false, "evil@alice.pda.example": false,
	} {
		c := ownerClaims()
		c.Issuer = issuer
		if c.issuedBy("alice.pda.example") != want {
			t.Errorf("%q: want %v", issuer, want)
		}
	}
}
