package tokenstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// One record that cannot be read must not keep all others for ever.
func TestPruneLeavesWhatItCannotRead(t *testing.T) {
	driver := newMemory()
	f := newFixture(t, driver)
	const many = 5
	for i := range many {
		f.create(fmt.Sprint("acme-", i))
		f.activate(fmt.Sprint("acme-", i))
	}
	var damaged tokenstore.Entry
	read(t, driver, func(r tokenstore.Reader) error {
		entries, err := r.Scan([]byte("t"), nil, 3)
		damaged = entries[2]
		return err
	})
	write(t, driver, []tokenstore.Entry{damaged}, []byte("garbage"))
	f.advance(lifetime + tokenstore.KeepEnded)
	removed, err := f.Prune(t.Context())
	if want := many - 1 + many; removed != want || !errors.Is(err, tokenstore.ErrRecord) {
		t.Errorf("%d records are removed, %v, want %d and ErrRecord", removed, err, want)
	}
	read(t, driver, func(r tokenstore.Reader) error {
		if _, err := r.Get(damaged.Key); err != nil {
			t.Errorf("the damaged record: %v", err)
		}
		return nil
	})
}
