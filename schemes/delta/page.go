package delta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// errListing says that the server behind answered a listing that cannot be
// understood. Nothing of it is passed on.
var errListing = errors.New("the listing of the server behind cannot be understood")

// maxUpstreamToken bounds a page token of the server behind, in bytes.
const maxUpstreamToken = 4 << 10

// maxUpstreamItems bounds a page of a server behind that does not care how many items
// it is asked for.
const maxUpstreamItems = 100_000

// page is a page of a listing of the server behind. It is never changed once read.
type page struct {
	text  string // as it came
	items []item
	next  string // its page token; empty at the end
}

// item is one item of a page, and what it says of itself, folded. Names of members
// are taken exactly, as most clients do; what is no text is empty.
type item struct {
	from, to              int // in the text; nothing if it is null
	name, schema, share   string
	saysSchema, saysShare bool
	// unclear is set if one of these stands there twice, in another case, as some
	// clients read it, or in escapes: of two names one could be shown and the other
	// decided on.
	unclear bool
}

// readPage reads a page, all of which must be well-formed. The error wraps
// errListing.
func readPage(body []byte) (*page, error) {
	// Names of members may stand twice for the decoder, which looks for that in all
	// that an item holds; here only those that something is decided on may not.
	p := pageReader{jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)), &page{text: string(body)}}
	if err := p.read(); err != nil {
		return nil, fmt.Errorf("%w: %w", errListing, err)
	}
	return p.page, nil
}

type pageReader struct {
	*jsontext.Decoder
	page *page
}

var (
	errKind  = errors.New("a value of another kind is expected")
	errTwice = errors.New("a member stands there twice")
)

func (p *pageReader) read() error {
	if err := p.begin(jsontext.KindBeginObject); err != nil {
		return err
	}
	var items, token bool
	for p.PeekKind() == jsontext.KindString {
		name, err := p.ReadValue()
		if err != nil {
			return err
		}
		switch unquoted(name) {
		case "items":
			if items {
				return errTwice
			}
			items, err = true, p.readItems()
		case "nextPageToken":
			if token {
				return errTwice
			}
			token, err = true, p.readToken()
		default:
			err = p.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	if _, err := p.ReadToken(); err != nil { // the end of the object
		return err
	}
	if _, err := p.ReadToken(); err != io.EOF { //nolint:errorlint // the decoder returns io.EOF itself
		return errors.Join(errors.New("something follows the page"), err)
	}
	return nil
}

func (p *pageReader) readItems() error {
	if p.PeekKind() == jsontext.KindNull {
		return p.SkipValue()
	}
	if err := p.begin(jsontext.KindBeginArray); err != nil {
		return err
	}
	p.page.items = make([]item, 0, min(len(p.page.text)/128, DefaultPageSize)+1)
	for p.PeekKind() != jsontext.KindEndArray {
		if len(p.page.items) == maxUpstreamItems {
			return fmt.Errorf("it has more than %d items", maxUpstreamItems)
		}
		value, err := p.ReadValue()
		switch {
		case err != nil:
			return err
		case value.Kind() == jsontext.KindNull:
			p.page.items = append(p.page.items, item{})
		case value.Kind() == jsontext.KindBeginObject:
			to := int(p.InputOffset())
			p.page.items = append(p.page.items, itemIn(p.page.text, to-len(value), to))
		default:
			return errKind
		}
	}
	_, err := p.ReadToken()
	return err
}

func (p *pageReader) readToken() error {
	value, err := p.ReadValue()
	switch {
	case err != nil:
		return err
	case value.Kind() != jsontext.KindNull && value.Kind() != jsontext.KindString:
		return errKind
	}
	p.page.next = textOf(string(value))
	if len(p.page.next) > maxUpstreamToken {
		return fmt.Errorf("its page token has more than %d bytes", maxUpstreamToken)
	}
	return nil
}

// itemIn reads what an item says of itself.
func itemIn(text string, from, to int) item {
	i := item{from: from, to: to}
	saysName := false
	for rest := membersOf(text[from:to]); ; {
		name, value := rest.next()
		first := true
		switch name {
		case "":
			return i
		case `"name"`:
			first, saysName, i.name = !saysName, true, tokenstore.FoldName(textOf(value))
		case `"schema"`:
			first, i.saysSchema, i.schema = !i.saysSchema, true, tokenstore.FoldName(textOf(value))
		case `"share"`:
			first, i.saysShare, i.share = !i.saysShare, true, tokenstore.FoldName(textOf(value))
		default:
			first = !spellsName(name)
		}
		i.unclear = i.unclear || !first
	}
}

// spellsName tells whether a member would be one of the names, but for its case or
// escapes.
func spellsName(member string) bool {
	if len(member) > 6*8+2 { // longer than any in escapes
		return false
	}
	switch inner := unquoted(member); len(inner) {
	case 4:
		return strings.EqualFold(inner, "name")
	case 5, 6, 7: // a letter beyond ASCII folds to s
		return strings.EqualFold(inner, "share") || strings.EqualFold(inner, "schema")
	default:
		return false
	}
}

func (p *pageReader) begin(kind jsontext.Kind) error {
	token, err := p.ReadToken()
	if err == nil && token.Kind() != kind {
		return errKind
	}
	return err
}

// withoutLocations is an item without what says where its files are, and without
// the access mode that opens their folder. A member in another case goes too: some
// clients read it.
func withoutLocations(item string) string {
	out := make([]byte, 1, len(item))
	out[0] = '{'
	for rest := membersOf(item); ; {
		name, value := rest.next()
		if name == "" {
			return string(append(out, '}'))
		}
		switch member := unquoted(name); {
		case strings.EqualFold(member, "location"), strings.EqualFold(member, "auxiliaryLocations"):
			continue
		case strings.EqualFold(member, "accessModes"):
			if value = withoutDirectory(value); value == "" {
				continue
			}
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), value...)
	}
}

// withoutDirectory takes the mode dir out of a list of access modes; what is no
// list of texts becomes empty.
func withoutDirectory(list string) string {
	var modes []string
	if json.Unmarshal([]byte(list), &modes) != nil || modes == nil {
		return ""
	}
	kept, err := json.Marshal(slices.DeleteFunc(modes, func(mode string) bool { return strings.EqualFold(mode, "dir") }))
	if err != nil {
		return ""
	}
	return string(kept)
}
