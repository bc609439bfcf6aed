package openapi

import (
	_ "embed"
	"encoding/json"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var description []byte

// YAML returns the description as it was written.
func YAML() []byte { return description }

// JSON returns the description as JSON. Callers must not change it.
var JSON = sync.OnceValue(func() []byte {
	var document any
	if err := yaml.Unmarshal(description, &document); err != nil {
		panic("openapi: " + err.Error()) // embedded, and read by a test
	}
	data, err := json.Marshal(document)
	if err != nil {
		panic("openapi: " + err.Error())
	}
	return data
})
