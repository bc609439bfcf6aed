package storetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

var keptKeyTests = []storeTest{
	{"the keys of a source are those that were fetched last", keepsLatest},
	{"keys that are none are not kept", keepsNothingElse},
	{"keeping keys is no change that anybody is told of", keepsQuietly},
}

const source = "https://aaa.example.com/auth/v1/jwks"

// keep keeps a document that was fetched at a time after dawn.
func (s *site) keep(t testing.TB, source, document string, fetched time.Duration) error {
	t.Helper()
	return s.KeepKeys(t.Context(), source, tokenstore.KeptKeys{Document: []byte(document), FetchedAt: dawn.Add(fetched)})
}

func (s *site) wantKept(t testing.TB, source, document string, fetched time.Duration) {
	t.Helper()
	kept, err := s.KeptKeysOf(t.Context(), source)
	if err != nil || kept.Source != source || string(kept.Document) != document || !kept.FetchedAt.Equal(dawn.Add(fetched)) {
		t.Errorf("%s: %q of %v for %q, %v, want %q of %v", source, kept.Document, kept.FetchedAt, kept.Source, err, document, dawn.Add(fetched))
	}
}

func keepsLatest(t *testing.T, s *site) {
	if kept, err := s.KeptKeysOf(t.Context(), source); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("before there are any: %+v, %v", kept, err)
	}
	s.clock.advance(time.Hour)
	for _, test := range []struct {
		document string
		fetched  time.Duration
		want     string
		at       time.Duration
	}{
		{"first", time.Minute, "first", time.Minute},
		{"first", 2*time.Minute + time.Millisecond, "first", 2 * time.Minute},
		{"second", 2 * time.Minute, "second", 2 * time.Minute},
		{"of a slow process", time.Minute, "second", 2 * time.Minute},
		{"of a fast clock", 2 * time.Hour, "of a fast clock", 2 * time.Hour},
		{"of a right one", time.Hour, "of a right one", time.Hour},
	} {
		if err := s.keep(t, source, test.document, test.fetched); err != nil {
			t.Fatalf("%s: %v", test.document, err)
		}
		s.wantKept(t, source, test.want, test.at)
	}
	if err := s.keep(t, source+"2", "another's", 0); err != nil {
		t.Fatal(err)
	}
	s.wantKept(t, source, "of a right one", time.Hour)
	s.wantKept(t, source+"2", "another's", 0)
	s.clock.advance(10 * tokenstore.KeepAudit)
	s.pass(t)
	s.wantKept(t, source, "of a right one", time.Hour)
}

func keepsNothingElse(t *testing.T, s *site) {
	for what, test := range map[string]struct {
		source string
		keys   tokenstore.KeptKeys
	}{
		"of nowhere":           {"", tokenstore.KeptKeys{Document: []byte("keys"), FetchedAt: dawn}},
		"of a very long place": {strings.Repeat("s", 5000), tokenstore.KeptKeys{Document: []byte("keys"), FetchedAt: dawn}},
		"nothing":              {source, tokenstore.KeptKeys{FetchedAt: dawn}},
		"of no time":           {source, tokenstore.KeptKeys{Document: []byte("keys")}},
		"too many":             {source, tokenstore.KeptKeys{Document: make([]byte, tokenstore.MaxKeptKeys+1), FetchedAt: dawn}},
	} {
		if err := s.KeepKeys(t.Context(), test.source, test.keys); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", what, err)
		}
	}
	s.wantNone(t, 'v')
	most := bytes.Repeat([]byte("k"), tokenstore.MaxKeptKeys)
	if err := s.keep(t, source, string(most), 0); err != nil {
		t.Fatal(err)
	}
	s.wantKept(t, source, string(most), 0)
}

func keepsQuietly(t *testing.T, s *site) {
	s.wantAnnounced(t, []operation{{"keys", func() error { return s.keep(t, source, "keys", 0) }, nil}})
	s.wantNone(t, 'j')
}
