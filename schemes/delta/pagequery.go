package delta

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// The query parameters of listings that the gateway answers for itself.
const (
	paramMaxResults = "maxResults"
	paramPageToken  = "pageToken"
)

// pageQuery is what the query of a listing asks for.
type pageQuery struct {
	want  int    // how many items, up to the page size
	token string // of the gateway; empty: the first page
	rest  string // all other parameters, as they came
}

// parsePageQuery reads a raw query. pageSize is the most items that a page may have,
// and what is meant if none is said.
func parsePageQuery(rawQuery string, pageSize int) (pageQuery, *schemes.Refusal) {
	q := pageQuery{want: pageSize}
	if strings.Contains(rawQuery, ";") {
		// Some servers separate parameters by it: behind one, a page token of the
		// server's own could hide.
		return q, badParameter("A semicolon in the query must be written as %3B.")
	}
	var rest []string
	seen := make(map[string]bool, 2)
	for parameter := range strings.SplitSeq(rawQuery, "&") {
		if parameter == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(parameter, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return q, badParameter("The query is not correctly encoded.")
		}
		ours := ""
		for _, one := range []string{paramMaxResults, paramPageToken} {
			if strings.EqualFold(name, one) {
				ours = one
			}
		}
		if ours == "" {
			rest = append(rest, parameter)
			continue
		}
		value, err := url.QueryUnescape(rawValue)
		switch {
		case err != nil:
			return q, badParameter("The query is not correctly encoded.")
		case name != ours:
			return q, badParameter("Write the parameter as " + ours + ".")
		case seen[ours]:
			return q, badParameter("The parameter " + ours + " is given twice.")
		}
		seen[ours] = true
		if ours == paramPageToken {
			q.token = value
			continue
		}
		most, err := strconv.ParseUint(value, 10, 31)
		if err != nil || strings.HasPrefix(value, "+") {
			return q, badParameter("maxResults is not a number from 0 to 2147483647.")
		}
		q.want = min(pageSize, int(most))
	}
	q.rest = strings.Join(rest, "&")
	return q, nil
}

// upstream is the query for a page of the server behind.
func (q *pageQuery) upstream(token string, pageSize int) string {
	raw := q.rest
	if raw != "" {
		raw += "&"
	}
	raw += paramMaxResults + "=" + strconv.Itoa(pageSize)
	if token != "" {
		raw += "&" + paramPageToken + "=" + url.QueryEscape(token)
	}
	return raw
}

func badParameter(public string) *schemes.Refusal {
	return &schemes.Refusal{Status: http.StatusBadRequest, Reason: schemes.BadRequest, Public: public}
}
