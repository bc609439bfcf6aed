package coordinator

import (
	"regexp"
	"slices"
)

var (
	operatorPattern = regexp.MustCompile(`"\$(\w+)"`)
	optionPattern   = regexp.MustCompile(`^\{"\$(near|within)":\{"\$geometry":\{[^}]+\}(,"\$max":\d+)?(,"\$min":\d+)?\}\}$`)
)

// operators are those of catalog queries.
var operators = []string{
	"and", "contains", "eq", "geometry", "gt", "gte", "in", "lt", "lte", "max", "min", "ne", "near", "nin", "nor",
	"not", "options", "or", "regex", "within",
}

// queryFault says what is wrong with the query of a policy's data segment; empty if nothing is.
func queryFault(query any) string {
	for _, found := range operatorPattern.FindAllSubmatch(encode(query), -1) {
		if !slices.Contains(operators, string(found[1])) {
			return "Catalog query contains unrecognised operations"
		}
	}
	o, is := query.(*object)
	if !is || !isQuery(o, true) {
		return "Catalog query cannot be parsed"
	}
	return ""
}

// isQuery tells whether a query, or the condition on a field, can be understood.
func isQuery(value any, top bool) bool {
	o, is := value.(*object)
	if !is {
		return isPlain(value)
	}
	operated := false
	for _, name := range o.names {
		operand := o.members[name]
		switch name {
		case "$and", "$or", "$nor":
			if !areQueries(operand, top) {
				return false
			}
		case "$not", "$contains":
			if !isQuery(operand, top) {
				return false
			}
		case "$in", "$nin":
			if _, is := operand.([]any); !is || !isPlain(operand) {
				return false
			}
		case "$regex":
			if !isOption(o.get("$options")) {
				return false
			}
		case "$eq", "$ne", "$gt", "$gte", "$lt", "$lte":
			if !isPlain(operand) {
				return false
			}
		default:
			if top && !isQuery(operand, false) {
				return false
			}
			continue
		}
		operated = true
	}
	return top || operated || isPlain(o) || isPlace(o)
}

func areQueries(value any, top bool) bool {
	list, _ := value.([]any)
	for _, query := range list {
		switch query.(type) {
		case nil, []any:
		case *object:
			if !isQuery(query, top) {
				return false
			}
		default:
			return false
		}
	}
	return len(list) > 0
}

// isPlain tells whether a value is one to compare with: no operator stands in it.
func isPlain(value any) bool { return !operatorPattern.Match(encode(value)) }

// isOption tells whether a value is the options of a regular expression.
func isOption(value any) bool {
	switch value.(type) {
	case nil, absent, string, []any:
		return true
	}
	return !truthy(value)
}

// isPlace tells whether a condition is one of where something is.
func isPlace(o *object) bool {
	inner, _ := o.get("$near").(*object)
	if inner != nil && !truthy(inner.get("$max")) && !truthy(inner.get("$min")) {
		return false
	}
	return optionPattern.Match(sortedText(o))
}

// sortedText is an object with the members of the objects in it in the order of their names.
func sortedText(value any) []byte {
	o, is := value.(*object)
	if !is {
		return encode(value)
	}
	data := []byte("{")
	for i, name := range slices.Sorted(slices.Values(o.names)) {
		if i > 0 {
			data = append(data, ',')
		}
		data = append(appendText(data, name), ':')
		data = append(data, sortedText(o.members[name])...)
	}
	return append(data, '}')
}
