package pda

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// The areas of the option leave_to_server.
const (
	areaRecords   = "records"
	areaLinks     = "links"
	areaFiles     = "files"
	areaContracts = "contracts"
)

// Areas are what the option leave_to_server takes: what the gateway cannot decide by
// itself, because it does not know whose a record or a file is. It is denied to
// applications, and contracts to everybody, unless the site leaves it to the server
// behind.
var Areas = []string{areaRecords, areaLinks, areaFiles, areaContracts}

// area is what is left to the server of a route.
type area struct {
	name string
	// why is what an application is told that is denied.
	why string
}

var (
	records   = area{areaRecords, "The gateway cannot tell which namespaces these records are in"}
	links     = area{areaLinks, "The gateway cannot tell which namespaces these records are in"}
	files     = area{areaFiles, "The gateway cannot tell whose files these are"}
	contracts = area{areaContracts, "The gateway cannot check the tokens of contracts"}
)

// undecided are the routes of each area. A rule for several methods of a pattern has one
// line here.
var undecided = map[string]area{
	// Also an update, whose body says namespaces (batch.go): the server finds the record by
	// its id, wherever it is, so a right to read would become one to write.
	patternRecords:   records,
	patternLink:      links,
	patternSearch:    files,
	patternFile:      files,
	patternContent:   files,
	patternOpen:      files,
	patternOpenSome:  files,
	patternClose:     files,
	patternCloseSome: files,

	patternMakePublic: files,

	api + "/contract-data/read/{namespace}/{endpoint...}":   contracts,
	api + "/contract-data/create/{namespace}/{endpoint...}": contracts,
	api + "/contract-data/update/{namespace}":               contracts,
}

// looksAtCallers are the public routes that answer a caller with a token otherwise than
// a stranger.
var looksAtCallers = map[string]bool{patternContent: true, patternPublicHMI: true}

// showsUsers are the routes with users of the server behind in their answers.
var showsUsers = map[string]bool{
	patternUsers:                 true,
	"/users/user/{user}/enable":  true,
	"/users/user/{user}/disable": true,
	"/users/user/{user}/delete":  true,
	"/users/user/{user}/update":  true,
}

// changesByGet are the routes that change something, make a token or send a request
// elsewhere though they are called with GET, as a link on another site would.
var changesByGet = map[string]bool{
	patternSignIn:      true,
	patternServiceJWT:  true,
	patternLogin:       true,
	patternMigrate:     true,
	patternOpen:        true,
	patternClose:       true,
	patternMakePublic:  true,
	patternMakePrivate: true,

	patternSetUp:       true,
	patternDisable:     true,
	patternAccessToken: true,
	patternProxy:       true,

	api + "/data-debit/{debit}/enable":       true,
	api + "/data-debit/{debit}/disable":      true,
	api + "/she/function/{function}/enable":  true,
	api + "/she/function/{function}/disable": true,
	api + "/she/function/{function}/trigger": true,
}

// question is what more than the rules is decided on.
type question struct {
	// pattern of the call's route; empty if it has none.
	pattern string
	// query as the request has it.
	query string
	// identity is nil for nobody.
	identity *schemes.Identity
	// leaves are the areas that the site leaves to the server behind.
	leaves []string
	// crossSite is set if a browser sends the call from another site.
	crossSite bool
}

// furtherDenial is why a call that a rule allows is denied all the same; nil if it is
// not.
func furtherDenial(q question) *schemes.Refusal {
	switch {
	case q.crossSite && changesByGet[q.pattern]:
		return deniedAcrossSites()
	case q.pattern == patternSignOut:
		return nil
	case q.identity != nil && q.identity.Kind == kindDisabled:
		return forbidden()
	case q.identity != nil && q.identity.Kind == kindInactive && q.pattern != patternValidate:
		return forbidden()
	case q.pattern == patternMakePrivate:
		return deny("This request would make the file public: the data server treats it as its opposite. " +
			"Delete the file and upload it anew to make it private")
	case q.pattern == patternReset && q.query != "", (q.pattern == patternVerify || q.pattern == patternClaim) && !saysLanguageOnly(q.query):
		return deny("This request takes no such parameters: they would have the server hand out what belongs into the owner's mail")
	}
	return q.undecidedDenial()
}

// undecidedDenial denies what cannot be decided here.
func (q question) undecidedDenial() *schemes.Refusal {
	area, ok := undecided[q.pattern]
	switch {
	case !ok || slices.Contains(q.leaves, area.name):
		return nil
	case area.name == areaContracts: // denied to everybody
	case actsAsOwner(q.identity):
		return nil
	case q.identity == nil && looksAtCallers[q.pattern]:
		return nil // the server shows strangers what is public
	}
	return deny(area.why + ". The operator may leave this to the data server (leave_to_server " + area.name + ")")
}

// deniedAcrossSites refuses a browser that another site made call.
func deniedAcrossSites() *schemes.Refusal {
	return deny("Browsers may not call this from another site, unless the gateway's site names its origin with cors")
}

// deny is a denial with a text for who wrote the client.
func deny(why string) *schemes.Refusal {
	return controllerRefusal(http.StatusForbidden, schemes.Forbidden, "Forbidden", why)
}

var language = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$`)

// saysLanguageOnly tells whether a query is empty or says the language of a mail.
func saysLanguageOnly(query string) bool {
	if query == "" {
		return true
	}
	values, err := url.ParseQuery(query)
	return err == nil && len(values) == 1 && len(values["lang"]) == 1 && language.MatchString(values["lang"][0])
}
