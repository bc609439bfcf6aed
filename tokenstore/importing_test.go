package tokenstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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
	done, passed, problems, err := f.ImportRecipients(t.Context(), rows, "tester")
	if !errors.Is(err, failure) || done != 100 || passed != nil || problems != nil {
		t.Fatalf("%d done, %v passed over, %v, %v in batch %d", done, passed, problems, err, batches)
	}
	fail(&driver.update, nil)
	done, passed, problems, err = f.ImportRecipients(t.Context(), rows, "tester")
	if err != nil || done != 350 || len(passed) != 100 || passed[99].Row != 99 || problems != nil {
		t.Errorf("the second time %d done, %v passed over, %v, %v", done, passed, problems, err)
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
	passed, problems, err := f.CheckImport(t.Context(), importList(4))
	if err != nil || problems != nil || len(passed) != 1 || passed[0].Row != 2 {
		t.Errorf("passed over are %v, %v, %v", passed, problems, err)
	}
	if driver.updates.Load() != before {
		t.Error("a check writes")
	}
	fail(&driver.view, errRead)
	if _, _, err := f.CheckImport(t.Context(), importList(4)); !errors.Is(err, errRead) {
		t.Errorf("a store that fails: %v", err)
	}
}

// Whoever corrects a list and imports it again must learn that nothing was changed.
func TestRowThatIsStoredOtherwiseIsNotPassedOverSilently(t *testing.T) {
	end := dawn.AddDate(1, 0, 0)
	row := imported("acme")
	row.Grants, row.NotAfter, row.Comment = []string{"sales", "finance/Reports metadata"}, end, "first"
	f := newFixture(t, newMemory())
	if _, err := f.CreateRecipient(t.Context(), row, "tester"); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*tokenstore.NewRecipient)
		want   string
	}{
		"the same":                 {func(*tokenstore.NewRecipient) {}, "[]"},
		"grants in another order":  {func(n *tokenstore.NewRecipient) { n.Grants = []string{"FINANCE/reports metadata", "sales"} }, "[]"},
		"less than a second later": {func(n *tokenstore.NewRecipient) { n.NotAfter = end.Add(time.Second / 2) }, "[]"},
		"the end in another zone":  {func(n *tokenstore.NewRecipient) { n.NotAfter = end.In(time.FixedZone("", 3600)) }, "[]"},
		"a grant more":             {func(n *tokenstore.NewRecipient) { n.Grants = append(n.Grants, "x") }, "[grants]"},
		"other privileges":         {func(n *tokenstore.NewRecipient) { n.Grants = []string{"sales", "finance/reports"} }, "[grants]"},
		"no grants":                {func(n *tokenstore.NewRecipient) { n.Grants = nil }, "[grants]"},
		"another end":              {func(n *tokenstore.NewRecipient) { n.NotAfter = end.Add(time.Second) }, "[end]"},
		"no end":                   {func(n *tokenstore.NewRecipient) { n.NotAfter = time.Time{} }, "[end]"},
		"another comment":          {func(n *tokenstore.NewRecipient) { n.Comment = "First" }, "[comment]"},
		"all three, and name's case": {func(n *tokenstore.NewRecipient) {
			n.Name, n.Grants, n.NotAfter, n.Comment = "ACME", nil, time.Time{}, ""
		}, "[grants end comment]"},
	} {
		t.Run(name, func(t *testing.T) {
			again := row
			again.Grants = slices.Clone(row.Grants)
			tt.change(&again)
			_, passed, problems, err := f.ImportRecipients(t.Context(), []tokenstore.NewRecipient{again}, "tester")
			if err != nil || len(passed) != 1 || passed[0].Row != 0 || fmt.Sprint(passed[0].Differs) != tt.want {
				t.Errorf("passed over %v, %v, %v", passed, problems, err)
			}
			if stored, err := f.Recipient(t.Context(), realm, "acme"); err != nil || stored.Comment != "first" || !stored.NotAfter.Equal(end) || len(stored.Grants) != 2 {
				t.Errorf("stored is %+v, %v", stored, err)
			}
		})
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
