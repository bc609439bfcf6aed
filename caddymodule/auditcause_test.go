package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

type codedError string

func (e codedError) Error() string { return "in words" }
func (e codedError) Code() string  { return string(e) }

func TestAuditNamesTheCauseOfARefusalByItsCode(t *testing.T) {
	for name, tc := range map[string]struct {
		cause error
		want  any
	}{
		"coded":   {codedError("expired"), "expired"},
		"wrapped": {fmt.Errorf("a token: %w", codedError("expired")), "expired"},
		"other":   {errors.New("quotes what was sent"), nil},
		"none":    {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fake.identifyErr = &schemes.Refusal{Status: http.StatusUnauthorized, Reason: schemes.BadCredential, Cause: tc.cause}
			b.serve(t, request("GET", "/thing"), unreachable(t))
			if got := b.auditLine(t)["cause"]; got != tc.want {
				t.Errorf("cause %v, want %v", got, tc.want)
			}
		})
	}
}
