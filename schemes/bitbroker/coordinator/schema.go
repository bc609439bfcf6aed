package coordinator

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
)

// schema is what a value must be: checks in the order in which their faults are told. They are
// those of JSON Schema that BitBroker uses, and its reasons are told word by word as the library
// that it uses says them (jsonschema 1.4 of npm).
type schema []check

// check adds the faults of a value that stands at a place of a body, such as .policy.rate.
type check func(v *verdict, at string, value any)

// verdict is what is wrong with a body.
type verdict struct {
	// base is what the body is called in the names of faults; empty for a whole one.
	base   string
	faults []envelope.Fault
}

// maxFaults bounds the answer to a body with nothing right in it.
const maxFaults = 1000

// judge adds what is wrong with a value; base is what its faults are named by.
func (s schema) judge(faults []envelope.Fault, base string, value any) []envelope.Fault {
	v := &verdict{base, faults}
	s.apply(v, "", value)
	return v.faults
}

func (s schema) apply(v *verdict, at string, value any) {
	for _, check := range s {
		check(v, at, value)
	}
}

var indexPattern = regexp.MustCompile(`\[(\d+)\]`)

// add notes a fault. The first index within its place is told apart from its name.
func (v *verdict) add(at, reason string) {
	if len(v.faults) >= maxFaults {
		return
	}
	name := v.base + strings.TrimPrefix(at, ".")
	fault := envelope.Fault{Name: name, Reason: reason}
	if found := indexPattern.FindStringSubmatchIndex(name); found != nil {
		fault.Name = name[:found[0]] + name[found[1]:]
		if index, err := strconv.Atoi(name[found[2]:found[3]]); err == nil {
			fault.Index = &index
		}
	}
	v.faults = append(v.faults, fault)
}

var (
	awkwardName = regexp.MustCompile(`[.\[\]` + whitespace + `]|^[0-9]`)
	onlyDigits  = regexp.MustCompile(`^[0-9]+$`)
)

// whitespace is what JavaScript takes for that, for a class of a regular expression.
const whitespace = "\\t\\n\\v\\f\\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

// below is the place of a member of what stands at a place.
func below(at, name string) string {
	switch {
	case !awkwardName.MatchString(name):
		return at + "." + name
	case onlyDigits.MatchString(name):
		return at + "[" + name + "]"
	}
	return at + "[" + string(appendText(nil, name)) + "]"
}

// types are the types by their names.
var types = map[string]func(any) bool{
	"string":  func(v any) bool { _, is := v.(string); return is },
	"boolean": func(v any) bool { _, is := v.(bool); return is },
	"array":   func(v any) bool { _, is := v.([]any); return is },
	"object":  func(v any) bool { _, is := v.(*object); return is },
	"null":    func(v any) bool { return v == nil },
	"integer": func(v any) bool {
		number, is := v.(float64)
		return is && !math.IsInf(number, 0) && number == math.Trunc(number)
	},
}

func ofType(names ...string) check {
	return func(v *verdict, at string, value any) {
		if _, is := value.(absent); is {
			return
		}
		for _, name := range names {
			if types[name](value) {
				return
			}
		}
		v.add(at, "is not of a type(s) "+strings.Join(names, ","))
	}
}

func minLength(n int) check {
	return ofText(func(text string) bool { return utf8.RuneCountInString(text) >= n },
		"does not meet minimum length of "+strconv.Itoa(n))
}

func maxLength(n int) check {
	return ofText(func(text string) bool { return utf8.RuneCountInString(text) <= n },
		"does not meet maximum length of "+strconv.Itoa(n))
}

// matches checks a text by its pattern, which is told as it is written for JavaScript.
func matches(written string, ok func(string) bool) check {
	return ofText(ok, "does not match pattern "+quoted(written))
}

func ofFormat(name string, ok func(string) bool) check {
	return ofText(ok, "does not conform to the "+quoted(name)+" format")
}

func quoted(text string) string { return string(appendText(nil, text)) }

// ofText checks texts; all else is no matter of it.
func ofText(ok func(string) bool, reason string) check {
	return func(v *verdict, at string, value any) {
		if text, is := value.(string); is && !ok(text) {
			v.add(at, reason)
		}
	}
}

func atLeast(n float64) check {
	return ofNumber(func(number float64) bool { return number >= n }, "must be greater than or equal to ", n)
}

func atMost(n float64) check {
	return ofNumber(func(number float64) bool { return number <= n }, "must be less than or equal to ", n)
}

func ofNumber(ok func(float64) bool, reason string, n float64) check {
	reason += strconv.FormatFloat(n, 'f', -1, 64)
	return func(v *verdict, at string, value any) {
		if number, is := value.(float64); is && !math.IsInf(number, 0) && !ok(number) {
			v.add(at, reason)
		}
	}
}

func oneOf(values ...string) check {
	return func(v *verdict, at string, value any) {
		if _, is := value.(absent); is {
			return
		}
		for _, good := range values {
			if value == any(good) {
				return
			}
		}
		v.add(at, "is not one of enum values: "+strings.Join(values, ","))
	}
}

// property is a member of an object, and what it must be.
type property struct {
	name string
	is   schema
}

func properties(all ...property) check {
	return func(v *verdict, at string, value any) {
		o, is := value.(*object)
		if !is {
			return
		}
		for _, p := range all {
			p.is.apply(v, below(at, p.name), o.get(p.name))
		}
	}
}

func required(names ...string) check {
	return func(v *verdict, at string, value any) {
		o, is := value.(*object)
		if !is {
			return
		}
		for _, name := range names {
			if _, there := o.members[name]; !there {
				v.add(at, "requires property "+quoted(name))
			}
		}
	}
}

// noOther allows no members but those named.
func noOther(names ...string) check {
	return func(v *verdict, at string, value any) {
		o, is := value.(*object)
		if !is {
			return
		}
	members:
		for _, name := range o.inOrder() {
			for _, known := range names {
				if name == known {
					continue members
				}
			}
			v.add(at, "is not allowed to have the additional property "+quoted(name))
		}
	}
}

// names checks the names of an object's members.
func names(is schema) check {
	return func(v *verdict, at string, value any) {
		if o, isObject := value.(*object); isObject {
			for _, name := range o.inOrder() {
				is.apply(v, at, name)
			}
		}
	}
}

// each checks all members of an object.
func each(is schema) check {
	return func(v *verdict, at string, value any) {
		if o, isObject := value.(*object); isObject {
			for _, name := range o.inOrder() {
				is.apply(v, below(at, name), o.members[name])
			}
		}
	}
}

func items(is schema) check {
	return ofList(func(v *verdict, at string, list []any) {
		for i, item := range list {
			is.apply(v, at+"["+strconv.Itoa(i)+"]", item)
		}
	})
}

func maxItems(n int) check {
	return ofList(func(v *verdict, at string, list []any) {
		if len(list) > n {
			v.add(at, "does not meet maximum length of "+strconv.Itoa(n))
		}
	})
}

// uniqueItems allows no two items that are equal, whatever the order of members.
func uniqueItems() check {
	return ofList(func(v *verdict, at string, list []any) {
		seen := make(map[string]bool, len(list))
		for _, item := range list {
			text := string(encode(item))
			if seen[text] {
				v.add(at, "contains duplicate item")
				return
			}
			seen[text] = true
		}
	})
}

func ofList(look func(v *verdict, at string, list []any)) check {
	return func(v *verdict, at string, value any) {
		if list, is := value.([]any); is {
			look(v, at, list)
		}
	}
}
