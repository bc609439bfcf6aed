package delta

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

func TestPageTokensComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	sealer, scope := secret.NewSealer(secret.NewMasterKey()), []byte("scope")
	lengths := make(map[int]bool)
	for _, at := range []position{
		{},
		{skip: 1},
		{token: "t", chain: 9999},
		{token: "\x00", skip: 1<<32 - 1},
		{token: strings.Repeat("x", 238)},
		{token: strings.Repeat("x", 239)},
		{token: strings.Repeat("x", maxUpstreamToken)},
	} {
		token := sealPosition(sealer, at, scope, noon)
		if got, err := openPosition(sealer, token, scope, noon); err != nil || got != at {
			t.Errorf("%+v comes back as %+v, %v", at, got, err)
		}
		if strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(token) > maxPageToken {
			t.Errorf("token %q", token)
		}
		lengths[len(token)] = true
	}
	if len(lengths) != 3 { // one, two and 17 blocks
		t.Errorf("lengths %v tell of the position", lengths)
	}
}

func TestPageTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	sealer, scope := secret.NewSealer(secret.NewMasterKey()), []byte("scope")
	good := sealPosition(sealer, position{token: "t", skip: 3}, scope, noon)
	for name, token := range map[string]string{
		"empty": "", "truncated": good[:len(good)-4], "cut to nothing": good[:4], "longer": good + "AAAA", "padded": good + "==",
		"of another key":           sealPosition(secret.NewSealer(secret.NewMasterKey()), position{}, scope, noon),
		"for something else":       sealPosition(sealer, position{}, []byte("other"), noon),
		"another sealed value":     base64.RawURLEncoding.EncodeToString(sealer.Seal([]byte("short"), scope)),
		"a length beyond its end":  base64.RawURLEncoding.EncodeToString(sealer.Seal(append(make([]byte, 16), 255, 255), scope)),
		"of the reference server":  "CgZvZmZzZXQQARgC",
		"other alphabet":           strings.NewReplacer("-", "+", "_", "/").Replace(good) + "+",
		"line break":               good[:8] + "\n" + good[8:],
		"overlong":                 strings.Repeat("A", maxPageToken+1),
		"last bits not zero":       good[:len(good)-1] + "_",
		"one character is another": flip(good),
	} {
		if got, err := openPosition(sealer, token, scope, noon); !errors.Is(err, errPageToken) || got != (position{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for age, ok := range map[time.Duration]bool{
		0: true, pageTokenLifetime - time.Second: true, pageTokenLifetime: false, pageTokenLifetime + time.Hour: false, -time.Hour: true,
	} {
		if _, err := openPosition(sealer, good, scope, noon.Add(age)); (err == nil) != ok {
			t.Errorf("after %s: %v", age, err)
		}
	}
}

func flip(token string) string {
	at := len(token) / 2
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}

// A token holds for one recipient, at one listing of one site.
func TestPageTokensElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.PageSize = 2 })
	behind := (&lister{items: named("a", "b", "c"), limit: 500}).ServeHTTP
	s.upstream = behind
	acme, _ := s.holder("acme", "sales")
	other, _ := s.holder("other", "sales")
	_, page := s.list(acme, tablesPath)
	query := "?pageToken=" + *page.NextPageToken
	s.list(acme, tablesPath+query)
	s.list(acme, "/shares/SALES/schemas/r%65tail/tables"+query) // the same listing, spelt otherwise
	sister := func(change func(*Config)) *site {
		other := s.with(change)
		other.upstream = behind
		return other
	}
	for name, a := range map[string]*answer{
		"another recipient":     s.data(other, "GET", tablesPath+query),
		"another listing":       s.data(acme, "GET", schemasPath+query),
		"another schema":        s.data(acme, "GET", "/shares/sales/schemas/wholesale/tables"+query),
		"all tables":            s.data(acme, "GET", allTablesPath+query),
		"another page size":     sister(func(c *Config) { c.PageSize = 3 }).data(acme, "GET", tablesPath+query),
		"stripped of locations": sister(func(c *Config) { c.PageSize, c.StripLocations = 2, true }).data(acme, "GET", tablesPath+query),
		"another site":          sister(func(c *Config) { c.PageSize, c.PublicURL = 2, "https://other.example.com" }).data(acme, "GET", tablesPath+query),
		"HEAD of another":       s.data(other, "HEAD", tablesPath+query),
		"altered":               s.data(acme, "GET", tablesPath+"?pageToken="+flip(*page.NextPageToken)),
		"twice":                 s.data(acme, "GET", tablesPath+query+"&pageToken="+*page.NextPageToken),
	} {
		a.wantError(t, http.StatusBadRequest, "INVALID_PARAMETER_VALUE")
		if len(a.reads) != 0 {
			t.Errorf("%s: the server behind is asked", name)
		}
	}
	s.clock.Advance(pageTokenLifetime)
	s.data(acme, "GET", tablesPath+query).wantError(t, http.StatusBadRequest, "INVALID_PARAMETER_VALUE")
}

// FuzzPageToken: what was not issued is refused.
func FuzzPageToken(f *testing.F) {
	sealer, scope := secret.NewSealer(secret.NewMasterKey()), []byte("scope")
	issued := sealPosition(sealer, position{token: "t"}, scope, noon)
	for _, seed := range []string{"", "A", issued, flip(issued), strings.Repeat("A", 400), "%00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		at, err := openPosition(sealer, token, scope, noon)
		if (err == nil) != (token == issued) || err != nil && (!errors.Is(err, errPageToken) || at != (position{})) {
			t.Errorf("%q: %+v, %v", token, at, err)
		}
	})
}
