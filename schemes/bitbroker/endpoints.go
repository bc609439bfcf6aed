package bitbroker

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/coordinator"
)

// services are the APIs as they announce themselves.
var services = map[string]coordinator.Service{
	kindCoordinator: coordinator.CoordinatorService, kindContributor: coordinator.ContributorService, kindConsumer: coordinator.ConsumerService,
}

// own finds the endpoint that the gateway serves itself, and whether what is there is the
// gateway's at all: without a BitBroker the coordinator API and what all three have in
// common, in front of one only the rotation of a connector's token, which that one lacks.
func (s *Scheme) own(method string, v *visit) (serve coordinator.Serve, action string, own bool) {
	switch {
	case v.api == nil:
		return nil, "", false
	case s.config.InFront:
		if !v.is(kindCoordinator) || !isRotation(method, v.below) {
			return nil, "", false
		}
		serve, action = s.coordinator.Answers(method, v.came)
		return serve, action, true
	case v.is(kindCoordinator):
		serve, action = s.coordinator.Answers(method, v.came)
		return serve, action, true
	}
	serve, action = s.coordinator.Common(services[v.api.kind], method, v.came)
	return serve, action, serve != nil
}

// isRotation tells whether a call is for another token of a connector.
func isRotation(method string, below []string) bool {
	return method == http.MethodPut && len(below) == 5 && below[0] == "entity" && below[2] == "connector" && below[4] == "token"
}

// Endpoint implements schemes.Scheme.
func (s *Scheme) Endpoint(call *schemes.Call) schemes.Endpoint {
	v := s.visitOf(call)
	serve, action, own := s.own(call.Request.Method, v)
	if !own {
		return nil
	}
	call.Action = action
	call.Decision = s.Decide(call)
	switch {
	case !call.Decision.Allow:
		call.Denial = s.Denied(call)
	case serve == nil:
		call.Denial = missing(nil)
	case call.EarlyData && call.Request.Method != http.MethodGet && call.Request.Method != http.MethodHead:
		call.Denial = schemes.TooEarly()
	}
	return func(w http.ResponseWriter, call *schemes.Call) error {
		if call.Denial != nil {
			return call.Denial
		}
		origin := originOf(call)
		return serve(w, &coordinator.Request{
			Call: call, Segments: v.came, Caller: holderOf(call.Identity).user, Actor: actorOf(call),
			Base: origin + v.api.base, Location: origin + strings.TrimSuffix(call.Path.Escaped(), "/"),
			Still: func() error { return s.still(call) },
		})
	}
}

// originOf is where clients reach the site: by the name and the port that they call, as a
// BitBroker has it.
func originOf(call *schemes.Call) string {
	if call.Secure {
		return "https://" + call.Request.Host
	}
	return "http://" + call.Request.Host
}

// still asks once more, on a copy of the call, who calls and whether that one may: a body can
// take its time.
func (s *Scheme) still(call *schemes.Call) error {
	again := *call
	if !call.Credential.IsZero() {
		var err error
		if again.Identity, err = s.Identify(again.Request.Context(), &again); err != nil {
			return err
		}
	}
	if again.Decision = s.Decide(&again); !again.Decision.Allow {
		return s.Denied(&again)
	}
	return nil
}
