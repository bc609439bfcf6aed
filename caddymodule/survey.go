package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// A survey counts how the recipients of a realm stand, for metrics. It reads the whole
// realm, so it is taken in the background, and seldom enough to cost little.
const (
	surveyInterval = 5 * time.Minute
	// surveyRest is how long a survey is rested from, in times of how long it took.
	surveyRest = 20
	// surveyExpiring is how soon what counts as expiring ends.
	surveyExpiring = 14 * 24 * time.Hour
	// maxOldTokens is how many recipients with an old token have a metric of their own,
	// in each realm: those that used it last.
	maxOldTokens = 1000
)

// States that recipients are counted by; a recipient can be in several.
const (
	stateAll         = "all"
	stateDisabled    = "disabled"
	stateExpiring    = "token_expiring"
	stateUnretrieved = "link_unretrieved"
	stateOldInUse    = "old_token_in_use"
	stateNoToken     = "no_token"
)

// survey is what was found in one realm.
type survey struct {
	states map[string]int
	old    []oldUse
}

// oldUse is until when a recipient may have used an old token that it still holds: the
// last use, and never before its rotation or import, as nothing is known of earlier.
type oldUse struct {
	recipient string
	at        time.Time
}

// takeSurvey reads a realm page by page.
func takeSurvey(ctx context.Context, store *tokenstore.Store, realm string) (survey, error) {
	s := survey{states: map[string]int{
		stateAll: 0, stateDisabled: 0, stateExpiring: 0, stateUnretrieved: 0, stateOldInUse: 0, stateNoToken: 0,
	}}
	for after := ""; ; {
		if err := ctx.Err(); err != nil {
			return survey{}, err
		}
		page, next, err := store.Overviews(ctx, realm, after, pageSize)
		if err != nil {
			return survey{}, err
		}
		now := store.Now()
		for _, o := range page {
			s.add(o.Recipient.Name, standingOf(o, now), now)
		}
		if len(s.old) > 2*maxOldTokens {
			s.latest()
		}
		if after = next; after == "" {
			s.latest()
			return s, nil
		}
	}
}

func (s *survey) add(recipient string, stands standing, now time.Time) {
	for state, holds := range map[string]bool{
		stateAll:         true,
		stateDisabled:    stands.disabled,
		stateExpiring:    stands.expiresWithin(surveyExpiring, now),
		stateUnretrieved: stands.linkWaits,
		stateOldInUse:    stands.oldInUse(0, now),
		stateNoToken:     !stands.usable && !stands.linkWaits,
	} {
		if holds {
			s.states[state]++
		}
	}
	if stands.old {
		s.old = append(s.old, oldUse{recipient, later(stands.oldSince, stands.oldUsed)})
	}
}

// latest keeps those that used an old token last.
func (s *survey) latest() {
	slices.SortFunc(s.old, func(a, b oldUse) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.recipient, b.recipient)) })
	s.old = s.old[:min(len(s.old), maxOldTokens)]
}

// surveys are the last surveys of the process's realms, as metrics. What a
// configuration found stays over a reload, until the next one's surveyor has been
// round once; an earlier one never replaces what a later one found.
type surveys struct {
	mu      sync.Mutex
	last    uint64          // number of the surveyor that began last
	running map[uint64]bool // surveyors by their numbers
	latest  map[string]ownedSurvey
}

// join gives a surveyor its number.
func (s *surveys) join() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running, s.latest = make(map[uint64]bool), make(map[string]ownedSurvey)
	}
	s.last++
	s.running[s.last] = true
	return s.last
}

// ownedSurvey is a survey and the number of the surveyor that took it.
type ownedSurvey struct {
	survey
	owner uint64
}

var (
	recipientsDesc = prometheus.NewDesc("gatehouse_delta_recipients",
		"Recipients of a realm by how they stand; one can be in several states.", []string{"realm", "state"}, nil)
	oldTokenDesc = prometheus.NewDesc("gatehouse_delta_old_token_last_used_timestamp_seconds",
		"When a recipient last used a rotated or imported token that it still holds, or, if that is later or it never did, when such a token was rotated or imported. At most 1000 recipients of a realm.",
		[]string{"realm", "recipient"}, nil)
)

func (s *surveys) put(owner uint64, realm string, found survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.latest[realm].owner; before <= owner || !s.running[before] {
		s.latest[realm] = ownedSurvey{found, owner}
	}
}

// settle ends a surveyor's round: what those found who run no more is dropped.
func (s *surveys) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for realm, found := range s.latest {
		if !s.running[found.owner] {
			delete(s.latest, realm)
		}
	}
}

// leave takes a surveyor out. What it found goes with it, unless another runs.
func (s *surveys) leave(owner uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, owner)
	if len(s.running) == 0 {
		clear(s.latest)
	}
}

// Describe implements prometheus.Collector.
func (s *surveys) Describe(descs chan<- *prometheus.Desc) {
	descs <- recipientsDesc
	descs <- oldTokenDesc
}

// Collect implements prometheus.Collector.
func (s *surveys) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for realm, found := range s.latest {
		for state, count := range found.states {
			out <- prometheus.MustNewConstMetric(recipientsDesc, prometheus.GaugeValue, float64(count), realm, state)
		}
		for _, use := range found.old {
			out <- prometheus.MustNewConstMetric(oldTokenDesc, prometheus.GaugeValue, float64(use.at.Unix()), realm, use.recipient)
		}
	}
}

// surveyor takes surveys of an app's realms until it is stopped.
type surveyor struct {
	app    *App
	number uint64
	into   *surveys
	after  func(time.Duration) <-chan time.Time
	stop   context.CancelFunc
	ended  chan struct{}
}

// startSurveys begins with the first survey at once. A nil clock is time.After.
func startSurveys(app *App, into *surveys, after func(time.Duration) <-chan time.Time) *surveyor {
	if after == nil {
		after = time.After
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &surveyor{app: app, number: into.join(), into: into, after: after, stop: stop, ended: make(chan struct{})}
	go s.run(ctx)
	return s
}

func (s *surveyor) run(ctx context.Context) {
	defer close(s.ended)
	for {
		began := time.Now()
		for _, realm := range s.app.deltaRealms() {
			err := s.take(ctx, realm)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				s.app.logger.Error("counting recipients; it is tried again", zap.String("realm", realm), zap.Error(err))
			}
		}
		s.into.settle()
		select {
		case <-ctx.Done():
			return
		case <-s.after(max(surveyInterval, surveyRest*time.Since(began))):
		}
	}
}

func (s *surveyor) take(ctx context.Context, realm string) error {
	backend, err := s.app.open(ctx)
	if err != nil {
		return err
	}
	found, err := takeSurvey(ctx, backend.Store, realm)
	if err == nil {
		s.into.put(s.number, realm, found)
	}
	return err
}

// Stop ends the surveys, and waits for the one under way to break off.
func (s *surveyor) Stop() {
	s.stop()
	<-s.ended
	s.into.leave(s.number)
}

// deltaRealms are the realms of Delta Sharing that sites of the configuration have.
func (a *App) deltaRealms() []string {
	var realms []string
	for _, scheme := range a.schemes() {
		if scheme.Name() == delta.Name {
			realms = append(realms, scheme.Realm())
		}
	}
	slices.Sort(realms)
	return realms
}

// warnOfUpstreamTokens warns of each realm in which a recipient brought the token of
// the server behind: an operator wants that to be over one day.
func (a *App) warnOfUpstreamTokens(ctx context.Context) {
	for _, scheme := range a.schemes() {
		d, ok := scheme.(*delta.Scheme)
		if !ok {
			continue
		}
		recipient, err := d.UpstreamTokenHolder(ctx)
		switch {
		case errors.Is(err, tokenstore.ErrClosed):
		case err != nil:
			a.logger.Error("looking for recipients with the data server's own token", zap.String("realm", d.Realm()), zap.Error(err))
		case recipient != "":
			a.logger.Warn("a recipient uses the data server's own token: whoever holds it can also reach the server directly, past the gateway, if the network lets them; change the server's token, and upstream_token with it, then move its partners to recipients of their own, and revoke it",
				zap.String("realm", d.Realm()), zap.String("recipient", recipient))
		}
	}
}
