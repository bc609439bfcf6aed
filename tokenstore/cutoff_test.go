package tokenstore_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// A commit whose answer is lost is no success; and it may stand, so that nobody goes on
// with what was read before.
func TestCutOffIsNotAnsweredBeforeItIsCommitted(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	heard := &listener{}
	defer f.Subscribe(heard)()
	cut := func() error {
		got, err := f.CutOff(t.Context(), realm, "ann", "", f.now(), "tester")
		if err != nil && !got.Until.IsZero() {
			t.Errorf("%+v beside the error %v", got, err)
		}
		return err
	}
	for _, failure := range []error{tokenstore.ErrConflict, tokenstore.ErrClosed} {
		fail(&driver.update, failure)
		if err := cut(); !errors.Is(err, failure) {
			t.Errorf("got %v, want %v", err, failure)
		}
	}
	if told := heard.take(); told != nil {
		t.Errorf("told %v of nothing", told)
	}
	fail(&driver.update, nil)
	fail(&driver.answer, tokenstore.ErrOutcomeUnknown)
	if err := cut(); !errors.Is(err, tokenstore.ErrOutcomeUnknown) {
		t.Errorf("got %v, want ErrOutcomeUnknown", err)
	}
	subject := tokenstore.Topic{Realm: realm, Subject: "ann"}
	if told := heard.take(); len(told) != 1 || told[0].topic != subject {
		t.Errorf("told %v", told)
	}
	// Asked again, it stands already, and that is a good answer.
	fail(&driver.answer, nil)
	if err := cut(); err != nil {
		t.Errorf("again: %v", err)
	}
	fail(&driver.view, errors.New("no connection"))
	fail(&driver.answer, tokenstore.ErrOutcomeUnknown)
	f.advance(time.Second)
	if err := cut(); !errors.Is(err, tokenstore.ErrOutcomeUnknown) {
		t.Errorf("got %v, want ErrOutcomeUnknown", err)
	}
	if got, want := heard.take(), []told{{subject, math.MaxUint64}}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

// The cut-off that is there cannot be read: it may be a later one.
func TestCutOffDoesNotReplaceWhatItCannotRead(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, wrapped{driver, func(txn tokenstore.Txn) tokenstore.Txn { return readFails{txn, 'x'} }})
	if _, err := f.CutOff(t.Context(), realm, "ann", "", f.now(), "tester"); !errors.Is(err, errRead) {
		t.Errorf("got %v, want the error of the read", err)
	}
}

// Kept keys are only a copy: what is damaged of them is replaced by the next fetch.
func TestDamagedKeptKeysAreReplaced(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	keep := func(s *tokenstore.Store) error {
		return s.KeepKeys(t.Context(), issuer, tokenstore.KeptKeys{Document: []byte("keys"), FetchedAt: f.now()})
	}
	if err := keep(f.Store); err != nil {
		t.Fatal(err)
	}
	var entries []tokenstore.Entry
	read(t, driver, func(r tokenstore.Reader) (err error) {
		entries, err = r.Scan([]byte{'v'}, nil, 10)
		return err
	})
	write(t, driver, entries, []byte("garbage"))
	if err := keep(f.Store); err != nil {
		t.Errorf("not replaced: %v", err)
	}
	if kept, err := f.KeptKeysOf(t.Context(), issuer); err != nil || string(kept.Document) != "keys" {
		t.Errorf("kept are %+v, %v", kept, err)
	}
	broken := newFixture(t, wrapped{driver, func(txn tokenstore.Txn) tokenstore.Txn { return readFails{txn, 'v'} }})
	if err := keep(broken.Store); !errors.Is(err, errRead) {
		t.Errorf("got %v, want the error of the read", err)
	}
}

func TestUserIsCutOffForManyOthersButNotForAnyNumber(t *testing.T) {
	f := newFixture(t, newMemory())
	cut := func(delegator string) (tokenstore.CutOff, error) {
		return f.CutOff(t.Context(), realm, "ann", delegator, f.now(), "tester")
	}
	const most = 1000
	for i := range most {
		if _, err := cut(fmt.Sprint("delegator ", i)); err != nil {
			t.Fatalf("for delegator %d: %v", i, err)
		}
	}
	if _, err := cut("one more"); !errors.Is(err, tokenstore.ErrInvalid) || !strings.Contains(err.Error(), "cut off all of the user's tokens") {
		t.Errorf("one more: %v, want ErrInvalid, with what to do", err)
	}
	f.advance(time.Second)
	if got, err := cut("delegator 7"); err != nil || len(got.Delegators) != most || !got.Covers(f.now(), "delegator 7") || got.Covers(f.now(), "delegator 8") {
		t.Errorf("one that is there already: %d others, %v", len(got.Delegators), err)
	}
	if got, err := cut(""); err != nil || len(got.Delegators) != 0 {
		t.Errorf("for all: %d others, %v", len(got.Delegators), err)
	}
	f.advance(time.Second)
	if got, err := cut("one more"); err != nil || len(got.Delegators) != 1 {
		t.Errorf("one more, now that there is room: %+v, %v", got, err)
	}
}
