package databricks

import (
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/schemes/delta"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// Lengths, in bytes. What stands in a recipient's record is read with every token.
const (
	maxName    = 255
	maxOwner   = 255
	maxComment = 4000
)

type recipientList struct {
	Recipients []recipientInfo `json:"recipients"`
	Next       string          `json:"next_page_token,omitempty"`
}

func (a *API) listRecipients(c *call) (any, error) {
	p, err := c.pageOf()
	if err != nil {
		return nil, err
	}
	list := recipientList{Recipients: []recipientInfo{}}
	if c.Request.URL.Query().Get("data_recipient_global_metastore_id") != "" {
		return list, nil // recipients with a metastore are Databricks' own
	}
	err = eachPage(c, p, func(overviews []tokenstore.Overview) error {
		for _, o := range overviews {
			info, err := a.view(c, o.Recipient, o.Credentials)
			if err != nil {
				return err
			}
			list.Recipients = append(list.Recipients, info)
		}
		return nil
	}, &list.Next)
	return list, err
}

// eachPage passes a page's recipients to fn, in parts, and sets the next page's
// token.
func eachPage(c *call, p page, fn func([]tokenstore.Overview) error, next *string) error {
	for left := p.limit; ; {
		part := maxPage
		if p.limit > 0 {
			part = min(part, left)
		}
		overviews, after, err := c.store.Overviews(c.ctx(), c.Identity.Realm, p.after, part)
		if err != nil {
			return err
		}
		if err := fn(overviews); err != nil {
			return err
		}
		p.after, left = after, left-len(overviews)
		if after == "" || p.limit > 0 && left <= 0 {
			*next = c.next(after)
			return nil
		}
	}
}

func (a *API) createRecipient(c *call) (any, error) {
	order, err := c.newRecipient()
	if err != nil {
		return nil, err
	}
	created, err := a.scheme.Create(c.ctx(), order, c.actor())
	if err != nil {
		return nil, err
	}
	return a.read(c, created.Recipient.ID)
}

// newRecipient reads what a recipient is to be.
func (c *call) newRecipient() (delta.Order, error) {
	var order delta.Order
	name, err := c.body.text("name", maxName)
	if err != nil {
		return order, err
	}
	if name == nil || *name == "" {
		return order, invalid("name is missing.")
	}
	if order.Auth, err = c.authenticationType(); err != nil {
		return order, err
	}
	for _, field := range []string{"sharing_code", "data_recipient_global_metastore_id"} {
		if text, err := c.body.text(field, maxBody); err != nil {
			return order, err
		} else if text != nil && *text != "" {
			return order, invalid("%s is for recipients with a Databricks metastore, which this server does not have.", field)
		}
	}
	changes, err := c.recipientChanges()
	if err != nil {
		return order, err
	}
	var made tokenstore.Recipient
	changes.apply(&made)
	order.Name, order.Comment, order.Owner = *name, made.Comment, made.Owner
	order.Networks, order.Properties = made.Networks, made.Properties
	order.NotAfter, order.TokenLifetime = made.NotAfter, made.TokenLifetime
	return order, nil
}

func (c *call) authenticationType() (tokenstore.Authentication, error) {
	text, err := c.body.text("authentication_type", maxName)
	if err != nil {
		return 0, err
	}
	if text == nil {
		text = new(string)
	}
	if *text == "DATABRICKS" {
		return 0, invalid("authentication_type DATABRICKS is not served: it needs a metastore at both ends. Use TOKEN, OAUTH_CLIENT_CREDENTIALS or OIDC_FEDERATION.")
	}
	for auth, name := range authenticationTypes {
		if name == *text {
			return auth, nil
		}
	}
	return 0, invalid("authentication_type must be TOKEN, OAUTH_CLIENT_CREDENTIALS or OIDC_FEDERATION.")
}

// recipientChanges is what a request says of a recipient; nil fields stay.
type recipientChanges struct {
	comment, owner *string
	networks       *[]string
	properties     *map[string]string
	notAfter       *time.Time
	lifetime       time.Duration // with notAfter
	detail         []string      // for the audit
}

func (c *call) recipientChanges() (recipientChanges, error) {
	var (
		changes recipientChanges
		err     error
	)
	note := func(what string) { changes.detail = append(changes.detail, what) }
	if changes.comment, err = c.body.text("comment", maxComment); err != nil {
		return changes, err
	} else if changes.comment != nil {
		note("comment")
	}
	if changes.owner, err = c.body.text("owner", maxOwner); err != nil {
		return changes, err
	} else if changes.owner != nil {
		note("owner")
	}
	list, present, err := c.body.object("ip_access_list")
	if err != nil {
		return changes, err
	}
	if present {
		if err := list.checkFor("allowed_ip_addresses"); err != nil {
			return changes, err
		}
		networks, err := list.texts("allowed_ip_addresses")
		if err != nil {
			return changes, err
		}
		if _, err := tokenstore.CheckNetworks(networks); err != nil {
			return changes, err
		}
		changes.networks = &networks // an empty list, or none, opens it to any address
		note("IP access list: " + strings.Join(networks, ", "))
	}
	wrapped, present, err := c.body.object("properties_kvpairs")
	if err != nil {
		return changes, err
	}
	if present {
		if err := wrapped.checkFor("properties"); err != nil {
			return changes, err
		}
		inner, _, err := wrapped.object("properties")
		if err != nil {
			return changes, err
		}
		pairs, err := inner.textMap()
		if err != nil {
			return changes, err
		}
		changes.properties = &pairs
		note("properties")
	}
	expiration, err := c.body.number("expiration_time")
	if err != nil || expiration == nil {
		return changes, err
	}
	notAfter := time.UnixMilli(*expiration).UTC().Truncate(time.Second)
	if changes.lifetime = notAfter.Sub(c.store.Now()).Truncate(time.Second); changes.lifetime < time.Second {
		return changes, invalid("expiration_time must lie in the future. It is a time in milliseconds since 1970.")
	}
	if changes.lifetime > longest {
		return changes, invalid("expiration_time lies too far in the future.")
	}
	changes.lifetime += time.Second // as long as it takes, for a token that is made at once
	changes.notAfter = &notAfter
	note("ends at " + notAfter.Format(time.RFC3339))
	return changes, nil
}

// apply makes the changes. A token that is made from now on lives until the
// recipient's end, however long that is.
func (r *recipientChanges) apply(to *tokenstore.Recipient) {
	if r.comment != nil {
		to.Comment = *r.comment
	}
	if r.owner != nil {
		to.Owner = *r.owner
	}
	if r.networks != nil {
		to.Networks = *r.networks
	}
	if r.properties != nil {
		to.Properties = *r.properties
	}
	if r.notAfter != nil {
		to.NotAfter, to.TokenLifetime = *r.notAfter, r.lifetime
	}
}

func (a *API) getRecipient(c *call) (any, error) { return a.read(c, c.values["name"]) }

func (a *API) updateRecipient(c *call) (any, error) {
	changes, err := c.recipientChanges()
	if err != nil {
		return nil, err
	}
	newName, err := c.body.text("new_name", maxName)
	if err != nil {
		return nil, err
	}
	if newName != nil && *newName != "" {
		changes.detail = append(changes.detail, "name")
	} else {
		newName = nil
	}
	if len(changes.detail) == 0 {
		return a.read(c, c.values["name"]) // nothing to change is no change
	}
	recipient, err := c.store.ChangeRecipient(c.ctx(), c.Identity.Realm, c.values["name"], c.actor(), "updateRecipient",
		func(recipient *tokenstore.Recipient) (string, error) {
			changes.apply(recipient)
			if newName != nil {
				recipient.Name = *newName
			}
			return strings.Join(changes.detail, "; "), nil
		})
	if err != nil {
		return nil, err
	}
	return a.read(c, recipient.ID)
}

func (a *API) deleteRecipient(c *call) (any, error) {
	_, err := c.store.DeleteRecipient(c.ctx(), c.Identity.Realm, c.values["name"], c.actor())
	return struct{}{}, err
}

// expireField says how long the tokens in use go on. It must be there: left out, an
// old token would silently go on for months.
const expireField = "existing_token_expire_in_seconds"

// longest is as long as the life of any token can be.
const longest = 100 * 365 * 24 * time.Hour

func (a *API) rotateToken(c *call) (any, error) {
	seconds, err := c.body.number(expireField)
	if err != nil {
		return nil, err
	}
	if seconds == nil || *seconds < 0 {
		return nil, invalid("%s must be given: a whole number of seconds, 0 or more.", expireField)
	}
	recipient, err := c.store.Recipient(c.ctx(), c.Identity.Realm, c.values["name"])
	if err != nil {
		return nil, err
	}
	if recipient.Auth == tokenstore.Federation {
		return nil, invalid("Recipient %s is recognised by its own identity provider and has no token to rotate.", recipient.Name)
	}
	// An expiry only ever comes nearer, so more than anything is as much as possible.
	oldExpiresIn := time.Duration(min(*seconds, int64(longest/time.Second))) * time.Second
	if _, _, err := a.scheme.Rotate(c.ctx(), recipient.ID, oldExpiresIn, c.actor()); err != nil {
		return nil, err
	}
	return a.read(c, recipient.ID)
}
