package coordinator

import (
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
)

// Service is one of the three APIs, as it announces itself.
type Service string

// The services.
const (
	CoordinatorService Service = "bit-broker coordinator service"
	ContributorService Service = "bit-broker contributor service"
	ConsumerService    Service = "bit-broker consumer service"
)

// announcement is what an API answers at its base.
type announcement struct {
	Now    string  `json:"now"`
	Name   Service `json:"name"`
	Base   string  `json:"base"`
	Status string  `json:"status"`
}

func (a *API) announce(w http.ResponseWriter, r *Request, service Service) error {
	backend, err := a.open(r.Request.Context())
	if err != nil {
		return schemes.Unavailable(err)
	}
	envelope.JSON(w, r.Request, http.StatusOK, announcement{
		Now: isoTime(backend.Store.Now()), Name: service, Base: r.Base, Status: "production",
	})
	return nil
}

// testError answers with an error of the server, for who wants to see that it tells nothing.
func testError(w http.ResponseWriter, r *Request) error {
	envelope.Refuse(w, r.Request, &schemes.Refusal{Status: http.StatusInternalServerError})
	return nil
}

// isoTime is a time as JavaScript writes it: UTC, with milliseconds.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
