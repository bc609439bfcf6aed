package dx

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/policies"
)

// UnsignedWebhooks returns the paths of the payment provider's webhooks that anybody can
// call, since the site does not know the secret that they are signed with.
func (s *Scheme) UnsignedWebhooks() []string {
	if !s.config.WebhookSecret.IsZero() {
		return nil
	}
	var paths []string
	for _, path := range webhookPaths {
		if s.policy.Decide(http.MethodPost, strings.Split(path[1:], "/"), false, policies.Subject{}).Allow {
			paths = append(paths, path)
		}
	}
	return paths
}
