package services

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/strictjson"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// findRate finds an endpoint of the rate service. Its address names whose limits are meant:
// consumer:<policy> or contributor:<connector>. Those of contributors are kept nowhere, since
// nobody ever limited them: they are answered as if.
func (a *API) findRate(method string, segments []string) (serve endpoint, action string) {
	if len(segments) != 2 || segments[1] != "config" {
		return nil, ""
	}
	role, slug, _ := strings.Cut(segments[0], ":")
	if slug == "" || role != "consumer" && role != "contributor" {
		return nil, ""
	}
	limits := limitsOf{a.config.Realm, slug, role == "consumer"}
	switch method {
	case http.MethodGet:
		return limits.show, "showLimits"
	case http.MethodPut:
		return limits.set, "setLimits"
	case http.MethodDelete:
		return limits.remove, "removeLimits"
	}
	return nil, ""
}

// limitsOf are the endpoints for the limits of one policy, or connector.
type limitsOf struct {
	realm, slug string
	kept        bool
}

// accessControl is how the rate service writes limits: without a quota it has an empty one.
type accessControl struct {
	Enabled bool   `json:"enabled"`
	Quota   quota  `json:"quota"`
	Rate    *int64 `json:"rate,omitempty"`
}

type quota struct {
	MaxNumber *int64 `json:"max_number,omitempty"`
	Interval  string `json:"interval_type,omitempty"`
}

func viewLimits(limits tokenstore.BrokerLimits) accessControl {
	view := accessControl{Enabled: limits.Enabled, Rate: limits.Rate}
	if q := limits.Quota; q != nil {
		view.Quota = quota{&q.MaxNumber, q.Interval}
	}
	return view
}

// rateError is an error of the rate service.
type rateError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

func (l limitsOf) show(w http.ResponseWriter, r *http.Request, store *tokenstore.Store) *schemes.Refusal {
	policy, err := tokenstore.BrokerPolicy{}, tokenstore.ErrNotFound
	if l.kept {
		policy, _, err = store.BrokerPolicy(r.Context(), l.realm, l.slug)
	}
	nothing := policy.Limits == tokenstore.BrokerLimits{} || policy.Limits.Withdrawn // never set, removed, or set to that
	switch {
	case errors.Is(err, tokenstore.ErrNotFound), errors.Is(err, tokenstore.ErrInvalid), err == nil && nothing:
		writeJSON(w, http.StatusNotFound, bareText, rateError{http.StatusNotFound, "Not Found"})
		return nil
	case err != nil:
		return schemes.Unavailable(err)
	}
	writeJSON(w, http.StatusOK, rateJSON, viewLimits(policy.Limits))
	return nil
}

// set notes limits. A BitBroker that is refused must not go on either: the policy would be there
// without limits, or with those of before.
func (l limitsOf) set(w http.ResponseWriter, r *http.Request, store *tokenstore.Store) *schemes.Refusal {
	body, refusal := readBody(w, r)
	if refusal != nil {
		return refusedUnheeded(refusal)
	}
	limits, ok := readLimits(body)
	if !ok {
		return refusedUnheeded(invalid("limits that cannot be read"))
	}
	if l.kept {
		switch err := store.SetBrokerLimits(r.Context(), l.realm, l.slug, &limits, actor); {
		case errors.Is(err, tokenstore.ErrInvalid):
			return refusedUnheeded(invalid("limits of no policy"))
		case err != nil:
			return failedUnheeded(err)
		}
	}
	writeJSON(w, http.StatusOK, rateJSON, viewLimits(limits))
	return nil
}

func (l limitsOf) remove(w http.ResponseWriter, r *http.Request, store *tokenstore.Store) *schemes.Refusal {
	if l.kept {
		err := store.SetBrokerLimits(r.Context(), l.realm, l.slug, nil, actor)
		if err != nil && !errors.Is(err, tokenstore.ErrNotFound) && !errors.Is(err, tokenstore.ErrInvalid) {
			return failedUnheeded(err)
		}
	}
	writeJSON(w, http.StatusOK, rateJSON, "OK")
	return nil
}

// readLimits reads the access_control of a policy, whatever the content type, as the original
// does. A quota or rate that is missing or null is no limit.
func readLimits(body []byte) (limits tokenstore.BrokerLimits, ok bool) {
	fields, err := strictjson.Fields(body)
	if err != nil || fields["enabled"] == nil || isNull(fields["enabled"]) || json.Unmarshal(fields["enabled"], &limits.Enabled) != nil {
		return limits, false
	}
	if limits.Rate, ok = readCount(fields["rate"]); !ok {
		return limits, false
	}
	if isNull(fields["quota"]) {
		return limits, true
	}
	members, err := strictjson.Fields(fields["quota"])
	if err != nil {
		return limits, false
	}
	number, ok := readCount(members["max_number"])
	if !ok || number == nil {
		return limits, ok // a quota of no number is none
	}
	interval := "month" // as the original has it
	if said := members["interval_type"]; !isNull(said) {
		if json.Unmarshal(said, &interval) != nil || interval != "day" && interval != "month" {
			return limits, false
		}
	}
	limits.Quota = &tokenstore.BrokerQuota{MaxNumber: *number, Interval: interval}
	return limits, true
}

func isNull(value json.RawMessage) bool { return value == nil || string(value) == "null" }

// readCount reads a whole number of 0 or more; nil if it is missing or null. 10.0 and 1e1 are
// whole, as in JavaScript, and what is beyond all numbers of 64 bits is the greatest of them.
func readCount(value json.RawMessage) (n *int64, ok bool) {
	if isNull(value) {
		return nil, true
	}
	var float float64
	if json.Unmarshal(value, &float) != nil || float < 0 || float != math.Trunc(float) {
		return nil, false
	}
	whole := int64(math.MaxInt64)
	if float < math.MaxInt64 {
		whole = int64(float)
	}
	return &whole, true
}
