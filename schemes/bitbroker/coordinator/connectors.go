package coordinator

import (
	"crypto/sha1" //nolint:gosec // contribution ids are no secrets, and are made with it
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// connectorDocument is what is kept of a connector besides its slug and its token.
type connectorDocument struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Webhook     *string         `json:"webhook"`
	Cache       json.RawMessage `json:"cache"`
}

// connectorItem is a connector in a list, connectorDetail one that is told by itself.
type connectorItem struct {
	ID          string `json:"id"`
	URL         string `json:"url"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

type connectorDetail struct {
	connectorItem
	Entity       link            `json:"entity"`
	Contribution string          `json:"contribution_id"`
	Webhook      *string         `json:"webhook"`
	Cache        json.RawMessage `json:"cache"`
	Live         bool            `json:"is_live"`
	// InSession is never said to be so: sessions are the server's that takes the data.
	InSession bool `json:"in_session"`
}

// newConnector is what a connector is given when it is made.
type newConnector struct {
	ID    string `json:"id"` // for its contributions
	Token string `json:"token"`
}

func (c *call) viewConnector(connector tokenstore.BrokerConnector) (connectorDetail, error) {
	var kept connectorDocument
	if err := readDocument(connector.Document, &kept); err != nil {
		return connectorDetail{}, err
	}
	return connectorDetail{
		connectorItem: connectorItem{
			ID: connector.Slug, URL: c.address("entity", connector.Entity, "connector", connector.Slug),
			Name: kept.Name, Description: kept.Description,
		},
		Entity:       link{connector.Entity, c.address("entity", connector.Entity)},
		Contribution: connector.Contribution, Webhook: kept.Webhook, Cache: kept.Cache, Live: connector.Live,
	}, nil
}

// connectorOf returns which connector of which entity type the path names.
func (c *call) connectorOf() (entity, slug string, err error) {
	if entity, err = c.slug(eid); err != nil {
		return "", "", err
	}
	slug, err = c.slug(cid)
	return entity, slug, err
}

func (a *API) listConnectors(w http.ResponseWriter, c *call) error {
	entity, err := c.slug(eid)
	if err != nil {
		return err
	}
	list := []connectorItem{}
	for after := ""; ; {
		connectors, next, err := c.store.BrokerConnectors(c.reading(), a.config.Realm, entity, after, page)
		if err != nil {
			return err
		}
		for _, connector := range connectors {
			view, err := c.viewConnector(connector)
			if err != nil {
				return err
			}
			list = append(list, view.connectorItem)
		}
		if next == "" {
			return c.json(w, list)
		}
		after = next
	}
}

func (a *API) getConnector(w http.ResponseWriter, c *call) error {
	entity, slug, err := c.connectorOf()
	if err != nil {
		return err
	}
	connector, err := c.store.BrokerConnector(c.reading(), a.config.Realm, entity, slug)
	if err != nil {
		return err
	}
	view, err := c.viewConnector(connector)
	if err != nil {
		return err
	}
	return c.json(w, view)
}

// connectorProperties is what a body says of a connector, with what stands for what it does not
// say.
func connectorProperties(body any) *object {
	webhook := or(member(body, "webhook"), nil)
	if text, is := webhook.(string); is {
		webhook = strings.TrimSuffix(text, "/")
	}
	return newObject().
		set("name", or(member(body, "name"), "")).
		set("description", or(member(body, "description"), "")).
		set("webhook", webhook).
		set("cache", or(member(body, "cache"), 0.0))
}

// readConnector reads what a body says of a connector, whose slug has the given faults.
func (c *call) readConnector(w http.ResponseWriter, faults []envelope.Fault) (said *object, err error) {
	body, err := c.body(w)
	if err != nil {
		return nil, err
	}
	said = connectorProperties(body)
	return said, wrong(connectorShape.judge(faults, "", said))
}

// checkWebhook refuses a connector without a webhook where the entity type has timeseries, which
// only a webhook can serve.
func (a *API) checkWebhook(c *call, entity string, said *object) error {
	found, err := c.store.BrokerEntity(c.reading(), a.config.Realm, entity)
	if err != nil {
		return err
	}
	var kept struct {
		Timeseries map[string]json.RawMessage `json:"timeseries"`
	}
	if err := readDocument(found.Document, &kept); err != nil {
		return err
	}
	if len(kept.Timeseries) > 0 && !truthy(said.get("webhook")) {
		return malformed{{Name: "webhook", Reason: "You must supply a webhook when entity types contain timeseries"}}
	}
	return nil
}

func (a *API) createConnector(w http.ResponseWriter, c *call) error {
	slug, faults := c.newSlug(cid)
	said, err := c.readConnector(w, faults)
	if err != nil {
		return err
	}
	entity, err := c.slug(eid)
	if err != nil {
		return err
	}
	if err := a.checkWebhook(c, entity, said); err != nil {
		return err
	}
	kept, err := document(said)
	if err != nil {
		return err
	}
	token, stored := a.newToken()
	contribution := a.contribution(entity, slug)
	_, err = c.store.CreateBrokerConnector(c.changing(), a.config.Realm, entity, slug, contribution, kept, stored, c.actor())
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Location", c.Location)
	h.Set("Cache-Control", "no-store")
	envelope.JSON(w, c.Request.Request, http.StatusCreated, newConnector{contribution, token})
	return nil
}

// contribution is the id of a connector on the contributor API: the same for the same names, as
// of a BitBroker with the same secret.
func (a *API) contribution(entity, connector string) string {
	digest := sha1.Sum([]byte(entity + ":" + connector + ":" + a.config.AppSecret.Reveal())) //nolint:gosec // as above
	return hex.EncodeToString(digest[:])
}

// updateConnector replaces what is kept of a connector. Its token stays.
func (a *API) updateConnector(w http.ResponseWriter, c *call) error {
	said, err := c.readConnector(w, nil)
	if err != nil {
		return err
	}
	entity, err := c.slug(eid)
	if err != nil {
		return err
	}
	if err := a.checkWebhook(c, entity, said); err != nil {
		return err
	}
	slug, err := c.slug(cid)
	if err != nil {
		return err
	}
	kept, err := document(said)
	if err != nil {
		return err
	}
	_, err = c.store.UpdateBrokerConnector(c.changing(), a.config.Realm, entity, slug, kept, c.actor())
	return done(w, err)
}

func (a *API) deleteConnector(w http.ResponseWriter, c *call) error {
	entity, slug, err := c.connectorOf()
	if err != nil {
		return err
	}
	return done(w, c.store.DeleteBrokerConnector(c.changing(), a.config.Realm, entity, slug, c.actor()))
}

func (a *API) goLive(w http.ResponseWriter, c *call) error { return a.setLive(w, c, true) }

func (a *API) leaveLive(w http.ResponseWriter, c *call) error { return a.setLive(w, c, false) }

func (a *API) setLive(w http.ResponseWriter, c *call, live bool) error {
	entity, slug, err := c.connectorOf()
	if err != nil {
		return err
	}
	return done(w, c.store.SetBrokerConnectorLive(c.changing(), a.config.Realm, entity, slug, live, c.actor()))
}

// rotateConnector gives a connector a new token, and leaves all that it contributed.
func (a *API) rotateConnector(w http.ResponseWriter, c *call) error {
	entity, slug, err := c.connectorOf()
	if err != nil {
		return err
	}
	token, stored := a.newToken()
	err = c.store.RotateBrokerConnector(c.changing(), a.config.Realm, entity, slug, stored, a.config.ReissueOverlap, c.actor())
	if err != nil {
		return err
	}
	envelope.Token(w, c.Request.Request, http.StatusOK, token)
	return nil
}
