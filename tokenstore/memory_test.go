package tokenstore_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
	"github.com/gatehouse-auth/gatehouse/tokenstore/storetest"
)

// memory is a driver without a disk, with optimistic transactions, and not
// exclusive: two Stores over one of it are as two processes over one database.
// It runs the contract of drivers, so that what holds over it holds over others.
type memory struct {
	data *memoryData

	mutex   sync.RWMutex // guards closed, and Add of running
	closed  bool
	running sync.WaitGroup
}

// memoryData is what stays when the driver is closed.
type memoryData struct {
	mutex    sync.Mutex
	revision tokenstore.Revision
	values   map[string]memoryValue
	changes  []tokenstore.Change
	pruned   tokenstore.Revision
}

type memoryValue struct {
	text string
	at   tokenstore.Revision
	gone bool // kept, for the conflict with whoever read it
}

var (
	memories  sync.Map // location -> *memoryData
	locations atomic.Int64
)

var memoryFactory = storetest.Factory{
	New: func(t testing.TB) string {
		location := strconv.FormatInt(locations.Add(1), 10)
		t.Cleanup(func() { memories.Delete(location) })
		return location
	},
	Open: func(location string) (tokenstore.Driver, error) {
		data, _ := memories.LoadOrStore(location, &memoryData{revision: 1, values: map[string]memoryValue{}})
		return &memory{data: data.(*memoryData)}, nil
	},
}

func newMemory() *memory {
	return &memory{data: &memoryData{revision: 1, values: map[string]memoryValue{}}}
}

func TestMemoryIsADriver(t *testing.T) { storetest.RunDriver(t, memoryFactory) }

func (m *memory) enter(ctx context.Context) error {
	m.mutex.RLock()
	defer m.mutex.RUnlock()
	if m.closed {
		return tokenstore.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.running.Add(1)
	return nil
}

func (m *memory) Close() error {
	m.mutex.Lock()
	m.closed = true
	m.mutex.Unlock()
	m.running.Wait()
	return nil
}

func (m *memory) begin() *memoryTxn {
	m.data.mutex.Lock()
	defer m.data.mutex.Unlock()
	return &memoryTxn{
		base: maps.Clone(m.data.values), at: m.data.revision,
		read: map[string]bool{}, written: map[string]*string{},
	}
}

func (m *memory) View(ctx context.Context, fn func(tokenstore.Reader) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.running.Done()
	txn := m.begin()
	defer txn.end()
	return fn(txn)
}

func (m *memory) Update(ctx context.Context, fn func(tokenstore.Txn) error) (tokenstore.Revision, error) {
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	defer m.running.Done()
	for range 100 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		txn := m.begin()
		err := fn(txn)
		txn.end()
		if err != nil {
			return 0, err
		}
		if txn.err != nil {
			return 0, txn.err
		}
		if revision, ok := m.data.commit(txn); ok {
			return revision, nil
		}
	}
	return 0, tokenstore.ErrConflict
}

func (d *memoryData) commit(txn *memoryTxn) (tokenstore.Revision, bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if len(txn.written) == 0 && len(txn.messages) == 0 {
		return txn.at, true
	}
	for key := range txn.read {
		if d.values[key].at > txn.at {
			return 0, false
		}
	}
	d.revision++
	for key, text := range txn.written {
		value := memoryValue{at: d.revision, gone: text == nil}
		if text != nil {
			value.text = *text
		}
		d.values[key] = value
	}
	if len(txn.messages) > 0 {
		d.changes = append(d.changes, tokenstore.Change{Revision: d.revision, Messages: txn.messages})
	}
	return d.revision, true
}

func (m *memory) Changes(ctx context.Context, after tokenstore.Revision, limit int) (tokenstore.ChangePage, error) {
	if err := m.enter(ctx); err != nil {
		return tokenstore.ChangePage{}, err
	}
	defer m.running.Done()
	m.data.mutex.Lock()
	defer m.data.mutex.Unlock()
	if limit < 1 {
		return tokenstore.ChangePage{}, errors.New("limit must be positive")
	}
	if after < m.data.pruned || after > m.data.revision {
		return tokenstore.ChangePage{}, tokenstore.ErrFeedTruncated
	}
	page := tokenstore.ChangePage{Through: m.data.revision}
	for _, change := range m.data.changes {
		if change.Revision <= after {
			continue
		}
		if len(page.Changes) == limit {
			page.Through = page.Changes[limit-1].Revision
			break
		}
		messages := make([][]byte, len(change.Messages))
		for i := range messages {
			messages[i] = slices.Clone(change.Messages[i])
		}
		page.Changes = append(page.Changes, tokenstore.Change{Revision: change.Revision, Messages: messages})
	}
	return page, nil
}

func (m *memory) PruneChanges(ctx context.Context, through tokenstore.Revision) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.running.Done()
	m.data.mutex.Lock()
	defer m.data.mutex.Unlock()
	m.data.changes = slices.DeleteFunc(m.data.changes, func(change tokenstore.Change) bool {
		if change.Revision > through {
			return false
		}
		m.data.pruned = max(m.data.pruned, change.Revision)
		return true
	})
	return nil
}

// memoryTxn is one snapshot, and what one run wrote over it.
type memoryTxn struct {
	base     map[string]memoryValue
	at       tokenstore.Revision
	read     map[string]bool
	written  map[string]*string // nil: deleted
	messages [][]byte
	size     int
	err      error // of a write, which fails all
	over     error
}

func (x *memoryTxn) end() { x.over = errors.New("the transaction is over") }

func (x *memoryTxn) Revision() tokenstore.Revision { return x.at }

func (x *memoryTxn) look(key string) (string, bool) {
	if text, ok := x.written[key]; ok {
		if text == nil {
			return "", false
		}
		return *text, true
	}
	value, ok := x.base[key]
	return value.text, ok && !value.gone
}

func (x *memoryTxn) Get(key []byte) ([]byte, error) {
	if err := errors.Join(x.over, validKey(key)); err != nil {
		return nil, err
	}
	x.read[string(key)] = true
	text, ok := x.look(string(key))
	if !ok {
		return nil, tokenstore.ErrNotFound
	}
	return []byte(text), nil
}

func (x *memoryTxn) Scan(prefix, after []byte, limit int) ([]tokenstore.Entry, error) {
	if limit < 1 || x.over != nil {
		return nil, errors.Join(x.over, errors.New("limit must be positive"))
	}
	keys := map[string]bool{}
	in := func(key string) bool {
		return strings.HasPrefix(key, string(prefix)) && (after == nil || key > string(after))
	}
	for key := range x.base {
		keys[key] = keys[key] || in(key)
	}
	for key := range x.written {
		keys[key] = keys[key] || in(key)
	}
	var entries []tokenstore.Entry
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if text, ok := x.look(key); ok && keys[key] && len(entries) < limit {
			entries = append(entries, tokenstore.Entry{Key: []byte(key), Value: []byte(text)})
		}
	}
	return entries, nil
}

func validKey(key []byte) error {
	if len(key) == 0 || len(key) > 1024 {
		return errors.New("a key has 1 to 1024 bytes")
	}
	return nil
}

// write counts what a transaction holds, and remembers the first refusal.
func (x *memoryTxn) write(size int, value []byte, err error) error {
	x.size += size + len(value)
	switch {
	case x.over != nil:
		return x.over
	case err == nil && len(value) > 1<<20:
		err = errors.New("a value has at most 1 MiB")
	case err == nil && x.size > 8<<20:
		err = tokenstore.ErrTooLarge
	}
	x.err = cmp.Or(x.err, err)
	return err
}

func (x *memoryTxn) Put(key, value []byte) error {
	if err := x.write(len(key), value, validKey(key)); err != nil {
		return err
	}
	text := string(value)
	x.written[string(key)] = &text
	return nil
}

func (x *memoryTxn) Delete(key []byte) error {
	if err := x.write(len(key), nil, validKey(key)); err != nil {
		return err
	}
	x.written[string(key)] = nil
	return nil
}

func (x *memoryTxn) Announce(message []byte) error {
	if err := x.write(0, message, nil); err != nil {
		return err
	}
	x.messages = append(x.messages, slices.Clone(message))
	return nil
}
