package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

const crashWriters = 4

// DriverWorkload is the workload for the driver itself: several writers, each of
// whose transactions counts up a head, writes two records and announces them, all
// with the same random content.
func DriverWorkload(f Factory) Workload {
	return Workload{
		Name: "driver",
		Run: func(location string, ack func(string)) error {
			driver, err := f.Open(location)
			if err != nil {
				return err
			}
			failed := make(chan error)
			for writer := range crashWriters {
				go func() { failed <- crashWrite(driver, writer, ack) }()
			}
			return <-failed
		},
		Check: func(t *testing.T, location string, acked []string) {
			driver, err := f.Open(location)
			if err != nil {
				t.Fatalf("opening after a crash: %v", err)
			}
			defer func() {
				if err := driver.Close(); err != nil {
					t.Error(err)
				}
			}()
			checkCrash(t, driver, acked)
		},
	}
}

// crashWrite commits until it fails.
func crashWrite(d tokenstore.Driver, writer int, ack func(string)) error {
	head := fmt.Sprintf("head/%d", writer)
	for {
		var name, content string
		revision, err := d.Update(context.Background(), func(txn tokenstore.Txn) error {
			n, err := number(txn, head)
			if err != nil {
				return err
			}
			name, content = fmt.Sprintf("%d/%06d", writer, n+1), fmt.Sprintf("%016x", rand.Uint64())
			return wantAll(
				putNumber(txn, head, n+1),
				txn.Put([]byte("left/"+name), []byte(content)),
				txn.Put([]byte("right/"+name), []byte(content)),
				txn.Announce([]byte(name+" "+content)),
			)
		})
		if err != nil {
			return err
		}
		ack(fmt.Sprintf("%d %s %s", revision, name, content))
	}
}

// checkCrash demands that every transaction is there whole or not at all, and each
// that was acknowledged is there, at its revision.
func checkCrash(t *testing.T, d tokenstore.Driver, acked []string) {
	committed := map[string]string{} // name to content, from the feed
	lines := map[string]bool{}
	for _, change := range feed(t, d, 0, 1000) {
		var name, content string
		if _, err := fmt.Sscanf(string(change.Messages[0]), "%s %s", &name, &content); err != nil || len(change.Messages) != 1 {
			t.Fatalf("feed holds %q", change.Messages)
		}
		committed[name] = content
		lines[fmt.Sprintf("%d %s %s", change.Revision, name, content)] = true
	}
	for _, line := range acked {
		if !lines[line] {
			t.Errorf("acknowledged, but lost: %s", line)
		}
	}
	view(t, d, func(r tokenstore.Reader) error {
		total := 0
		for writer := range crashWriters {
			n, err := number(r, fmt.Sprintf("head/%d", writer))
			if err != nil {
				return err
			}
			total += n
			for i := 1; i <= n; i++ {
				name := fmt.Sprintf("%d/%06d", writer, i)
				if err := wantAll(wantValue(r, "left/"+name, committed[name]), wantValue(r, "right/"+name, committed[name])); err != nil {
					return err
				}
			}
		}
		for _, side := range []string{"left/", "right/"} {
			entries, err := r.Scan([]byte(side), nil, 1<<20)
			if err != nil {
				return err
			}
			if len(entries) != total || len(committed) != total {
				return fmt.Errorf("%d records under %s, %d commits in the feed, %d by the heads: a transaction is half done",
					len(entries), side, len(committed), total)
			}
		}
		return nil
	})
}
