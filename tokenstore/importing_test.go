package tokenstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func importList(n int) []tokenstore.NewRecipient {
	rows := make([]tokenstore.NewRecipient, n)
	for i := range rows {
		rows[i] = imported(fmt.Sprintf("row-%04d", i))
	}
	return rows
}

func TestImportThatWasInterruptedRunsAgain(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	rows := importList(350)
	failure := errors.New("disk full")
	batches := 0
	driver.before = func() {
		batches++
		driver.before = func() { batches++; fail(&driver.update, failure) } // the second batch
	}
	done, skipped, problems, err := f.ImportRecipients(t.Context(), rows, "tester")
	if !errors.Is(err, failure) || done != 100 || skipped != 0 || problems != nil {
		t.Fatalf("%d done, %d skipped, %v, %v in batch %d", done, skipped, problems, err, batches)
	}
	fail(&driver.update, nil)
	done, skipped, problems, err = f.ImportRecipients(t.Context(), rows, "tester")
	if err != nil || done != 350 || skipped != 100 || problems != nil {
		t.Errorf("the second time %d done, %d skipped, %v, %v", done, skipped, problems, err)
	}
	for _, row := range rows {
		if _, err := f.TokenHolder(t.Context(), realm, tokenOf(row.Name)); err != nil {
			t.Fatalf("token of %s: %v", row.Name, err)
		}
	}
}

// Whoever takes a name between the check and the batch wins; the import says whose name
// it was and stops.
func TestImportThatLosesANameStops(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	driver.before = func() {
		driver.before = func() { f.create("ROW-0130") } // before the second batch
	}
	done, _, problems, err := f.ImportRecipients(t.Context(), importList(250), "tester")
	if !errors.Is(err, tokenstore.ErrExists) || !strings.Contains(err.Error(), "row-0130") || done != 100 || problems != nil {
		t.Errorf("%d done, %v, %v", done, problems, err)
	}
}

// A hundred of them are more than the driver takes at once.
func TestImportOfLargeRecipientsIsDivided(t *testing.T) {
	f := newFixture(t, newMemory())
	rows := importList(100)
	for i := range rows {
		rows[i].Comment = strings.Repeat("x", 300_000)
	}
	done, _, problems, err := f.ImportRecipients(t.Context(), rows, "tester")
	if done != 100 || problems != nil || err != nil {
		t.Errorf("%d done, %v, %v", done, problems, err)
	}
	for _, i := range []int{0, 49, 50, 99} {
		if _, err := f.TokenHolder(t.Context(), realm, tokenOf(rows[i].Name)); err != nil {
			t.Errorf("token of row %d: %v", i, err)
		}
	}
}

func TestCheckOfAnImportStoresNothing(t *testing.T) {
	driver := &faulty{Driver: newMemory()}
	f := newFixture(t, driver)
	if _, err := f.CreateRecipient(t.Context(), imported("row-0002"), "tester"); err != nil {
		t.Fatal(err)
	}
	before := driver.updates.Load()
	known, problems, err := f.CheckImport(t.Context(), importList(4))
	if err != nil || problems != nil || fmt.Sprint(known) != "[false false true false]" {
		t.Errorf("known are %v, %v, %v", known, problems, err)
	}
	if driver.updates.Load() != before {
		t.Error("a check writes")
	}
	fail(&driver.view, errRead)
	if _, _, err := f.CheckImport(t.Context(), importList(4)); !errors.Is(err, errRead) {
		t.Errorf("a store that fails: %v", err)
	}
}

func TestRecordThatCouldNotBeReadIsNotWritten(t *testing.T) {
	f := newFixture(t, newMemory())
	for what, change := range map[string]func(*tokenstore.NewRecipient){
		"an id":                       func(n *tokenstore.NewRecipient) { n.ID = "" },
		"an accessor":                 func(n *tokenstore.NewRecipient) { n.Imported.Accessor = "" },
		"a way to authenticate":       func(n *tokenstore.NewRecipient) { n.Auth, n.Imported, n.Link = 9, nil, f.link("x") },
		"an accessor of its link":     func(n *tokenstore.NewRecipient) { n.Imported, n.Link = nil, tokenstore.NewLink{Lifetime: lifetime} },
		"a property with a name":      func(n *tokenstore.NewRecipient) { n.Properties = map[string]string{"": "x"} },
		"an owner of bearable length": func(n *tokenstore.NewRecipient) { n.Owner = strings.Repeat("x", 300) },
	} {
		n := imported("acme")
		change(&n)
		if _, err := f.CreateRecipient(t.Context(), n, "tester"); !errors.Is(err, tokenstore.ErrInvalid) {
			t.Errorf("without %s: %v, want ErrInvalid", what, err)
		}
	}
	if all, _, err := f.Recipients(t.Context(), realm, "", 10); len(all) != 0 || err != nil {
		t.Errorf("there are %d recipients, %v", len(all), err)
	}
}
