package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/gatehouse-auth/gatehouse/internal/password"
	"github.com/gatehouse-auth/gatehouse/internal/secret"
	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

func init() {
	caddy.RegisterModule(new(AdminAPI))
}

// AdminAPI is what operators do, below /gatehouse/ on Caddy's admin endpoint.
// Whoever reaches that endpoint may do all of it: keep it on a loopback address
// or, better, on a unix socket.
type AdminAPI struct {
	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*AdminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.gatehouse", New: func() caddy.Module { return new(AdminAPI) }}
}

// maxAdminBody bounds a request, in bytes, unless its route says otherwise.
const maxAdminBody = 1 << 20

// adminCall answers one request with something to be sent as JSON.
type adminCall func(app *App, r *http.Request) (any, error)

// adminRoutes is all that the API can do.
var adminRoutes = map[string]adminCall{
	"GET /gatehouse/delta/{realm}/recipients":                               listRecipients,
	"POST /gatehouse/delta/{realm}/recipients":                              createRecipient,
	"GET /gatehouse/delta/{realm}/recipients/{name}":                        showRecipient,
	"PATCH /gatehouse/delta/{realm}/recipients/{name}":                      updateRecipient,
	"DELETE /gatehouse/delta/{realm}/recipients/{name}":                     deleteRecipient,
	"POST /gatehouse/delta/{realm}/recipients/{name}/rotate":                rotateRecipient,
	"POST /gatehouse/delta/{realm}/recipients/{name}/revoke":                revokeRecipient,
	"POST /gatehouse/delta/{realm}/recipients/{name}/link":                  linkRecipient,
	"POST /gatehouse/delta/{realm}/recipients/{name}/management-key":        setManagementKey,
	"DELETE /gatehouse/delta/{realm}/recipients/{name}/management-key":      removeManagementKey,
	"GET /gatehouse/delta/{realm}/recipients/{name}/usage":                  showUsage,
	"POST /gatehouse/delta/{realm}/recipients/{name}/federation":            addFederation,
	"DELETE /gatehouse/delta/{realm}/recipients/{name}/federation/{policy}": removeFederation,
	importRoute: importRecipients,
	"POST /gatehouse/delta/{realm}/revoke-all":                                revokeRealm,
	"GET /gatehouse/delta/{realm}/admins":                                     listAdmins,
	"POST /gatehouse/delta/{realm}/admins":                                    createAdmin,
	"POST /gatehouse/delta/{realm}/admins/{admin}/revoke":                     revokeAdmin,
	"GET /gatehouse/pda/{realm}/accounts":                                     listAccounts,
	"POST /gatehouse/pda/{realm}/accounts":                                    createAccount,
	"GET /gatehouse/pda/{realm}/accounts/{host}":                              showAccount,
	"PATCH /gatehouse/pda/{realm}/accounts/{host}":                            updateAccount,
	"DELETE /gatehouse/pda/{realm}/accounts/{host}":                           deleteAccount,
	"POST /gatehouse/pda/{realm}/accounts/{host}/password":                    setAccountPassword,
	"POST /gatehouse/pda/{realm}/accounts/{host}/revoke":                      revokeAccount,
	"POST /gatehouse/pda/{realm}/accounts/{host}/rotate-key":                  rotateAccountKey,
	"PATCH /gatehouse/pda/{realm}/accounts/{host}/applications/{application}": enrolApplication,
	"GET /gatehouse/pda/{realm}/applications":                                 listApplications,
	"POST /gatehouse/pda/{realm}/applications":                                addApplication,
	"GET /gatehouse/pda/{realm}/applications/{application}":                   showApplication,
	"PATCH /gatehouse/pda/{realm}/applications/{application}":                 updateApplication,
	"DELETE /gatehouse/pda/{realm}/applications/{application}":                deleteApplication,
	"GET /gatehouse/bitbroker/{realm}/coordinators":                           listCoordinators,
	"POST /gatehouse/bitbroker/{realm}/coordinators":                          createCoordinator,
	rotateConnectorRoute:                                                      rotateConnector,
	"POST /gatehouse/realms/{realm}/revoke-all":                               revokeAnyRealm,
	"GET /gatehouse/realms/{realm}/users":                                     listRevokedUsers,
	"POST /gatehouse/realms/{realm}/users/{id}/revoke":                        revokeUser,
	"GET /gatehouse/tokens":                                                   listTokens,
	"GET /gatehouse/tokens/{accessor}":                                        showToken,
	"POST /gatehouse/tokens/{accessor}/revoke":                                revokeToken,
	explainRoute:                  explainRequest,
	"GET /gatehouse/audit":        listAudit,
	"GET /gatehouse/openapi.json": showDescription,
}

// maxBodies are the routes that take more than maxAdminBody, with how much.
var maxBodies = map[string]int64{importRoute: maxImportBody}

const rotateConnectorRoute = "POST /gatehouse/bitbroker/{realm}/entities/{entity}/connectors/{connector}/rotate"

const importRoute = "POST /gatehouse/delta/{realm}/import"

// Provision implements caddy.Provisioner. The API keeps nothing of the
// configuration: after a failed reload Caddy serves the failed configuration's
// router while the old app goes on running, so the app is asked for at each
// request.
func (a *AdminAPI) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger(a)
	return nil
}

// Routes implements caddy.AdminRouter.
func (a *AdminAPI) Routes() []caddy.AdminRoute {
	routes := make([]caddy.AdminRoute, 0, len(adminRoutes))
	for pattern, call := range adminRoutes {
		routes = append(routes, caddy.AdminRoute{Pattern: pattern, Handler: a.serve(call, cmp.Or(maxBodies[pattern], maxAdminBody), changesNothing(pattern))})
	}
	return routes
}

// changesNothing tells whether nothing comes of a route's calls, so that no log need hold
// them.
func changesNothing(pattern string) bool {
	return strings.HasPrefix(pattern, http.MethodGet+" ") || pattern == explainRoute
}

// serve wraps a call: it checks what all have in common, and writes the answer.
func (a *AdminAPI) serve(call adminCall, maxBody int64, harmless bool) caddy.AdminHandler {
	return caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		// A browser asks before it sends this type to another origin, and Caddy
		// then says no; a plain form or text would come unasked, and Caddy checks
		// the Origin only if there is one.
		if r.Method != http.MethodGet {
			if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
				return adminError(http.StatusUnsupportedMediaType, errors.New("send Content-Type: application/json"))
			}
		}
		app, err := runningApp()
		if err != nil {
			return adminError(http.StatusServiceUnavailable, err)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer, err := call(app, r)
		if !harmless {
			// The store's audit holds what was changed; the log also what was not.
			a.logger.Named("audit").Info("administration", zap.String("actor", actor(r)),
				zap.String("method", r.Method), zap.String("path", secret.Redact(r.URL.Path)), zap.Bool("done", err == nil))
		}
		if err != nil {
			return a.errorOf(r, err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(answer)
	})
}

// schemeCall finds what a call on the realm that its path names needs, of the scheme of
// that name.
func schemeCall[S schemes.Scheme](app *App, r *http.Request, name string) (scheme S, store *tokenstore.Store, realm string, err error) {
	realm = r.PathValue("realm")
	found, err := app.scheme(name, realm)
	if err != nil {
		return scheme, nil, "", err
	}
	scheme, ok := found.(S)
	if !ok {
		return scheme, nil, "", fmt.Errorf("realm %s is served by %T", realm, found)
	}
	backend, err := app.open(r.Context())
	if err != nil {
		return scheme, nil, "", err
	}
	return scheme, backend.Store, realm, nil
}

// runningApp is the app of the configuration that runs now.
func runningApp() (*App, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("gatehouse")
	if err != nil {
		return nil, errors.New("the running configuration has no gatehouse")
	}
	return app.(*App), nil
}

// errorOf is the one mapping of errors to what the API answers.
func (a *AdminAPI) errorOf(r *http.Request, err error) error {
	status := http.StatusInternalServerError
	tooLong, ok := errors.AsType[*http.MaxBytesError](err)
	switch {
	case ok:
		return adminError(http.StatusRequestEntityTooLarge, fmt.Errorf("the request is longer than %d bytes", tooLong.Limit))
	case errors.Is(err, tokenstore.ErrNotFound):
		return adminError(http.StatusNotFound, missing(r))
	case errors.Is(err, errUnknownRealm), errors.Is(err, errLinkWaits), errors.Is(err, errNoApplication):
		status = http.StatusNotFound
	case errors.Is(err, tokenstore.ErrExists), errors.Is(err, tokenstore.ErrTokenInUse), errors.Is(err, tokenstore.ErrTooManyTokens):
		status = http.StatusConflict
	case errors.Is(err, tokenstore.ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, password.ErrBusy):
		return adminError(http.StatusServiceUnavailable, errors.New("the gateway is busy with sign-ins, and nothing was done; try again"))
	case errors.Is(err, tokenstore.ErrOutcomeUnknown):
		return adminError(http.StatusInternalServerError, errors.New("it is not known whether the change was made; look before you try again"))
	}
	if status == http.StatusInternalServerError {
		a.logger.Error("admin call failed", zap.Error(err))
		return adminError(status, errors.New("the gateway failed; its log says why"))
	}
	return adminError(status, err)
}

// missing says what a request looked for in vain.
func missing(r *http.Request) error {
	realm, name := r.PathValue("realm"), r.PathValue("name")
	host, application := r.PathValue("host"), r.PathValue("application")
	switch {
	case r.PathValue("connector") != "":
		return fmt.Errorf("realm %q has no connector %q on an entity type %q", realm, r.PathValue("connector"), r.PathValue("entity"))
	case host != "":
		return fmt.Errorf("realm %q has no account %q", realm, host)
	case application != "":
		return fmt.Errorf("realm %q has no application %q", realm, application)
	case r.PathValue("policy") != "":
		return fmt.Errorf("realm %q has no recipient %q with a federation policy %q", realm, name, r.PathValue("policy"))
	case name != "":
		return fmt.Errorf("realm %q has no recipient %q", realm, name)
	case r.PathValue("admin") != "":
		return fmt.Errorf("realm %q has no admin token %q", realm, r.PathValue("admin"))
	default:
		return fmt.Errorf("there is no token with the id %q", r.PathValue("accessor"))
	}
}

// adminError is an error that Caddy answers, and logs: what it quotes of the
// request may be a token that was pasted in the wrong place.
func adminError(status int, err error) error {
	err = errors.New(secret.Redact(err.Error()))
	return caddy.APIError{HTTPStatus: status, Err: err, Message: err.Error()}
}

// actor is whom the audit names for a change by this API.
func actor(r *http.Request) string {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return "admin " + r.TLS.PeerCertificates[0].Subject.String()
	}
	return "local"
}

// readJSON reads the request's body, strictly: a misspelt option must not be
// passed over. An empty body is an empty object.
func readJSON(r *http.Request, into any) error {
	if r.ContentLength == 0 {
		return nil
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return badJSON(err)
	}
	return endOf(decoder)
}

// badJSON says what is wrong with a request's body.
func badJSON(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		// Its own text names the types of this program.
		return fmt.Errorf("%w request: %q cannot be a JSON %s", tokenstore.ErrInvalid, wrong.Field, wrong.Value)
	}
	return fmt.Errorf("%w request: %w", tokenstore.ErrInvalid, err)
}

// endOf makes sure that nothing follows what was read.
func endOf(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != io.EOF { //nolint:errorlint // Decoder returns the sentinel itself
		return badJSON(errors.New("something follows the JSON object"))
	}
	return nil
}

// pageSize is how many items a list has at most.
const pageSize = 500

func limitOf(r *http.Request) int {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 || limit > pageSize {
		return pageSize
	}
	return limit
}

// Interface guards
var (
	_ caddy.Provisioner = (*AdminAPI)(nil)
	_ caddy.AdminRouter = (*AdminAPI)(nil)
)
