package delta

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// The credentials API is Zalando's Direct Data Sharing credentials management:
// GET lists, POST rotates or creates, PATCH shortens or revokes.

// credential is one element of a list; newest first, so the ACTIVE one leads.
type credential struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	// ActivationLink is null once it was used.
	ActivationLink *string `json:"activation_link"`
	CreatedAt      string  `json:"created_at"`
	ActivatedAt    *string `json:"activated_at"`
	// ExpiresAt of a link that waits is the earliest end of the token that it
	// will give: the token's life counts from the use of the link.
	ExpiresAt string `json:"expires_at"`
}

// Statuses of a credential.
const (
	statusActive  = "ACTIVE"
	statusRotated = "ROTATED"
)

// serveCredentials answers the credentials API.
func (s *Scheme) serveCredentials(w http.ResponseWriter, call *schemes.Call) error {
	if refusal := mayManage(call); refusal != nil {
		return refusal
	}
	recipient, live, err := s.changeCredentials(w, call)
	if err != nil {
		return err
	}
	return s.writeCredentials(w, recipient, live)
}

// mayManage is why a call of the credentials API is refused for who makes it; nil if it is
// not.
func mayManage(call *schemes.Call) *schemes.Refusal {
	if call.Identity == nil {
		return &schemes.Refusal{
			Status: http.StatusUnauthorized, Reason: schemes.NoCredential,
			Public: "Send a management key or an access token as Authorization: Bearer.",
		}
	}
	role := roleWrite
	switch call.Request.Method {
	case http.MethodGet:
		role = roleRead
		call.Action = "listRecipientTokens"
	case http.MethodPost:
		call.Action = "rotateRecipientToken"
	case http.MethodPatch:
		call.Action = "updateRecipientTokens"
	default:
		return schemes.MethodNotAllowed("GET, POST, PATCH")
	}
	switch {
	case !slices.Contains(call.Identity.Roles, role):
		return &schemes.Refusal{
			Status: http.StatusForbidden, Reason: schemes.Forbidden,
			Public: "The access token lacks the scope to " + role + " credentials.",
		}
	case role == roleWrite && call.EarlyData:
		return schemes.TooEarly()
	}
	return nil
}

// changeCredentials does what is asked, to the recipient that the caller was
// identified as: by its id, since another may have been given the name meanwhile.
func (s *Scheme) changeCredentials(w http.ResponseWriter, call *schemes.Call) (recipient tokenstore.Recipient, live []tokenstore.Credential, err error) {
	ctx := call.Request.Context()
	backend, err := s.open(ctx)
	if err != nil {
		return recipient, nil, schemes.Unavailable(err)
	}
	var (
		realm, id = s.config.Realm, call.Identity.Subject
		actor     = "recipient " + call.Identity.Name
		in        time.Duration
		check     tokenstore.Check
	)
	if call.Request.Method != http.MethodGet {
		var refusal *schemes.Refusal
		if in, refusal = expiryFrom(schemes.OwnBody(w, call.Request, maxBody)); refusal != nil {
			return recipient, nil, refusal
		}
		if check, err = s.stillManager(ctx, call); err != nil {
			return recipient, nil, err
		}
	}
	switch call.Request.Method {
	case http.MethodGet:
		recipient, live, err = backend.Store.Credentials(ctx, realm, id)
	case http.MethodPost:
		recipient, live, err = s.rotate(ctx, backend, id, in, func(recipient tokenstore.Recipient, live []tokenstore.Credential) error {
			if err := check(recipient, live); err != nil {
				return err
			}
			if tokenstore.Issued(live) >= s.config.MaxTokens {
				return tokenstore.ErrTooManyTokens // also if all are to end: the contract wants PATCH first
			}
			return nil
		}, actor)
	default:
		recipient, live, err = backend.Store.Shorten(ctx, realm, id, in, check, actor)
	}
	if err != nil {
		return recipient, nil, credentialsRefusal(err)
	}
	return recipient, live, nil
}

func credentialsRefusal(err error) *schemes.Refusal {
	var refusal *schemes.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, tokenstore.ErrTooManyTokens):
		return &schemes.Refusal{
			Status: http.StatusConflict, Reason: schemes.Conflict, Cause: err,
			Public: `There are already as many valid tokens as allowed. Revoke them with PATCH and {"` + expiryField + `": 0}, then POST again; or wait until the rotated one has expired.`,
		}
	case errors.Is(err, tokenstore.ErrNotFound):
		return unknownManager(err) // deleted since it was identified
	case errors.Is(err, tokenstore.ErrInvalid):
		return &schemes.Refusal{
			Status: http.StatusConflict, Reason: schemes.Conflict, Cause: err,
			Public: "There is nothing to rotate: this recipient is recognised by the tokens of its own identity provider.",
		}
	default:
		return schemes.Unavailable(err)
	}
}

func (s *Scheme) writeCredentials(w http.ResponseWriter, recipient tokenstore.Recipient, live []tokenstore.Credential) error {
	list := make([]credential, 0, len(live))
	for _, c := range live {
		item := credential{ID: c.Accessor, Status: statusActive, CreatedAt: rfc3339(c.CreatedAt())}
		if c.Token != nil {
			activated := rfc3339(c.Token.IssuedAt)
			item.ActivatedAt = &activated
			item.ExpiresAt = rfc3339(c.Token.ExpiresAt)
			if c.Rotated() {
				item.Status = statusRotated
			}
		} else {
			link, err := s.linkURL(c)
			if err != nil {
				return err
			}
			item.ActivationLink = &link
			item.ExpiresAt = rfc3339(s.earliestEnd(recipient, c))
		}
		list = append(list, item)
	}
	w.Header().Set("Cache-Control", "no-store")
	if s.config.CredentialsAPI.BareArray {
		writeJSON(w, http.StatusOK, "application/json", list)
	} else {
		writeJSON(w, http.StatusOK, "application/json", map[string][]credential{"tokens": list})
	}
	return nil
}

// earliestEnd is when the token of a pending link ends at the earliest: used at
// once, and bounded if a later change shortened it.
func (s *Scheme) earliestEnd(recipient tokenstore.Recipient, c tokenstore.Credential) time.Time {
	lifetime := recipient.TokenLifetime
	if lifetime == 0 {
		lifetime = s.config.TokenLifetime
	}
	end := c.Link.CreatedAt.Add(lifetime)
	for _, bound := range []time.Time{c.Link.NotAfter, recipient.NotAfter} {
		if !bound.IsZero() && bound.Before(end) {
			end = bound
		}
	}
	return end
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }
