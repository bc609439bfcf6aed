package caddymodule

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Each configuration has a registry of its own: what registers once loses its counts
// at the first reload (mholt/caddy-ratelimit issue 102), and what registers twice in
// one panics if it must (mholt/caddy-l4 issue 445).
func TestMetricsSurviveAReload(t *testing.T) {
	first, second := prometheus.NewRegistry(), prometheus.NewRegistry()
	m, err := useMetrics(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := useMetrics(first); err != nil {
		t.Errorf("the second gate of a configuration: %v", err)
	}
	count := func() float64 { return testutil.ToFloat64(m.decisions.WithLabelValues("test", "allow", "reload")) }
	before := count()
	m.observe("test", "allow", "reload", time.Second)
	after, err := useMetrics(second)
	if err != nil {
		t.Fatal(err)
	}
	after.observe("test", "allow", "reload", time.Second)
	if got := count() - before; got != 2 {
		t.Errorf("counted %v over the reload, want 2", got)
	}
	if n, err := testutil.GatherAndCount(second, "gatehouse_decisions_total", "gatehouse_request_duration_seconds"); err != nil || n < 2 {
		t.Errorf("the new registry has %d series, %v", n, err)
	}
}

func TestAnotherCollectorOfTheNameFailsToLoad(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "gatehouse_decisions_total", Help: "other"}))
	if _, err := useMetrics(registry); err == nil {
		t.Error("registered beside another collector of the name")
	}
}
