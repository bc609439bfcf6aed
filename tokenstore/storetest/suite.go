package storetest

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Factory makes the stores that are tested.
type Factory struct {
	// New makes room for an empty store and returns its location, in whatever
	// form Open understands; it arranges for the removal. Default: a temporary
	// directory.
	New func(t testing.TB) string

	// Open opens the store at a location, here or in a child process. The suite
	// closes it, and opens it again only after that.
	Open func(location string) (tokenstore.Driver, error)

	// Maintain does to an open store, at once, what the driver otherwise does in
	// the background now and then (garbage collection, compaction). Optional.
	Maintain func(driver tokenstore.Driver) error
}

// RunDriver runs the contract of a driver, as subtests.
func RunDriver(t *testing.T, f Factory) {
	for _, group := range []struct {
		name  string
		tests []driverTest
	}{
		{"values", valueTests},
		{"scan", scanTests},
		{"transaction", transactionTests},
		{"conflict", conflictTests},
		{"feed", feedTests},
		{"prune", pruneTests},
		{"close", closeTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) { test.run(t, f) })
			}
		})
	}
	t.Run("model", func(t *testing.T) { runModel(t, f) })
}

// driverTest is one demand of the contract.
type driverTest struct {
	name string
	run  func(t *testing.T, f Factory)
}

// on makes a driver test that needs one empty store.
func on(test func(t *testing.T, d tokenstore.Driver)) func(*testing.T, Factory) {
	return func(t *testing.T, f Factory) { test(t, f.open(t, f.location(t))) }
}

func (f Factory) location(t testing.TB) string {
	t.Helper()
	if f.New != nil {
		return f.New(t)
	}
	return t.TempDir()
}

// open opens the store at a location and closes it at the end of the test, if it
// is not closed before.
func (f Factory) open(t testing.TB, location string) tokenstore.Driver {
	t.Helper()
	driver, err := f.Open(location)
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	t.Cleanup(func() {
		if err := driver.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return driver
}
