package databricks

import (
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// recipientInfo is a recipient as Databricks' clients know it. Times are in
// milliseconds since 1970; what does not apply is absent.
type recipientInfo struct {
	ID                 string      `json:"id"`
	Name               string      `json:"name"`
	AuthenticationType string      `json:"authentication_type"`
	Comment            string      `json:"comment,omitempty"`
	Owner              string      `json:"owner,omitempty"`
	Activated          bool        `json:"activated"`
	ActivationURL      string      `json:"activation_url,omitempty"`
	ExpirationTime     int64       `json:"expiration_time,omitempty"`
	IPAccessList       *ipList     `json:"ip_access_list,omitempty"`
	Properties         *properties `json:"properties_kvpairs,omitempty"`
	Tokens             []tokenInfo `json:"tokens,omitempty"`
	CreatedAt          int64       `json:"created_at"`
	CreatedBy          string      `json:"created_by,omitempty"`
	UpdatedAt          int64       `json:"updated_at"`
	UpdatedBy          string      `json:"updated_by,omitempty"`
}

type ipList struct {
	Allowed []string `json:"allowed_ip_addresses"`
}

type properties struct {
	Properties map[string]string `json:"properties"`
}

// tokenInfo is a token, or a link that waits: its activation_url is there only then,
// and its expiration_time is that of the link, or the recipient's if that comes first.
type tokenInfo struct {
	ID             string `json:"id"`
	ActivationURL  string `json:"activation_url,omitempty"`
	ExpirationTime int64  `json:"expiration_time,omitempty"`
	CreatedAt      int64  `json:"created_at"`
	CreatedBy      string `json:"created_by,omitempty"`
	UpdatedAt      int64  `json:"updated_at"`
	UpdatedBy      string `json:"updated_by,omitempty"`
}

// authenticationTypes are the names of the ways of authentication.
var authenticationTypes = map[tokenstore.Authentication]string{
	tokenstore.BearerTokens:      "TOKEN",
	tokenstore.ClientCredentials: "OAUTH_CLIENT_CREDENTIALS",
	tokenstore.Federation:        "OIDC_FEDERATION",
}

// view is a recipient with what it holds, as the caller may see it. A link is what a
// credential can be fetched with, so who may only read does not see it.
func (a *API) view(c *call, recipient tokenstore.Recipient, live []tokenstore.Credential) (recipientInfo, error) {
	info := recipientInfo{
		ID: recipient.ID, Name: recipient.Name, AuthenticationType: authenticationTypes[recipient.Auth],
		Comment: recipient.Comment, Owner: recipient.Owner, ExpirationTime: millis(recipient.NotAfter),
		CreatedAt: millis(recipient.CreatedAt), CreatedBy: recipient.CreatedBy,
		UpdatedAt: millis(recipient.UpdatedAt), UpdatedBy: recipient.UpdatedBy,
		// The newest credential tells: after a rotation it is the new link again.
		Activated: len(live) > 0 && !live[0].Pending,
	}
	if len(recipient.Networks) > 0 {
		info.IPAccessList = &ipList{recipient.Networks}
	}
	if len(recipient.Properties) > 0 {
		info.Properties = &properties{recipient.Properties}
	}
	for i, credential := range live {
		token := tokenInfo{ID: credential.Accessor}
		changed, by := lastChange(recipient, live, i)
		token.UpdatedAt, token.UpdatedBy = millis(changed), by
		if credential.Pending {
			link := credential.Link
			token.ExpirationTime, token.CreatedBy = millis(link.ExpiresAt), link.CreatedBy
			if end := info.ExpirationTime; end != 0 {
				token.ExpirationTime = min(token.ExpirationTime, end)
			}
			token.CreatedAt = millis(link.CreatedAt)
			if c.role == tokenstore.AdminFull {
				url, err := a.scheme.LinkURL(credential)
				// A link that was sealed with a master key that is gone can only be
				// replaced, and must not hide all the others.
				if err != nil && !errors.Is(err, secret.ErrSealedUnknownKey) {
					return recipientInfo{}, err
				}
				token.ActivationURL, info.ActivationURL = url, url
			}
		} else {
			made := credential.Token
			token.ExpirationTime, token.CreatedBy = millis(made.ExpiresAt), made.CreatedBy
			token.CreatedAt = millis(made.CreatedAt)
		}
		info.Tokens = append(info.Tokens, token)
	}
	return info, nil
}

// byLink is who the audit says has fetched a token.
const byLink = "activation link"

// lastChange is when a credential was last changed, as far as it is kept, and by whom;
// nobody if that is not known any more. A credential's own record does not say it, but
// a rotation bounds the life of every token and makes the newest credential.
func lastChange(recipient tokenstore.Recipient, live []tokenstore.Credential, i int) (at time.Time, by string) {
	token, newest := live[i].Token, live[0]
	switch {
	case token == nil: // a link is only ever replaced
		return live[i].Link.CreatedAt, live[i].Link.CreatedBy
	case !live[i].Rotated() && token.Imported:
		return token.CreatedAt, token.CreatedBy
	case !live[i].Rotated():
		return token.IssuedAt, byLink
	case newest.Link != nil:
		return newest.Link.CreatedAt, newest.Link.CreatedBy
	case !newest.Rotated():
		return newest.Token.CreatedAt, newest.Token.CreatedBy
	case recipient.UpdatedAt.Equal(token.RotatedAt): // the new link is over; nothing else was changed since
		return token.RotatedAt, recipient.UpdatedBy
	default:
		return token.RotatedAt, ""
	}
}

// millis is a time as Databricks has it; 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// read returns a recipient as it is now.
func (a *API) read(c *call, name string) (any, error) {
	recipient, live, err := c.store.Credentials(c.ctx(), c.Identity.Realm, name)
	if err != nil {
		return nil, err
	}
	return a.view(c, recipient, live)
}
