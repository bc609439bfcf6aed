package bitbroker

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/schemes/schemestest"
)

// BenchmarkConsumerCall is the way of a repeated token's call, limits on.
func BenchmarkConsumerCall(b *testing.B) {
	s := newSite(b)
	limits := quotaOf(1<<40, "day")
	limits.Rate = perSecond(1 << 30).Rate
	s.policy("pol-one", limits)
	token := s.access(s.user("ada@example.com"), "pol-one")
	r := schemestest.Request("GET", consumerPath, "")
	b.ReportAllocs()
	for b.Loop() {
		r.Header["X-Bbk-Auth-Token"] = []string{token}
		if forwarded, err := schemestest.Walk(s.Scheme, nil, &schemes.Call{Request: r}); !forwarded {
			b.Fatal(err)
		}
	}
}

// BenchmarkGarbage is that of what has not the form of a token.
func BenchmarkGarbage(b *testing.B) {
	s := newSite(b)
	r := schemestest.Request("GET", consumerPath, "", "X-Bbk-Auth-Token", "garbage")
	b.ReportAllocs()
	for b.Loop() {
		if forwarded, _ := schemestest.Walk(s.Scheme, nil, &schemes.Call{Request: r}); forwarded {
			b.Fatal("let in")
		}
	}
}
