package caddymodule

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// Words of a decision in the audit line and in metrics.
const (
	allowed = "allow"
	denied  = "deny"
	// wouldDeny is a request of a site in shadow that would be denied, and went on.
	wouldDeny = "shadow"
)

// record writes the audit line of a request and counts it. A line holds who,
// what, the decision with its rule and reason, the status and how long it took;
// never a token.
func (p *passage) record(took time.Duration) {
	decision, reason := p.outcome()
	p.metrics.observe(p.scheme.Name(), decision, reason, took)

	entry := p.audit.Check(zapcore.InfoLevel, "decision")
	if entry == nil {
		return
	}
	fields := make([]zap.Field, 0, 18)
	fields = append(fields,
		zap.String("scheme", p.scheme.Name()),
		zap.String("realm", p.scheme.Realm()),
		zap.String("method", secret.Redact(p.call.Request.Method)), // a client may call anything a method
		// Canonical, without the query. A code or token can stand in a path that is
		// none of ours, as it does in Databricks' activation addresses.
		zap.String("path", secret.Redact(p.call.Path.String())),
		zap.String("decision", decision),
		zap.String("reason", reason),
		zap.Int("status", p.status),
		zap.Duration("duration", took),
		zap.String("client_ip", p.call.ClientIP),
	)
	if id := p.call.Identity; id != nil {
		fields = append(fields, zap.String("subject", id.Subject), zap.String("name", id.Name), zap.String("accessor", id.Accessor))
		if id.Delegate != "" {
			fields = append(fields, zap.String("delegate", id.Delegate))
		}
	}
	if rule := p.call.Decision.Rule; rule != nil {
		fields = append(fields, zap.Stringer("rule", rule))
	}
	if p.call.Action != "" {
		fields = append(fields, zap.String("action", p.call.Action))
	}
	if p.refusal != nil {
		if code := p.refusal.CauseCode(); code != "" {
			fields = append(fields, zap.String("cause", code))
		}
	}
	entry.Write(fields...)
}

// outcome is the decision in a word, and its reason. An answer of the scheme's
// own that was no refusal counts as allowed.
func (p *passage) outcome() (decision, reason string) {
	decision, reason = p.verdict()
	if p.shadowed {
		decision = wouldDeny
	}
	return decision, reason
}

func (p *passage) verdict() (decision, reason string) {
	switch {
	case p.decided && !p.call.Decision.Allow && p.call.Denial != nil:
		return denied, string(p.call.Denial.Reason)
	case p.decided && !p.call.Decision.Allow:
		return denied, p.call.Decision.Reason.String()
	case p.refusal != nil && p.judged && p.call.Decision.Allow:
		// The rules allowed it; what failed came after.
		return allowed, string(p.refusal.Reason)
	case p.refusal != nil:
		return denied, string(p.refusal.Reason)
	case p.call.Decision.Allow:
		return allowed, p.call.Decision.Reason.String()
	default:
		return allowed, string(schemes.OwnEndpoint)
	}
}
