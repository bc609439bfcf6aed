package databricks

import (
	"encoding/json"
	"testing"
)

func FuzzParseObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":1,"a":2}`, `{"a":1} `, `{"a":1}{}`, `[]`, `null`, ``, `{"a":{"b":1,"b":2}}`, "{\"\xff\":1}", `{"a":[{"x":"y"}]}`, `{"\u0061":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := parseObject(data)
		if err != nil {
			return
		}
		var whole map[string]json.RawMessage
		if json.Unmarshal(data, &whole) != nil || len(whole) != len(o.fields) {
			t.Fatalf("%q is taken for an object of %d fields", data, len(o.fields))
		}
		// Nothing of a stranger's makes a reader panic.
		for name := range o.fields {
			_, _ = o.text(name, 10)
			_, _ = o.number(name)
			_, _ = o.texts(name)
			_, _ = o.objects(name)
			if inner, ok, _ := o.object(name); ok {
				_, _ = inner.textMap()
			}
		}
	})
}

func TestObjectIsReadStrictly(t *testing.T) {
	for _, bad := range []string{
		``, `null`, `[]`, `"x"`, `{"a":1,"a":1}`, `{"a":1,"\u0061":1}`, `{"a":1}x`, `{"a":1}{}`, `{"a"}`, `{'a':1}`, "{\"a\":\"\xff\"}", `{"a":1,}`,
	} {
		if _, err := parseObject([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	o, err := parseObject([]byte(`{"Name":"x","n":1.0,"nothing":null}`))
	must(t, err)
	if text, _ := o.text("name", 10); text != nil {
		t.Error("Name is taken for name")
	}
	if _, err := o.number("n"); err == nil {
		t.Error("1.0 is taken for a whole number")
	}
	if text, err := o.text("nothing", 10); text != nil || err != nil {
		t.Error("null is not as good as absent")
	}
}
