package coordinator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
)

// What a body says is kept as JavaScript has it, since clients rely on how that reads and
// writes: nil for null, bool, float64, string, []any, *object; and absent for what is not there.

// absent is the value of a member that is not there.
type absent struct{}

// object is a JSON object. Of a name that occurs twice, the last value counts, in the place of
// the first.
type object struct {
	names   []string
	members map[string]any
}

func newObject() *object { return &object{members: make(map[string]any)} }

func (o *object) set(name string, value any) *object {
	if _, known := o.members[name]; !known {
		o.names = append(o.names, name)
	}
	o.members[name] = value
	return o
}

// get returns a member, or absent; of a nil object too.
func (o *object) get(name string) any {
	if o == nil {
		return absent{}
	}
	if value, ok := o.members[name]; ok {
		return value
	}
	return absent{}
}

// inOrder returns the names as JavaScript walks through them: numbers first.
func (o *object) inOrder() []string {
	names := slices.Clone(o.names)
	slices.SortStableFunc(names, compareIndices)
	return names
}

// member returns a member of what may be no object.
func member(value any, name string) any {
	o, _ := value.(*object)
	return o.get(name)
}

// truthy tells whether JavaScript takes a value for true.
func truthy(value any) bool {
	switch v := value.(type) {
	case nil, absent:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != ""
	}
	return true
}

// or is the value, or what stands for one that is not truthy.
func or(value, instead any) any {
	if truthy(value) {
		return value
	}
	return instead
}

// orIfNull is the value, or what stands for one that is null or absent.
func orIfNull(value, instead any) any {
	switch value.(type) {
	case nil, absent:
		return instead
	}
	return value
}

// maxDepth is how deep lists and objects may be in one another.
const maxDepth = 100

var errTooDeep = errors.New("is nested too deep")

// parse reads a JSON text. Bytes that are no UTF-8 become U+FFFD. The errors are
// *json.SyntaxError and errTooDeep; their texts quote nothing.
func parse(data []byte) (any, error) {
	var checked json.RawMessage
	if err := json.Unmarshal(data, &checked); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return parseValue(d, maxDepth)
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		number, _ := strconv.ParseFloat(string(t), 64) // too great for it is infinite, as in JavaScript
		return number, nil
	case json.Delim:
		if depth == 0 {
			return nil, errTooDeep
		}
		if t == '[' {
			return parseList(d, depth-1)
		}
		return parseObject(d, depth-1)
	}
	return token, nil
}

func parseList(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		item, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err := d.Token()
	return list, err
}

func parseObject(d *json.Decoder, depth int) (any, error) {
	o := newObject()
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		value, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		o.set(name, value)
	}
	_, err := d.Token()
	return o, err
}

// encode writes a value in the form in which BitBroker's database gives it back: the names of an
// object by their length first, and what JavaScript takes for an index of a list before.
func encode(value any) []byte { return appendValue(nil, value) }

func appendValue(data []byte, value any) []byte {
	switch v := value.(type) {
	case bool:
		return strconv.AppendBool(data, v)
	case float64:
		return appendNumber(data, v)
	case string:
		return appendText(data, v)
	case []any:
		data = append(data, '[')
		for i, item := range v {
			if i > 0 {
				data = append(data, ',')
			}
			data = appendValue(data, item)
		}
		return append(data, ']')
	case *object:
		names := slices.SortedFunc(slices.Values(v.names), func(a, b string) int {
			return cmp.Or(compareIndices(a, b), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
		})
		data = append(data, '{')
		for i, name := range names {
			if i > 0 {
				data = append(data, ',')
			}
			data = append(appendText(data, name), ':')
			data = appendValue(data, v.members[name])
		}
		return append(data, '}')
	}
	return append(data, "null"...)
}

func appendNumber(data []byte, number float64) []byte {
	if number == 0 || math.IsInf(number, 0) {
		if number == 0 {
			return append(data, '0') // never -0
		}
		return append(data, "null"...)
	}
	text, _ := json.Marshal(number) // as ECMAScript (encoding/json)
	return append(data, text...)
}

func appendText(data []byte, text string) []byte {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a text can always be written
	return append(data, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
}

// compareIndices puts names that are indices of a list before all others, in their order.
func compareIndices(a, b string) int {
	x, xIs := indexOf(a)
	y, yIs := indexOf(b)
	switch {
	case xIs && yIs:
		return cmp.Compare(x, y)
	case xIs:
		return -1
	case yIs:
		return 1
	}
	return 0
}

// indexOf reads a whole number below 2^32-1 in its one spelling.
func indexOf(name string) (index uint64, ok bool) {
	if name == "" || len(name) > 10 || name[0] < '0' || name[0] > '9' || len(name) > 1 && name[0] == '0' {
		return 0, false
	}
	index, err := strconv.ParseUint(name, 10, 64)
	return index, err == nil && index < math.MaxUint32
}
