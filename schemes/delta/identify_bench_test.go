package delta

import (
	"context"
	"testing"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// BenchmarkIdentifyAgain is a token that was seen before: ours, and one of an
// identity provider.
func BenchmarkIdentifyAgain(b *testing.B) {
	s := newSite(b)
	p := s.provider("login.example.com")
	s.federated("federated", p.policy(), "sales")
	p.refresh()
	ours, _ := s.holder("acme", "sales")
	for name, token := range map[string]string{"ours": ours, "federated": p.token(b, nil)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			call := &schemes.Call{Credential: schemes.NewCredential(token)}
			for b.Loop() {
				if _, err := s.identifyRecipient(context.Background(), call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("jwt of a stranger", func(b *testing.B) {
		b.ReportAllocs()
		call := &schemes.Call{Credential: schemes.NewCredential(newKey(b, "k1").sign(b, "https://login.example.org", nil))}
		for b.Loop() {
			if _, err := s.identifyRecipient(context.Background(), call); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}
