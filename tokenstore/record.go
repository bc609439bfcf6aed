package tokenstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// ErrRecord says that a stored record cannot be read: it is damaged, or was
// written by a newer release. Whoever sees it refuses; a record is never guessed.
var ErrRecord = errors.New("stored record cannot be read")

// Record versions. A stored value is one byte of version and the record as
// deterministic CBOR (RFC 8949 section 4.2) with integer keys. Any change takes the
// next version, a new field too, and decode learns to read both: a release that
// does not know a field might be passing over a restriction, and refuses the record
// instead. A later version only adds fields, of which the zero value means what
// went without saying before; so one struct reads all versions up to its own.
// testdata/records.golden holds one of each.
const (
	versionToken     = 4 // 2: kind, imported, parent, maker; 3: token families; 4: BitBroker's
	versionIndex     = 1
	versionRecipient = 2 // 2: authentication, end, networks, limits, federation, owner and properties
	versionLink      = 2 // 2: maker
	versionEpoch     = 1
	versionUse       = 1
	versionAudit     = 1
	versionTopic     = 1
	versionAdmin     = 1
	versionIssuer    = 1
	versionQuery     = 1
	versionClients   = 1

	versionAccount     = 1
	versionAccountKeys = 1
	versionApplication = 1

	versionCutOff   = 1
	versionKeptKeys = 1

	versionBrokerHead      = 1
	versionBrokerUser      = 1
	versionBrokerPolicy    = 1
	versionBrokerEntity    = 1
	versionBrokerConnector = 1

	versionRescindedKey = 1
	versionAccessEnd    = 1
	versionQuota        = 1
)

var (
	encMode = must(cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		Time:          cbor.TimeUnix,
		ShortestFloat: cbor.ShortestFloat16,
		IndefLength:   cbor.IndefLengthForbidden,
	}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:   cbor.DupMapKeyEnforcedAPF,
		IndefLength: cbor.IndefLengthForbidden,
		// Whatever encode wrote can be read: more elements than a value has bytes
		// do not exist, and text that came from outside may not be UTF-8.
		MaxArrayElements: 1 << 20,
		UTF8:             cbor.UTF8DecodeInvalid,
		// See above: what is not known is not passed over.
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode())
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err) // the options above are constant
	}
	return mode
}

func encode(version byte, record any) ([]byte, error) {
	body, err := encMode.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", record, err)
	}
	return append([]byte{version}, body...), nil
}

func decode(data []byte, version byte, record any) error {
	if len(data) == 0 || data[0] == 0 || data[0] > version {
		return fmt.Errorf("%w: %T has an unknown version", ErrRecord, record)
	}
	if err := decMode.Unmarshal(data[1:], record); err != nil {
		return fmt.Errorf("%w: %T: %w", ErrRecord, record, err)
	}
	if r, ok := record.(interface{ whole() bool }); ok && !r.whole() {
		return fmt.Errorf("%w: %T lacks a field", ErrRecord, record)
	}
	return nil
}

// get reads and decodes one record.
func get(r Reader, key []byte, version byte, record any) error {
	data, err := r.Get(key)
	if err != nil {
		return err
	}
	return decode(data, version, record)
}

// put encodes and writes one record. What decode would refuse is not written.
func put(t Txn, key []byte, version byte, record any) error {
	if r, ok := record.(interface{ whole() bool }); ok && !r.whole() {
		return fmt.Errorf("%w: %T lacks a field", ErrInvalid, record)
	}
	data, err := encode(version, record)
	if err != nil {
		return err
	}
	return t.Put(key, data)
}

// ended tells whether a moment has come. The zero time never comes. At the
// moment itself it has: a token that expires now is no longer valid.
func ended(at, now time.Time) bool {
	return !at.IsZero() && !now.Before(at)
}

// earlier returns the earlier of two moments, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// later is the later of two times; zero is before all others.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
