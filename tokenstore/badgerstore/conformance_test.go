package badgerstore

import (
	"testing"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/goleak"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/storetest"
)

var factory = storetest.Factory{
	Open: func(location string) (tokenstore.Driver, error) { return Open(Options{Directory: location}) },
}

// restless flushes and compacts all the time, where the bugs of a log-structured
// tree live: Badger before 4.9.4 could bring deleted keys back (its #2310, #2278).
var restless = storetest.Factory{
	Open: func(location string) (tokenstore.Driver, error) {
		return open(Options{Directory: location}, restlessOptions(location), nil, func() {})
	},
	Maintain: func(driver tokenstore.Driver) error {
		store := driver.(*Store)
		if err := store.db.Flatten(1); err != nil { // compact all levels into one
			return err
		}
		return store.collect()
	},
}

func restlessOptions(directory string) badger.Options {
	return badgerOptions(directory).
		WithMemTableSize(1 << 20).
		WithNumLevelZeroTables(1).
		WithCompactL0OnClose(true).
		WithValueThreshold(1 << 10).
		WithValueLogFileSize(2 << 20)
}

func TestMain(m *testing.M) {
	storetest.RunChild(storetest.DriverWorkload(factory), storetest.StoreWorkload(factory), storetest.BrokerWorkload(factory))
	goleak.VerifyTestMain(m)
}

func TestDriver(t *testing.T) { storetest.RunDriver(t, factory) }

func TestStore(t *testing.T) { storetest.RunStore(t, factory) }

func TestDriverRestless(t *testing.T) {
	if testing.Short() {
		t.Skip("-short runs the suite once, with the settings that are shipped; CI runs it with others too")
	}
	storetest.RunDriver(t, restless)
}

func TestCrash(t *testing.T) {
	storetest.RunCrash(t, storetest.DriverWorkload(factory), t.TempDir(), 6)
}

func TestStoreCrash(t *testing.T) {
	storetest.RunCrash(t, storetest.StoreWorkload(factory), t.TempDir(), 6)
}

func TestBrokerCrash(t *testing.T) {
	storetest.RunCrash(t, storetest.BrokerWorkload(factory), t.TempDir(), 6)
}
