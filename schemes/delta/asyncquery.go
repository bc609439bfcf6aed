package delta

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// queryLifetime is how long a query that runs asynchronously can be polled by who
// started it.
const queryLifetime = 24 * time.Hour

// queryLimits bound how many asynchronous queries a recipient may start: each is a record
// of the store for a day, and a synced write.
var queryLimits = schemes.Limits{Rate: 1, Burst: 200}

// Patterns of the calls that start and poll asynchronous queries.
const (
	patternQuery   = "{base}/shares/{share}/schemas/{schema}/tables/{table}/query"
	patternChanges = "{base}/shares/{share}/schemas/{schema}/tables/{table}/changes"
	patternPoll    = "{base}/shares/{share}/schemas/{schema}/tables/{table}/queries/{query}"
)

// learnQuery binds the query that an answer names to the recipient, before the
// recipient knows of it: the server behind tells nobody's queries apart. Only a
// client that says it can wait is answered so; a poll may lead on to another query.
func (s *Scheme) learnQuery(call *schemes.Call) schemes.Learn {
	route := s.routeOf(call, call.Decision)
	switch {
	case call.Identity == nil:
		return nil
	case route.Pattern == patternPoll:
	case route.Pattern != patternQuery && route.Pattern != patternChanges, !wantsAsync(call.Request.Header):
		return nil
	}
	polled := route.Param("query")
	return func(ctx context.Context, firstLine []byte) error {
		id := queryOf(firstLine)
		if id == "" || id == polled {
			return nil
		}
		backend, err := s.open(ctx)
		if err == nil {
			key := schemes.LimitKey{Realm: s.config.Realm, Subject: call.Identity.Subject, Purpose: "asynchronous queries"}
			lease, retryAfter, ok := backend.Limiter.Take(key, queryLimits)
			if !ok {
				return schemes.TooMany(retryAfter)
			}
			lease.Release()
			err = backend.Store.BindQuery(ctx, s.config.Realm, call.Identity.Subject, tableOf(route), id, queryLifetime)
		}
		if err != nil {
			return schemes.Unavailable(err)
		}
		return nil
	}
}

// queryOf is the id of a query that an answer's first line names, or empty. A line
// that cannot be understood names none: what is not bound cannot be polled.
func queryOf(firstLine []byte) string {
	var line struct {
		QueryStatus struct {
			QueryID string `json:"queryId"`
		} `json:"queryStatus"`
	}
	if json.Unmarshal(firstLine, &line) != nil {
		return ""
	}
	return line.QueryStatus.QueryID
}

// wantsAsync reads the capabilities of a client (protocol, "Delta Sharing
// Capabilities Header": keys and values count without case).
func wantsAsync(h http.Header) bool {
	for _, line := range h.Values("Delta-Sharing-Capabilities") {
		for capability := range strings.SplitSeq(line, ";") {
			key, value, _ := strings.Cut(capability, "=")
			if strings.EqualFold(strings.TrimSpace(key), "asyncquery") && strings.EqualFold(strings.TrimSpace(value), "true") {
				return true
			}
		}
	}
	return false
}

// mayPoll tells whether the caller started the query that it polls, on this table.
func (s *Scheme) mayPoll(call *schemes.Call, route schemes.Route) *schemes.Refusal {
	if call.Offline() {
		call.Trial.LeaveOpen("whether the caller started the query that it polls")
		return nil
	}
	ctx := call.Request.Context()
	backend, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	bound, err := backend.Store.QueryBound(ctx, s.config.Realm, call.Identity.Subject, tableOf(route), route.Param("query"))
	switch {
	case err != nil:
		return schemes.Unavailable(err)
	case !bound:
		return missing()
	}
	return nil
}

// tableOf names the table of a call, folded.
func tableOf(route schemes.Route) string {
	return tokenstore.FoldName(strings.Join(objectOf(route, "share", "schema", "table"), "/"))
}

// objectOf is the values of parameters of a route.
func objectOf(route schemes.Route, parameters ...string) []string {
	object := make([]string, len(parameters))
	for i, name := range parameters {
		object[i] = route.Param(name)
	}
	return object
}
