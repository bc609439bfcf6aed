package delta

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/canonpath"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// patternIcebergConfig is where a client of the Iceberg catalogue begins.
const patternIcebergConfig = "{base}/iceberg/v1/config"

// isIceberg tells whether a path below the endpoint is the Iceberg catalogue's.
func isIceberg(below canonpath.Path) bool {
	names := below.Segments()
	return len(names) > 0 && names[0] == "iceberg"
}

// mayConfigure tells whether the caller may read the configuration of the warehouse
// that it names: of a share, only who has something of that share's catalogue.
func mayConfigure(call *schemes.Call) *schemes.Refusal {
	parameters, err := url.ParseQuery(call.Request.URL.RawQuery)
	warehouses := parameters["warehouse"]
	switch {
	case err != nil || len(warehouses) > 1:
		return missing()
	case len(warehouses) == 0 || warehouses[0] == "":
		return nil
	case call.Identity.Grants == nil || !call.Identity.Grants.Allows(privilegeList+"-iceberg", warehouses[0]):
		return missing()
	}
	return nil
}

// icebergError is the error body of the Iceberg REST catalogue (its OpenAPI
// description, IcebergErrorResponse).
type icebergError struct {
	Error struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Code    int    `json:"code"`
	} `json:"error"`
}

// icebergTypes are the catalogue's words for a status.
var icebergTypes = map[int]string{
	http.StatusUnauthorized:       "NotAuthorizedException",
	http.StatusForbidden:          "ForbiddenException",
	http.StatusServiceUnavailable: "ServiceUnavailableException",
}

// writeIcebergError writes a refusal as the catalogue has it. What is missing is
// named by what the path asks for, whether it exists or not.
func writeIcebergError(w http.ResponseWriter, below canonpath.Path, refusal *schemes.Refusal) {
	var body icebergError
	body.Error.Message, body.Error.Code = refusal.Public, refusal.Status
	kind, ok := icebergTypes[refusal.Status]
	switch {
	case ok:
	case refusal.Status == http.StatusNotFound && slices.Contains(below.Segments(), "tables"):
		kind = "NoSuchTableException"
	case refusal.Status == http.StatusNotFound:
		kind = "NoSuchNamespaceException"
	case refusal.Status < http.StatusInternalServerError:
		kind = "BadRequestException"
	default:
		kind = "InternalServerError"
	}
	body.Error.Type = kind
	refusalHeaders(w.Header(), refusal)
	writeJSON(w, refusal.Status, "application/json; charset=utf-8", body)
}
