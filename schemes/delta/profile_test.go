package delta

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// The bytes of a credential file, but for the token. Spark's reader wants version
// 1 for a bearer token; the form of the time is the one that all clients read.
func TestProfileIsKept(t *testing.T) {
	t.Parallel()
	const golden = `{"shareCredentialsVersion":1,"bearerToken":"TOKEN","endpoint":"https://sharing.example.com/delta-sharing","expirationTime":"2027-02-20T12:00:00.000Z"}`
	s := newSite(t, func(c *Config) { c.PublicURL += "/" }) // no slash may be doubled
	created, _ := s.recipient("acme")
	a := s.serve(schemestest.Request("GET", path(created.Link), ""))
	a.wantStatus(t, http.StatusOK)
	if got := regexp.MustCompile(`ghd_[a-z2-7]{56}`).ReplaceAllString(a.Body.String(), "TOKEN"); got != golden {
		t.Errorf("got  %s\nwant %s", got, golden)
	}
	a.wantHeaders(t, append([]string{
		"Content-Type", "application/json; charset=utf-8", "Content-Disposition", `attachment; filename="config.share"`,
	}, linkHeaders...)...)
}

func TestTokenLivesFromTheUseOfItsLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const later = 50 * time.Hour
	tests := []struct {
		name string
		life time.Duration // the recipient's own
		want time.Time
	}{
		{"the site's lifetime", 0, noon.Add(later + DefaultTokenLifetime)},
		{"the recipient's own, shorter", time.Hour, noon.Add(later + time.Hour)},
		{"the recipient's own, longer", 365 * 24 * time.Hour, noon.Add(later + 365*24*time.Hour)},
	}
	links := make([]string, len(tests))
	for i, tt := range tests {
		created, err := s.Create(t.Context(), Order{Name: string(rune('a' + i)), TokenLifetime: tt.life}, "test")
		must(t, err)
		links[i] = created.Link
	}
	s.clock.Advance(later)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p profile
			s.serve(schemestest.Request("GET", path(links[i]), "")).wantJSON(t, http.StatusOK, &p)
			if got, err := time.Parse(profileTime, p.ExpirationTime); err != nil || !got.Equal(tt.want) {
				t.Errorf("expires %s, %v; want %s", p.ExpirationTime, err, tt.want)
			}
			s.clock.Set(tt.want.Add(-time.Second))
			s.data(p.BearerToken, "GET", "/shares").wantStatus(t, http.StatusOK)
			s.clock.Set(tt.want)
			s.data(p.BearerToken, "GET", "/shares").wantStatus(t, http.StatusUnauthorized)
			s.clock.Set(noon.Add(later))
		})
	}
}

// A link that was shortened gives no longer life than was allowed.
func TestShortenedLinkGivesAShortToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created, key := s.recipient("acme")
	s.api(key, "PATCH", expiry("3600")).wantStatus(t, http.StatusOK)
	s.clock.Advance(30 * time.Minute)
	var p profile
	s.serve(schemestest.Request("GET", path(created.Link), "")).wantJSON(t, http.StatusOK, &p)
	if p.ExpirationTime != "2026-11-22T13:00:00.000Z" {
		t.Errorf("expires %s", p.ExpirationTime)
	}
}
