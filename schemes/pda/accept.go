package pda

import (
	"cmp"
	"mime"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxAccept bounds what is looked at of an Accept header, in bytes and in ranges: a
	// browser's has some 200 and ten.
	maxAccept       = 4 << 10
	maxAcceptRanges = 50
)

// prefersPage tells whether a page is rather wanted than JSON, by the Accept headers of a
// request (RFC 9110 section 12.5.1): of the ranges that match either, the first with the
// highest weight, of two the more specific one, matches a page only. What cannot be read
// wants JSON.
func prefersPage(accept []string) bool {
	type mediaRange struct {
		name     string
		weight   float64
		specific int
	}
	var ranges []mediaRange
	text := strings.Join(accept, ",")
	if len(text) > maxAccept {
		return false
	}
	for part := range strings.SplitSeq(text, ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, ok := parameters["q"]; ok {
			if weight, err = strconv.ParseFloat(q, 64); err != nil || !(weight > 0 && weight <= 1) {
				continue // also what is not wanted at all
			}
		}
		specific := 2
		if _, sub, _ := strings.Cut(name, "/"); sub == "*" {
			specific = 1
		}
		if name == "*/*" {
			specific = 0
		}
		if ranges = append(ranges, mediaRange{name, weight, specific}); len(ranges) > maxAcceptRanges {
			return false
		}
	}
	slices.SortStableFunc(ranges, func(a, b mediaRange) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(b.specific, a.specific))
	})
	for _, r := range ranges {
		switch r.name {
		case "application/json", "application/*", "*/*":
			return false
		case "text/html", "text/*":
			return true
		}
	}
	return false
}
