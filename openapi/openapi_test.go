package openapi

import (
	"encoding/json"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

func TestDescriptionIsValidOpenAPI(t *testing.T) {
	for name, text := range map[string][]byte{"YAML": YAML(), "JSON": JSON()} {
		document, err := libopenapi.NewDocument(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if version := document.GetVersion(); version != "3.1.0" {
			t.Errorf("%s: version %s", name, version)
		}
		v, errs := validator.NewValidator(document)
		if len(errs) > 0 {
			t.Fatalf("%s: %v", name, errs)
		}
		if valid, problems := v.ValidateDocument(); !valid {
			for _, p := range problems {
				t.Errorf("%s: %s: %s", name, p.Message, p.Reason)
				for _, s := range p.SchemaValidationErrors {
					t.Errorf("  %s: %s", s.FieldPath, s.Reason)
				}
			}
		}
	}
}

func TestOperationsAreNamedOnce(t *testing.T) {
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(JSON(), &document); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]string)
	for path, item := range document.Paths {
		for method, raw := range item {
			var operation struct {
				OperationID string `json:"operationId"`
				Summary     string
				Tags        []string
				Responses   map[string]any
			}
			if json.Unmarshal(raw, &operation) != nil || method == "parameters" || method == "servers" || method == "description" {
				continue
			}
			if first, twice := seen[operation.OperationID]; twice || operation.OperationID == "" || operation.Summary == "" || len(operation.Tags) == 0 || len(operation.Responses) == 0 {
				t.Errorf("%s %s: %+v (%s)", method, path, operation, first)
			}
			seen[operation.OperationID] = method + " " + path
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d operations", len(seen))
	}
}
