package coordinator

import (
	"encoding/json"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// entityDocument is what is kept of an entity type besides its slug.
type entityDocument struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Icon        string          `json:"icon"`
	Tags        []string        `json:"tags"`
	Schema      json.RawMessage `json:"schema"`
	Timeseries  json.RawMessage `json:"timeseries"`
}

// entityItem is an entity type in a list, entityDetail one that is told by itself.
type entityItem struct {
	ID          string   `json:"id"`
	URL         string   `json:"url"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Icon        string   `json:"icon"`
	Tags        []string `json:"tags"`
}

type entityDetail struct {
	entityItem
	Schema     json.RawMessage `json:"schema"`
	Timeseries json.RawMessage `json:"timeseries"`
}

func (c *call) viewEntity(entity tokenstore.BrokerEntity) (entityDetail, error) {
	var kept entityDocument
	if err := readDocument(entity.Document, &kept); err != nil {
		return entityDetail{}, err
	}
	return entityDetail{entityItem{
		ID: entity.Slug, URL: c.address("entity", entity.Slug), Name: kept.Name, Description: kept.Description,
		Icon: kept.Icon, Tags: kept.Tags,
	}, kept.Schema, kept.Timeseries}, nil
}

// eachEntity goes through all entity types, in the order of their slugs.
func (a *API) eachEntity(c *call, look func(tokenstore.BrokerEntity) error) error {
	for after := ""; ; {
		entities, next, err := c.store.BrokerEntities(c.reading(), a.config.Realm, after, page)
		if err != nil {
			return err
		}
		for _, entity := range entities {
			if err := look(entity); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

func (a *API) listEntities(w http.ResponseWriter, c *call) error {
	list := []entityItem{}
	err := a.eachEntity(c, func(entity tokenstore.BrokerEntity) error {
		view, err := c.viewEntity(entity)
		list = append(list, view.entityItem)
		return err
	})
	if err != nil {
		return err
	}
	return c.json(w, list)
}

func (a *API) getEntity(w http.ResponseWriter, c *call) error {
	slug, err := c.slug(eid)
	if err != nil {
		return err
	}
	entity, err := c.store.BrokerEntity(c.reading(), a.config.Realm, slug)
	if err != nil {
		return err
	}
	view, err := c.viewEntity(entity)
	if err != nil {
		return err
	}
	return c.json(w, view)
}

// entityProperties is what a body says of an entity type, with what stands for what it does not
// say.
func entityProperties(body any) *object {
	return newObject().
		set("name", or(member(body, "name"), "")).
		set("description", or(member(body, "description"), "")).
		set("schema", or(member(body, "schema"), newObject())).
		set("timeseries", or(member(body, "timeseries"), newObject())).
		set("tags", orIfNull(member(body, "tags"), []any{})).
		set("icon", orIfNull(member(body, "icon"), ""))
}

// entityFaults adds what is wrong with what is said of an entity type.
func entityFaults(faults []envelope.Fault, said *object) []envelope.Fault {
	faults = entityShape.judge(faults, "", said)
	if !isJSONSchema(said.get("schema")) {
		faults = append(faults, envelope.Fault{Name: "schema", Reason: "is not valid JSON schema"})
	}
	return faults
}

// readEntity reads what a body says of an entity type, whose slug has the given faults.
func (c *call) readEntity(w http.ResponseWriter, faults []envelope.Fault) (kept []byte, err error) {
	body, err := c.body(w)
	if err != nil {
		return nil, err
	}
	said := entityProperties(body)
	if err := wrong(entityFaults(faults, said)); err != nil {
		return nil, err
	}
	return document(said)
}

func (a *API) createEntity(w http.ResponseWriter, c *call) error {
	slug, faults := c.newSlug(eid)
	kept, err := c.readEntity(w, faults)
	if err != nil {
		return err
	}
	if _, err := c.store.CreateBrokerEntity(c.changing(), a.config.Realm, slug, kept, c.actor()); err != nil {
		return err
	}
	return c.created(w)
}

func (a *API) updateEntity(w http.ResponseWriter, c *call) error {
	kept, err := c.readEntity(w, nil)
	if err != nil {
		return err
	}
	slug, err := c.slug(eid)
	if err != nil {
		return err
	}
	_, err = c.store.UpdateBrokerEntity(c.changing(), a.config.Realm, slug, kept, c.actor())
	return done(w, err)
}

func (a *API) deleteEntity(w http.ResponseWriter, c *call) error {
	slug, err := c.slug(eid)
	if err != nil {
		return err
	}
	return done(w, c.store.DeleteBrokerEntity(c.changing(), a.config.Realm, slug, c.actor()))
}
