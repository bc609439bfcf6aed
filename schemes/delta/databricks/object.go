package databricks

import (
	"encoding/json"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/internal/strictjson"
)

// object is a JSON object of a request. Names are taken exactly, unlike a struct's;
// those that mean nothing here are passed over, since clients send more than is
// served. null is as good as absent.
type object struct {
	at     string // of the fields, for errors: "ip_access_list."
	fields map[string]json.RawMessage
}

// parseObject reads one JSON object and nothing else. A name that occurs twice is
// refused: readers differ in which they believe (RFC 8259 section 4).
func parseObject(data []byte) (object, error) {
	fields, err := strictjson.Fields(data)
	if err != nil {
		return object{}, invalid("Send one JSON object in UTF-8, in which no name occurs twice.")
	}
	return object{fields: fields}, nil
}

// raw is the value of a field, nil if it is absent.
func (o object) raw(name string) json.RawMessage {
	if value := o.fields[name]; string(value) != "null" {
		return value
	}
	return nil
}

// text is a text of at most limit bytes; nil if it is absent.
func (o object) text(name string, limit int) (*string, error) {
	value := o.raw(name)
	if value == nil {
		return nil, nil
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return nil, invalid("%s%s must be a text.", o.at, name)
	}
	if len(text) > limit {
		return nil, invalid("%s%s has at most %d bytes.", o.at, name, limit)
	}
	return &text, nil
}

// number is a whole number; nil if it is absent.
func (o object) number(name string) (*int64, error) {
	value := o.raw(name)
	if value == nil {
		return nil, nil
	}
	number, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return nil, invalid("%s%s must be a whole number.", o.at, name)
	}
	return &number, nil
}

// texts is a list of texts; nil if it is absent.
func (o object) texts(name string) ([]string, error) {
	value := o.raw(name)
	if value == nil {
		return nil, nil
	}
	items, err := o.list(name, value)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if string(item) == "null" || json.Unmarshal(item, &texts[i]) != nil {
			return nil, invalid("%s%s must be a list of texts.", o.at, name)
		}
	}
	return texts, nil
}

// objects is a list of objects; nil if it is absent.
func (o object) objects(name string) ([]object, error) {
	value := o.raw(name)
	if value == nil {
		return nil, nil
	}
	items, err := o.list(name, value)
	if err != nil {
		return nil, err
	}
	objects := make([]object, len(items))
	for i, item := range items {
		fields, err := strictjson.Fields(item)
		if err != nil {
			return nil, invalid("%s%s must be a list of objects, in none of which a name occurs twice.", o.at, name)
		}
		objects[i] = object{o.at + name + "[" + strconv.Itoa(i) + "].", fields}
	}
	return objects, nil
}

func (o object) list(name string, value json.RawMessage) ([]json.RawMessage, error) {
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		return nil, invalid("%s%s must be a list.", o.at, name)
	}
	return items, nil
}

// object is an object within this one; present tells whether there is one.
func (o object) object(name string) (inner object, present bool, err error) {
	value := o.raw(name)
	if value == nil {
		return object{}, false, nil
	}
	fields, err := strictjson.Fields(value)
	if err != nil {
		return object{}, false, invalid("%s%s must be an object in which no name occurs twice.", o.at, name)
	}
	return object{o.at + name + ".", fields}, true, nil
}

// checkFor refuses an object that has fields, but not the one that it is there for: if
// that is misspelt, it must not pass for an empty object, which clears what there is.
func (o object) checkFor(name string) error {
	if _, there := o.fields[name]; !there && len(o.fields) > 0 {
		return invalid("%s%s is missing, though other fields are there. An empty object clears it.", o.at, name)
	}
	return nil
}

// textMap is all of an object's fields, which must be texts.
func (o object) textMap() (map[string]string, error) {
	texts := make(map[string]string, len(o.fields))
	for name := range o.fields {
		text, err := o.text(name, maxBody)
		if err != nil {
			return nil, err
		}
		if text != nil {
			texts[name] = *text
		}
	}
	return texts, nil
}
