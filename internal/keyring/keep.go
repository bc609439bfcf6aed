package keyring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Keeper keeps the last good keys of one issuer, so that a restart does not need the
// issuer.
type Keeper interface {
	// Load returns the document saved last, and when its keys were fetched. A nil
	// document and no error says that there is none.
	Load(ctx context.Context) (document []byte, fetched time.Time, err error)

	// Save keeps a document in the place of the former one.
	Save(ctx context.Context, document []byte, fetched time.Time) error
}

const (
	// saveEvery is how often keys are saved that have not changed, so that their age
	// stays true.
	saveEvery = time.Hour

	saveTimeout = 10 * time.Second

	// maxDocument bounds what is kept, in bytes; a hundred keys of 4096 bits fit.
	maxDocument = 256 << 10
)

// kept is what the Keeper has, as far as is known.
type kept struct {
	sync.Mutex
	document []byte
	fetched  time.Time
}

// document is the form in which keys are kept: a JSON Web Key Set, with the keys that
// are gone beside it.
type document struct {
	Keys []json.RawMessage `json:"keys"`
	Gone []goneDocument    `json:"gone,omitempty"`
}

type goneDocument struct {
	Key  json.RawMessage `json:"key"`
	Seen int64           `json:"seen"` // Unix time, in seconds
}

// Restore takes the keys that were kept, unless it has keys already or they are older
// than MaxAge. It is to be called before Run, or beside it. Where nothing good is kept,
// everything stays as it is; the error says why, if there is a reason to worry.
func (i *Issuer) Restore(ctx context.Context) error {
	if i.cfg.Keep == nil {
		return nil
	}
	text, fetched, err := i.cfg.Keep.Load(ctx)
	if err != nil {
		return fmt.Errorf("loading the kept keys: %w", err)
	}
	if text == nil {
		return nil
	}
	now := i.cfg.Now()
	switch age := now.Sub(fetched); {
	case age > i.cfg.MaxAge:
		return nil
	case age < -i.cfg.Leeway:
		// They would be used for longer than MaxAge.
		return errors.New("the kept keys are from the future: a clock was wrong")
	}
	keys, gone, err := parseDocument(text)
	if err != nil {
		return err
	}
	i.replacing.Lock()
	defer i.replacing.Unlock()
	if i.stopped || i.keys.Load() != nil {
		return nil
	}
	i.keys.Store(newKeySet(keys, gone, fetched, i.cfg.Overlap))
	if i.changed != nil {
		i.changed()
	}
	i.kept.Lock()
	defer i.kept.Unlock()
	i.kept.document, i.kept.fetched = bytes.Clone(text), fetched
	return nil
}

// save keeps the keys of a set, if they are not what is kept already. A failure is
// reported, and mended at the next fetch.
func (i *Issuer) save(ctx context.Context, set *keySet) {
	if i.cfg.Keep == nil {
		return
	}
	i.kept.Lock()
	defer i.kept.Unlock()
	text, err := set.document()
	if err == nil {
		age := set.fetched.Sub(i.kept.fetched)
		if bytes.Equal(text, i.kept.document) && age >= 0 && age < saveEvery {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, saveTimeout)
		defer cancel()
		err = i.cfg.Keep.Save(ctx, text, set.fetched)
	}
	if err != nil {
		if ctx.Err() == nil {
			i.cfg.Logger.Warn("could not keep the keys of an issuer for the next start", "issuer", i.cfg.Issuer, "error", err)
		}
		return
	}
	i.kept.document, i.kept.fetched = text, set.fetched
}

// document is a set in the form in which it is kept.
func (s *keySet) document() ([]byte, error) {
	doc := document{Keys: make([]json.RawMessage, len(s.keys))}
	for n, k := range s.keys {
		var err error
		if doc.Keys[n], err = k.document(); err != nil {
			return nil, err
		}
	}
	for _, g := range s.gone {
		key, err := g.document()
		if err != nil {
			return nil, err
		}
		doc.Gone = append(doc.Gone, goneDocument{Key: key, Seen: g.seen.Unix()})
	}
	text, err := json.Marshal(doc)
	if err == nil && len(text) > maxDocument {
		err = fmt.Errorf("they have more than %d bytes", maxDocument)
	}
	return text, err
}

func (k publicKey) document() (json.RawMessage, error) {
	return jose.JSONWebKey{Key: k.key, KeyID: k.id, Algorithm: k.alg, Use: "sig"}.MarshalJSON()
}

// parseDocument reads what document wrote. All of it must be readable: a key that is
// left out would be a withdrawal.
func parseDocument(text []byte) (keys []publicKey, gone []goneKey, err error) {
	var doc document
	if len(text) > maxDocument || !strictObject(text) || json.Unmarshal(text, &doc) != nil || doc.Keys == nil ||
		len(doc.Keys) > maxKeys || len(doc.Gone) > maxKeys {
		return nil, nil, errDocument
	}
	for _, raw := range doc.Keys {
		k, ok := parseKey(raw)
		if !ok {
			return nil, nil, errDocument
		}
		keys = append(keys, k)
	}
	for _, g := range doc.Gone {
		k, ok := parseKey(g.Key)
		if !ok {
			return nil, nil, errDocument
		}
		gone = append(gone, goneKey{publicKey: k, seen: time.Unix(g.Seen, 0)})
	}
	return keys, gone, nil
}

var errDocument = errors.New("the kept keys cannot be read")
