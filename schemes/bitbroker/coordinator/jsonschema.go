package coordinator

import "strings"

// isJSONSchema tells whether an entity type's schema can be used: whether BitBroker's library
// would judge an empty object by it without stopping at a schema that is none.
func isJSONSchema(value any) bool {
	switch v := value.(type) {
	case bool, []any:
		return true
	case *object:
		steps := maxSteps
		return usable{v, &steps}.schema(v, true, maxDepth)
	}
	return false
}

// maxSteps bounds the work for one schema: parts that refer to parts can be many more than are
// written. What is looked at is counted, down to keywords and the items of lists.
const maxSteps = 100_000

// usable looks through a schema.
type usable struct {
	root  *object
	steps *int // that are left
}

// step takes some work off what is left.
func (u usable) step(n int) bool {
	*u.steps -= n
	return *u.steps >= 0
}

// schema tells whether a part of it is usable. Whether members of an object are looked at hangs
// on there being one: there is none below the first.
func (u usable) schema(value any, there bool, depth int) bool {
	if !u.step(1) || depth < 0 { // such as one that refers to itself
		return false
	}
	o, is := value.(*object)
	if !is {
		if reference, is := value.(string); is && reference != "" {
			return u.reference(reference, there, depth)
		}
		return value == any(false) || truthy(value)
	}
	if reference, is := o.get("$ref").(string); is {
		return u.reference(reference, there, depth)
	}
	if !there {
		return true
	}
	for _, name := range o.names {
		if !u.step(1) || !u.keyword(name, o.members[name], depth-1) {
			return false
		}
	}
	return true
}

func (u usable) keyword(name string, value any, depth int) bool {
	switch name {
	case "type":
		for _, one := range listOf(value) {
			if _, is := one.(*object); !u.step(1) || one == nil || is && !u.schema(one, true, depth) {
				return false
			}
		}
	case "enum":
		_, is := value.([]any)
		return is
	case "allOf", "anyOf", "oneOf":
		list, is := value.([]any)
		for _, one := range list {
			if !u.schema(one, true, depth) {
				return false
			}
		}
		return is
	case "if", "then", "else", "propertyNames":
		switch value.(type) {
		case bool, []any, *object:
			return u.schema(value, name != "propertyNames", depth)
		}
		return false
	case "not":
		for _, one := range listOf(value) {
			if o, is := one.(*object); !u.step(1) || is && !u.schema(o, true, depth) {
				return false
			}
		}
	case "properties":
		o, _ := value.(*object)
		if o == nil {
			return true
		}
		for _, member := range o.names {
			if !u.schema(o.members[member], false, depth) {
				return false
			}
		}
	}
	return true
}

// listOf is a list, or one of the value alone.
func listOf(value any) []any {
	if list, is := value.([]any); is {
		return list
	}
	return []any{value}
}

// escapes are those of a JSON Pointer (RFC 6901).
var escapes = strings.NewReplacer("~1", "/", "~0", "~")

// reference follows one within the schema. Those to other documents lead nowhere.
func (u usable) reference(reference string, there bool, depth int) bool {
	if !u.step(len(reference) / 32) { // which is read again each time
		return false
	}
	pointer, local := strings.CutPrefix(reference, "#")
	if !local || pointer != "" && pointer[0] != '/' {
		return false
	}
	var at any = u.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		o, is := at.(*object)
		if !is || !u.step(1) {
			return false
		}
		at = o.get(escapes.Replace(name))
	}
	if _, is := at.(absent); is {
		return false
	}
	return u.schema(at, there, depth-1)
}
