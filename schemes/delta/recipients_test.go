package delta

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PublicURL += "/" })
	created, err := s.Create(t.Context(), Order{Name: "acme", Comment: "partner", Grants: []string{"Sales", "sales", "finance/q3"}}, "test")
	must(t, err)
	if !regexp.MustCompile(`^https://sharing\.example\.com/delta_sharing/retrieve_config\.html\?gha_[a-z2-7]{56}$`).MatchString(created.Link) {
		t.Errorf("link %s", created.Link)
	}
	r := created.Recipient
	if r.Name != "acme" || r.Comment != "partner" || r.Realm != "partners" || !strings.HasPrefix(r.ID, "rcp_") ||
		!slices.Equal(r.Grants, []string{"Sales", "finance/q3"}) || !created.LinkExpires.Equal(noon.Add(DefaultActivationLifetime)) ||
		!created.ManagementKey.IsZero() {
		t.Errorf("created %+v", created)
	}
	stored, live, err := s.backend.Store.Credentials(t.Context(), "partners", "ACME")
	if err != nil || stored.ID != r.ID || len(live) != 1 || !live[0].Pending || !live[0].Link.ExpiresAt.Equal(created.LinkExpires) {
		t.Errorf("stored %+v with %+v, %v", stored, live, err)
	}
	withKey, err := s.Create(t.Context(), Order{Name: "beta", ManagementKey: true}, "test")
	if _, parseErr := secret.Parse(secret.ManagementKey, withKey.ManagementKey.Reveal()); err != nil || parseErr != nil {
		t.Errorf("%v, %v", err, parseErr)
	}
	if withKey.Recipient.ID == r.ID || withKey.Link == created.Link {
		t.Error("two recipients share an id or a link")
	}

	for name, tt := range map[string]struct {
		order Order
		want  error
	}{
		"name taken":                 {Order{Name: "acme"}, tokenstore.ErrExists},
		"name taken in another case": {Order{Name: "AcMe"}, tokenstore.ErrExists},
		"no name":                    {Order{}, tokenstore.ErrInvalid},
		"bad name":                   {Order{Name: "a/b"}, tokenstore.ErrInvalid},
		"bad grant":                  {Order{Name: "gamma", Grants: []string{"sales", "a b"}}, tokenstore.ErrInvalid},
		"negative lifetime":          {Order{Name: "gamma", TokenLifetime: -time.Hour}, tokenstore.ErrInvalid},
	} {
		if got, err := s.Create(t.Context(), tt.order, "test"); !errors.Is(err, tt.want) || got.Link != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := s.backend.Store.Recipient(t.Context(), "partners", "gamma"); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("a refused order left something: %v", err)
	}
	s.broken.Store(true)
	if _, err := s.Create(t.Context(), Order{Name: "delta"}, "test"); !errors.Is(err, errBroken) {
		t.Errorf("without a store: %v", err)
	}
}

// Link is for operators: what to send to the recipient now.
func TestLinkToShow(t *testing.T) {
	t.Parallel()
	use := func(s *site, link string) { s.follow(link) }
	tests := []struct {
		name   string
		before func(s *site, first string)
		fresh  bool
		same   bool // as the first
		err    error
		live   string
	}{
		{"the one that waits", func(*site, string) {}, false, true, nil, "link"},
		{"a fresh one in its place", func(*site, string) {}, true, false, nil, "link"},
		{"used", use, false, false, tokenstore.ErrTokenInUse, "token"},
		{"used, though a fresh one is asked for", use, true, false, tokenstore.ErrTokenInUse, "token"},
		{"expired", func(s *site, _ string) { s.clock.Advance(DefaultActivationLifetime) }, false, false, nil, "link"},
		{"revoked", func(s *site, _ string) {
			_, err := s.backend.Store.Revoke(s.t.Context(), "partners", "acme", "test")
			must(s.t, err)
		}, false, false, nil, "link"},
		{"used, and the token expired", func(s *site, first string) {
			s.follow(first)
			s.clock.Advance(DefaultTokenLifetime)
		}, false, false, nil, "link"},
		{"rotated, and the new link expired", func(s *site, first string) {
			s.follow(first)
			_, _, err := s.Rotate(s.t.Context(), "acme", 30*24*time.Hour, "test")
			must(s.t, err)
			s.clock.Advance(DefaultActivationLifetime)
		}, false, false, nil, "link rotated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			created, _ := s.recipient("acme")
			tt.before(s, created.Link)
			_, before, err := s.backend.Store.Credentials(t.Context(), "partners", "acme")
			must(t, err)
			link, expires, err := s.Link(t.Context(), "acme", tt.fresh, "test")
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err == nil {
				if (link == created.Link) != tt.same || !expires.Equal(s.clock.Now().Add(DefaultActivationLifetime)) {
					t.Errorf("link %s until %s", link, expires)
				}
				s.serve(schemestest.Request("HEAD", path(link), "")).wantStatus(t, http.StatusOK)
				if !tt.same {
					s.serve(schemestest.Request("HEAD", path(created.Link), "")).wantStatus(t, http.StatusGone)
				}
			}
			_, live, err := s.backend.Store.Credentials(t.Context(), "partners", "acme")
			must(t, err)
			var words []string
			for _, c := range live {
				switch {
				case c.Pending:
					words = append(words, "link")
				case c.Rotated():
					words = append(words, "rotated")
					if end := before[len(before)-1].Token.ExpiresAt; !c.Token.ExpiresAt.Equal(end) {
						t.Errorf("the grace of a rotated token moved from %s to %s", end, c.Token.ExpiresAt)
					}
				default:
					words = append(words, "token")
				}
			}
			if got := strings.Join(words, " "); got != tt.live {
				t.Errorf("live are %q, want %q", got, tt.live)
			}
		})
	}
}

func TestOperatorsErrors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.holder("acme")
	_, _, linkErr := s.Link(t.Context(), "nobody", false, "test")
	_, _, rotateErr := s.Rotate(t.Context(), "nobody", 0, "test")
	if !errors.Is(linkErr, tokenstore.ErrNotFound) || !errors.Is(rotateErr, tokenstore.ErrNotFound) {
		t.Errorf("nobody: %v, %v", linkErr, rotateErr)
	}
	if _, _, err := s.Rotate(t.Context(), "acme", -time.Second, "test"); !errors.Is(err, tokenstore.ErrInvalid) {
		t.Errorf("negative: %v", err)
	}
	link, _, err := s.Rotate(t.Context(), "acme", time.Hour, "test")
	must(t, err)
	s.follow(link)
	if _, _, err := s.Rotate(t.Context(), "acme", time.Hour, "test"); !errors.Is(err, tokenstore.ErrTooManyTokens) {
		t.Errorf("a third token: %v", err)
	}
	s.broken.Store(true)
	_, _, linkErr = s.Link(t.Context(), "acme", false, "test")
	_, _, rotateErr = s.Rotate(t.Context(), "acme", 0, "test")
	_, keyErr := s.NewManagementKey(t.Context(), "acme", "test")
	for _, err := range []error{linkErr, rotateErr, keyErr} {
		if !errors.Is(err, errBroken) {
			t.Errorf("without a store: %v", err)
		}
	}
}

// With another master key a waiting link cannot be shown. Nothing is made up, and
// a rotation mends it.
func TestLinkSealedWithALostMasterKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, key := s.recipient("acme")
	s.backend.Sealer = secret.NewSealer(secret.NewMasterKey())
	call := &schemes.Call{Request: schemestest.Request("GET", apiPath, ""), Identity: &schemes.Identity{
		Subject: created.Recipient.ID, Name: "acme", Roles: []string{roleRead},
	}}
	a := &answer{call: call}
	var refusal *schemes.Refusal
	err := s.serveCredentials(a, call)
	if err == nil || errors.As(err, &refusal) || !strings.Contains(err.Error(), "master key") || strings.Contains(err.Error(), "gha_") {
		t.Errorf("got %v", err)
	}
	list := s.api(key, "POST", expiry("0")).list(t)
	wantCredentials(t, list, "ACTIVE+link")
	s.follow(*list[0].ActivationLink)
}

// A sealed code that is moved to another record opens nothing there.
func TestSealedCodeIsBoundToItsLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.recipient("acme")
	s.recipient("beta")
	_, acme, err := s.backend.Store.Credentials(t.Context(), "partners", "acme")
	must(t, err)
	_, beta, err := s.backend.Store.Credentials(t.Context(), "partners", "beta")
	must(t, err)
	moved := tokenstore.Credential{Slot: beta[0].Slot, Link: acme[0].Link}
	if link, err := s.linkURL(moved); err == nil {
		t.Errorf("beta is shown acme's link %s", link)
	}
	if _, err := s.linkURL(acme[0]); err != nil {
		t.Error(err)
	}
	if _, err := s.with(func(c *Config) { c.Realm = "others" }).linkURL(acme[0]); err == nil {
		t.Error("another realm opens it")
	}
	if raw, err := json.Marshal(acme[0].Link); err != nil || strings.Contains(string(raw), "gha_") {
		t.Errorf("the code is stored in clear: %s, %v", raw, err)
	}
}
