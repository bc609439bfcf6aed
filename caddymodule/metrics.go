package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// metrics are the collectors of the process. They are made once, so that their
// counts survive reloads, and registered with each configuration's registry,
// since each has its own (what forgot that lost its metrics at the first reload:
// mholt/caddy-ratelimit issue 102). Labels come from fixed sets and the configuration,
// never from a token or a path; only the metric of old tokens names recipients, which
// are operators' own words and no secrets, and there it is bounded.
type metrics struct {
	decisions *prometheus.CounterVec
	durations *prometheus.HistogramVec
	uses      *prometheus.CounterVec
	surveys   surveys
}

var processMetrics = newMetrics()

func newMetrics() *metrics {
	return &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "gatehouse",
			Name:      "decisions_total",
			Help:      "Requests decided by the gate, by scheme, decision and reason.",
		}, []string{"scheme", "decision", "reason"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "gatehouse",
			Name:      "request_duration_seconds",
			Help:      "Time from a request's arrival at the gate to the end of its answer, by scheme and decision.",
			Buckets:   []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"scheme", "decision"}),
		uses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "gatehouse",
			Name:      "token_uses_total",
			Help:      "Requests with a valid token, by scheme and status of the token: active, rotated (in its overlap) or imported.",
		}, []string{"scheme", "status"}),
	}
}

// useMetrics registers the process's collectors with a configuration's registry.
func useMetrics(registry *prometheus.Registry) (*metrics, error) {
	return processMetrics, processMetrics.register(registry)
}

// register registers the collectors, unless they are in the registry already: each
// gate of a configuration comes by here.
func (m *metrics) register(registry *prometheus.Registry) error {
	for _, collector := range []prometheus.Collector{m.decisions, m.durations, m.uses, &m.surveys} {
		var already prometheus.AlreadyRegisteredError
		if err := registry.Register(collector); err != nil && !errors.As(err, &already) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}

func (m *metrics) observe(scheme, decision, reason string, took time.Duration) {
	m.decisions.WithLabelValues(scheme, decision, reason).Inc()
	m.durations.WithLabelValues(scheme, decision).Observe(took.Seconds())
}

// used counts the use of a token that was let in.
func (m *metrics) used(id *schemes.Identity) {
	m.uses.WithLabelValues(id.Scheme, cmp.Or(string(id.Old), tokenstore.StatusActive)).Inc()
}
