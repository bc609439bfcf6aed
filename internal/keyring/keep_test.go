package keyring

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// shelf is a Keeper in memory.
type shelf struct {
	mu       sync.Mutex
	document []byte
	fetched  time.Time
	saves    int
	load     error
	save     error
}

func (s *shelf) Load(context.Context) ([]byte, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.document, s.fetched, s.load
}

func (s *shelf) Save(_ context.Context, document []byte, fetched time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	if s.save == nil {
		s.document, s.fetched = bytes.Clone(document), fetched
	}
	return s.save
}

// fail makes all saves fail; nil mends them.
func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.save = err
}

func (s *shelf) saved() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves
}

// afterRestart is an issuer with what was kept, and without a network. It is made at
// the epoch plus that time.
func (s *shelf) afterRestart(t *testing.T, after time.Duration, change func(*IssuerConfig)) (*Issuer, *clock) {
	t.Helper()
	c := &clock{now: epoch.Add(after)}
	cfg := IssuerConfig{
		Issuer: aaa, AudiencePerCall: true, JWKS: "https://aaa.example.com/jwks", IgnoreKeyIDs: true,
		Algorithms: []string{"ES256"}, Now: c.Now, Keep: s,
	}
	if change != nil {
		change(&cfg)
	}
	i, err := NewIssuer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return i, c
}

func TestKeptKeysServeAfterARestart(t *testing.T) {
	s, kept := newSigners(t, 2), &shelf{}
	f := newFakeIssuer(t, s[0].public())
	overlap := func(c *IssuerConfig) { c.Keep, c.Overlap = kept, 2*time.Hour }
	before, c := aaaIssuer(t, f, overlap)
	c.advance(time.Hour)
	f.publish(s[1].public())
	before.mustRefresh(t)

	i, c := kept.afterRestart(t, time.Hour, overlap)
	if err := i.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if i.Fingerprint() != before.Fingerprint() {
		t.Error("the same keys have another fingerprint")
	}
	if got := i.verifies(t, s...); got != "ab" {
		t.Errorf("keys %q are good", got)
	}
	c.advance(time.Hour)
	if got := i.verifies(t, s...); got != "b" {
		t.Errorf("at the end of the overlap keys %q are good", got)
	}
	if until := i.KeysUntil(); !until.Equal(epoch.Add(time.Hour + DefaultMaxAge)) {
		t.Errorf("the keys are used until %v: their age is not that of the fetch", until)
	}
	c.advance(DefaultMaxAge)
	if _, err := i.VerifyAnyAudience(t.Context(), s[1].byAAA(t, nil)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("too old: got %v", err)
	}

	i, _ = kept.afterRestart(t, time.Hour, nil)
	if err := i.Restore(t.Context()); err != nil || i.verifies(t, s...) != "b" {
		t.Errorf("without an overlap any more, keys %q are good, %v", i.verifies(t, s...), err)
	}
}

func TestWhatIsKeptBadlyIsNotRestored(t *testing.T) {
	good, err := newKeySet([]publicKey{{key: p256.Public()}}, nil, epoch, 0).document()
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSuffix(strings.TrimPrefix(string(good), `{"keys":[`), `]}`)
	for name, test := range map[string]struct {
		shelf    *shelf
		restored bool
		fails    bool
	}{
		"good":                  {shelf: &shelf{document: good, fetched: epoch}, restored: true},
		"nothing":               {shelf: &shelf{}},
		"a failure":             {shelf: &shelf{load: errors.New("down")}, fails: true},
		"as old as it may be":   {shelf: &shelf{document: good, fetched: epoch.Add(-DefaultMaxAge)}, restored: true},
		"older":                 {shelf: &shelf{document: good, fetched: epoch.Add(-DefaultMaxAge - time.Second)}},
		"of a clock in advance": {shelf: &shelf{document: good, fetched: epoch.Add(DefaultLeeway)}, restored: true},
		"from the future":       {shelf: &shelf{document: good, fetched: epoch.Add(DefaultLeeway + time.Second)}, fails: true},
		"garbage":               {shelf: &shelf{document: []byte("garbage"), fetched: epoch}, fails: true},
		"empty":                 {shelf: &shelf{document: []byte{}, fetched: epoch}, fails: true},
		"no keys":               {shelf: &shelf{document: []byte(`{}`), fetched: epoch}, fails: true},
		"a key that is none":    {shelf: &shelf{document: []byte(`{"keys":[` + key + `,{}]}`), fetched: epoch}, fails: true},
		"one that is gone so":   {shelf: &shelf{document: []byte(`{"keys":[` + key + `],"gone":[{"seen":1}]}`), fetched: epoch}, fails: true},
		"keys twice":            {shelf: &shelf{document: []byte(`{"keys":[],"keys":[` + key + `]}`), fetched: epoch}, fails: true},
		"too long":              {shelf: &shelf{document: append(bytes.Repeat([]byte(" "), maxDocument), good...), fetched: epoch}, fails: true},
	} {
		i, _ := test.shelf.afterRestart(t, 0, nil)
		if err := i.Restore(t.Context()); (err != nil) != test.fails {
			t.Errorf("%s: %v", name, err)
		}
		_, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, nil))
		if test.restored && err != nil || !test.restored && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s, a token: %v", name, err)
		}
		if i.KeysUntil().IsZero() == test.restored {
			t.Errorf("%s: there are keys until %v", name, i.KeysUntil())
		}
	}
}

func TestRestoreDoesNotBringBackWhatAFetchReplaced(t *testing.T) {
	s, kept := newSigners(t, 2), &shelf{}
	before, _ := aaaIssuer(t, newFakeIssuer(t, s[0].public()), func(c *IssuerConfig) { c.Keep = kept })
	if got := before.verifies(t, s...); got != "a" {
		t.Fatalf("keys %q", got)
	}
	old := &shelf{document: kept.document, fetched: kept.fetched}
	i, _ := aaaIssuer(t, newFakeIssuer(t, s[1].public()), func(c *IssuerConfig) { c.Keep = old })
	old.document = kept.document
	if err := i.Restore(t.Context()); err != nil || i.verifies(t, s...) != "b" {
		t.Errorf("keys %q are good, %v", i.verifies(t, s...), err)
	}
	stopped, _ := kept.afterRestart(t, 0, nil)
	stopped.stop()
	if err := stopped.Restore(t.Context()); err != nil || stopped.keys.Load() != nil {
		t.Errorf("stopped, and has keys again, %v", err)
	}
}

// A withdrawal is kept as well: a restart must not undo it.
func TestWithdrawnKeysAreNotRestored(t *testing.T) {
	kept := &shelf{}
	f := newFakeIssuer(t, byEC.public())
	before, _ := aaaIssuer(t, f, func(c *IssuerConfig) { c.Keep = kept })
	f.publish()
	before.mustRefresh(t)
	i, _ := kept.afterRestart(t, 0, nil)
	if err := i.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, nil)); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("got %v", err)
	}
}

func TestKeysAreKeptWhenTheyChangeAndHourly(t *testing.T) {
	n, kept := &network{}, &shelf{}
	var log record
	change := func(c *IssuerConfig) {
		c.Keep, c.Logger = kept, slog.New(slog.NewTextHandler(&log, nil))
	}
	run(t, n, change, func(t *testing.T, i *Issuer) {
		want := func(what string, saves int) {
			t.Helper()
			synctest.Wait()
			if got := kept.saved(); got != saves {
				t.Errorf("%s: saved %d times, want %d", what, got, saves)
			}
		}
		want("the first keys", 1)
		elapse(59 * time.Minute)
		want("the same keys, five times", 1)
		elapse(time.Minute)
		want("after an hour", 2)
		n.publish(t, byEC2.public())
		elapse(DefaultRefresh)
		want("new keys", 3)
		n.down.Store(true)
		elapse(3 * time.Hour)
		want("nothing was fetched", 3)
		if kept.fetched.After(time.Now().Add(-3 * time.Hour)) {
			t.Error("what was not fetched looks fresh")
		}
		n.down.Store(false)
		elapse(time.Minute)
		want("back again", 4)

		kept.fail(errors.New("disk full"))
		n.publish(t, byEC.public())
		elapse(DefaultRefresh)
		want("a failure", 5)
		if _, err := i.Verify(t.Context(), now(byEC, t, nil)); err != nil {
			t.Errorf("keys that cannot be kept are good: %v", err)
		}
		if !strings.Contains(log.String(), "disk full") {
			t.Error("nobody was told")
		}
		kept.fail(nil)
		elapse(DefaultRefresh)
		want("tried again", 6)
		elapse(DefaultRefresh)
		want("and kept", 6)
	})
}

func TestRestartWithinTheHourWritesNothing(t *testing.T) {
	kept := &shelf{}
	f := newFakeIssuer(t, byEC.public())
	aaaIssuer(t, f, func(c *IssuerConfig) { c.Keep = kept })
	i, c := kept.afterRestart(t, 30*time.Minute, func(c *IssuerConfig) { c.JWKS = f.URL + "/keys" })
	if err := i.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	i.mustRefresh(t)
	if got := kept.saved(); got != 1 {
		t.Errorf("saved %d times", got)
	}
	c.advance(30 * time.Minute)
	i.mustRefresh(t)
	if got := kept.saved(); got != 2 {
		t.Errorf("an hour after the last time: saved %d times", got)
	}
}

func TestRestoreBesideRun(t *testing.T) {
	kept := &shelf{}
	f := newFakeIssuer(t, byEC.public())
	aaaIssuer(t, f, func(c *IssuerConfig) { c.Keep = kept })
	i, _ := kept.afterRestart(t, 0, func(c *IssuerConfig) { c.JWKS = f.URL + "/keys" })
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { i.Run(ctx) })
	for range 4 {
		all.Go(func() {
			if err := i.Restore(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := i.VerifyAnyAudience(t.Context(), byEC.byAAA(t, nil)); err != nil {
				t.Error(err)
			}
			i.Fingerprint()
		})
	}
	for range 100 {
		_, _ = i.VerifyAnyAudience(ctx, byEC2.byAAA(t, nil))
	}
	cancel()
	all.Wait()
}

// What a release has kept, every later one reads.
func TestGoldenOfKeptKeys(t *testing.T) {
	const golden = `{"keys":[{"use":"sig","kty":"EC","kid":"ES256","crv":"P-256","alg":"ES256",` +
		`"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}],` +
		`"gone":[{"key":{"use":"sig","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},"seen":1795348800}]}`
	keys, gone, err := parseDocument([]byte(golden)) // the keys are those of RFC 7515, A.3.1, and RFC 8037, A.2
	if err != nil || len(keys) != 1 || len(gone) != 1 || !gone[0].seen.Equal(time.Unix(1795348800, 0)) {
		t.Fatalf("%v, %v, %v", keys, gone, err)
	}
	if text, err := newKeySet(keys, gone, epoch, 1000*24*time.Hour).document(); err != nil || string(text) != golden {
		t.Errorf("written again:\n%s, %v, want\n%s", text, err, golden)
	}
}

func FuzzParseDocument(f *testing.F) {
	good, err := newKeySet([]publicKey{{id: "a", key: p256.Public()}}, []goneKey{{publicKey: publicKey{key: edKey.Public()}, seen: epoch}}, epoch, time.Hour).document()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"keys":[],"gone":[{"key":{},"seen":1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, gone, err := parseDocument(text)
		if err != nil {
			return
		}
		again, err := newKeySet(keys, gone, epoch, DefaultMaxAge).document()
		if err != nil {
			return // longer than it was
		}
		if same, _, err := parseDocument(again); err != nil || fingerprint(same) != fingerprint(keys) {
			t.Errorf("%q is kept as %q, %v", text, again, err)
		}
	})
}
