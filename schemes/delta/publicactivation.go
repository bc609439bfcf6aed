package delta

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
)

// Databricks' clients use an activation link by two endpoints that need no other
// credential. What their path ends with is the code of the link, or the whole link
// as it is: its slashes and question mark then lie in path and query. A whole link
// in percent-encoding is refused like every path with an encoded slash.

// PublicActivationPath is where these endpoints lie, on every site.
const PublicActivationPath = "/api/2.1/unity-catalog/public"

const (
	retrievalPath = PublicActivationPath + "/data_sharing_activation"
	linkInfoPath  = PublicActivationPath + "/data_sharing_activation_info"
)

// FoldedPaths are the prefixes after which a doubled slash is one: that of a whole
// link.
var FoldedPaths = []string{
	retrievalPath + "/https:", retrievalPath + "/http:", linkInfoPath + "/https:", linkInfoPath + "/http:",
}

// PublicActivation returns the endpoint that uses an activation link, or tells of it,
// if the call is for one of them; else nil. WriteDatabricksError writes its refusals.
func (s *Scheme) PublicActivation(call *schemes.Call) schemes.Endpoint {
	if rest, ok := call.Path.Cut(retrievalPath); ok && len(rest.Segments()) > 0 {
		return func(w http.ResponseWriter, call *schemes.Call) error {
			return s.Retrieve(w, call, codeFromPath(rest.Segments(), call.Request.URL.RawQuery))
		}
	}
	if rest, ok := call.Path.Cut(linkInfoPath); ok && len(rest.Segments()) > 0 {
		return func(w http.ResponseWriter, call *schemes.Call) error {
			return s.LinkInfo(w, call, codeFromPath(rest.Segments(), call.Request.URL.RawQuery))
		}
	}
	return nil
}

// codeFromPath returns what stands where the code of a link should.
func codeFromPath(segments []string, rawQuery string) string {
	last := segments[len(segments)-1]
	if _, code, ok := strings.Cut(last, "?"); ok { // the question mark was encoded
		last = code
	}
	if len(segments) > 1 {
		last = strings.TrimSuffix(rawQuery, "?") // which some clients append to any address
	}
	return last
}

// Retrieve uses the link with a code and answers the credential as a credential file,
// whatever the option activation says. HEAD uses nothing.
func (s *Scheme) Retrieve(w http.ResponseWriter, call *schemes.Call, code string) error {
	if call.Request.Method == http.MethodHead {
		return s.LinkInfo(w, call, code)
	}
	if call.Request.Method != http.MethodGet {
		return schemes.MethodNotAllowed("GET, HEAD")
	}
	parsed, err := secret.Parse(secret.ActivationCode, code)
	if err != nil {
		return linkRefusal(err)
	}
	return s.deliver(w, call, parsed)
}

// LinkInfo answers an empty object if the link with a code can be used. It uses
// nothing.
func (s *Scheme) LinkInfo(w http.ResponseWriter, call *schemes.Call, code string) error {
	call.Action = "getActivationUrlInfo"
	if call.Request.Method != http.MethodGet && call.Request.Method != http.MethodHead {
		return schemes.MethodNotAllowed("GET, HEAD")
	}
	parsed, err := secret.Parse(secret.ActivationCode, code)
	if err != nil {
		return linkRefusal(err)
	}
	if _, _, err := s.usableLink(call.Request.Context(), call, parsed); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	writeJSON(w, http.StatusOK, "application/json", struct{}{})
	return nil
}

// databricksError is an error body of Databricks' REST API.
type databricksError struct {
	ErrorCode string `json:"error_code"`
	Message   string `json:"message"`
}

// WriteDatabricksError writes a refusal as Databricks' REST API has it.
func WriteDatabricksError(w http.ResponseWriter, refusal *schemes.Refusal) {
	refusalHeaders(w.Header(), refusal)
	writeJSON(w, refusal.Status, "application/json", databricksError{errorCode(refusal.Status), refusal.Public})
}
