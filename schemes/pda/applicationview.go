package pda

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// applicationView is an application as clients of the contract read it, with its standing
// on an account.
type applicationView struct {
	Application applicationContent `json:"application"`
	SetUp       bool               `json:"setup"`
	Enabled     bool               `json:"enabled"`
	Active      bool               `json:"active"`
	Outdated    bool               `json:"needsUpdating"`
}

type applicationContent struct {
	ID          string                 `json:"id"`
	Kind        applicationKind        `json:"kind"`
	Info        applicationInfo        `json:"info"`
	Developer   applicationDeveloper   `json:"developer"`
	Permissions applicationPermissions `json:"permissions"`
	Setup       applicationSetup       `json:"setup"`
	Status      applicationStatus      `json:"status"`
}

type applicationKind struct {
	Kind string `json:"kind"`
	URL  string `json:"url,omitempty"`
}

type applicationInfo struct {
	Version     string                 `json:"version"`
	Published   bool                   `json:"published"`
	Name        string                 `json:"name"`
	Headline    string                 `json:"headline"`
	Description applicationDescription `json:"description"`
	TermsURL    string                 `json:"termsUrl"`
	Support     string                 `json:"supportContact"`
	Purpose     string                 `json:"dataUsePurpose"`
	Graphics    applicationGraphics    `json:"graphics"`
	Rating      applicationRating      `json:"rating"`
}

type applicationDescription struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown"`
	HTML     string `json:"html"`
}

type applicationGraphics struct {
	Banner      applicationGraphic   `json:"banner"`
	Logo        applicationGraphic   `json:"logo"`
	Screenshots []applicationGraphic `json:"screenshots"`
}

type applicationGraphic struct {
	Normal string `json:"normal"`
}

type applicationRating struct {
	Score  string `json:"score"`
	Points int    `json:"points"`
}

type applicationDeveloper struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	URL     string `json:"url"`
	Country string `json:"country"`
}

type applicationPermissions struct {
	RolesGranted []applicationRole `json:"rolesGranted"`
}

type applicationRole struct {
	Role   string `json:"role"`
	Detail string `json:"detail,omitempty"`
}

type applicationSetup struct {
	Kind         string   `json:"kind"`
	URL          string   `json:"url,omitempty"`
	Onboarding   []string `json:"onboarding"`
	RedirectURIs []string `json:"validRedirectUris"`
}

type applicationStatus struct {
	Kind           string `json:"kind"`
	Compatibility  string `json:"compatibility"`
	DataPreview    string `json:"dataPreviewEndpoint"`
	RecentData     string `json:"recentDataCheckEndpoint"`
	StatusURL      string `json:"statusUrl"`
	ExpectedStatus int    `json:"expectedStatus"`
	ReleasedAt     string `json:"versionReleaseDate"`
}

// viewOf is how an application stands on an account. What the registry does not know is
// empty, so that clients which read it find it.
func viewOf(application tokenstore.Application, account tokenstore.Account) applicationView {
	setUp, enabled := isSetUp(application, account)
	content := applicationContent{
		ID:   application.ID,
		Kind: applicationKind{Kind: "App", URL: application.URL},
		Info: applicationInfo{
			Version: application.Version, Published: !application.Disabled, Name: application.Name,
			Description: applicationDescription{Text: application.Description, Markdown: application.Description},
			Graphics:    applicationGraphics{Screenshots: []applicationGraphic{}},
		},
		Permissions: applicationPermissions{RolesGranted: []applicationRole{}},
		Setup: applicationSetup{
			Kind: "External", URL: application.URL, Onboarding: []string{},
			RedirectURIs: append([]string{}, application.RedirectURIs...),
		},
		Status: applicationStatus{
			Kind: "Internal", Compatibility: application.Version,
			ReleasedAt: application.UpdatedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
		},
	}
	for _, text := range application.Grants {
		privilege, detail, _ := strings.Cut(text, ":")
		content.Permissions.RolesGranted = append(content.Permissions.RolesGranted, applicationRole{roleNames[privilege], detail})
	}
	return applicationView{Application: content, SetUp: setUp, Enabled: enabled, Active: enabled}
}

// roleNames are the privileges in the original's words.
var roleNames = map[string]string{
	privilegeRead: "namespaceread", privilegeWrite: "namespacewrite", privilegeDebit: "datadebit",
	privilegeCreateDebit: "datadebit", privilegeFiles: "managefiles", privilegeList: "applicationlist",
	privilegeManage: "applicationmanage", privilegeRetrieve: "retrieveapplicationtoken",
	privilegePlatform: "platform", privilegeOwner: "owner",
}
