package pda

// The patterns of rules.txt, and so of routes, of which the code says more.
const (
	api = "/api/" + mount

	// What the scheme serves itself (endpoints.go).
	patternSignIn       = "/users/access_token"
	patternValidate     = "/users/access_token/validate"
	patternServiceJWT   = "/users/application_token"
	patternPublicKey    = "/publickey"
	patternKeySet       = "/.well-known/jwks.json"
	patternPassword     = "/control/v2/auth/password"
	patternSignOut      = "/control/v2/auth/logout"
	patternLogin        = "/control/v2/auth/hatlogin"
	patternApplications = api + "/applications"
	patternHMI          = api + "/applications/hmi"
	patternApplication  = api + "/applications/{application}"
	patternSetUp        = api + "/applications/{application}/setup"
	patternDisable      = api + "/applications/{application}/disable"
	patternAccessToken  = api + "/applications/{application}/access-token"
	patternPublicHMI    = api + "/applications/{application}/hmi"

	// What it passes on, and judges further (furtherdenial.go, batch.go).
	patternReset       = "/control/v2/auth/passwordReset"
	patternVerify      = "/control/v2/auth/request-verification"
	patternClaim       = "/control/v2/auth/claim"
	patternUsers       = "/users/user"
	patternRecords     = api + "/data"
	patternBatch       = api + "/data-batch"
	patternLink        = api + "/data-link"
	patternSearch      = api + "/files/search"
	patternFile        = api + "/files/file/{file}"
	patternContent     = api + "/files/content/{file}"
	patternMakePublic  = api + "/files/allowAccessPublic/{file}"
	patternMakePrivate = api + "/files/restrictAccessPublic/{file}"
	patternOpenSome    = api + "/files/allowAccess/{user}"
	patternCloseSome   = api + "/files/restrictAccess/{user}"
	patternOpen        = api + "/files/allowAccess/{file}/{user}"
	patternClose       = api + "/files/restrictAccess/{file}/{user}"
	patternProxy       = api + "/applications/{application}/proxy/{path...}"
	patternMigrate     = api + "/migrate"
)
