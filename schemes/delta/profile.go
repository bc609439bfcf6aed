package delta

import "time"

// ProfileFilename is what a downloaded profile is called.
const ProfileFilename = "config.share"

// profile is the credential file of the Delta Sharing protocol. A bearer token
// is always given as version 1: Spark's reader requires it, and Python's refuses
// bearer tokens in version 2.
type profile struct {
	Version        int    `json:"shareCredentialsVersion"`
	BearerToken    string `json:"bearerToken"`
	Endpoint       string `json:"endpoint"`
	ExpirationTime string `json:"expirationTime"`
}

// profileTime is the one form of time that all known clients can parse.
const profileTime = "2006-01-02T15:04:05.000Z"

func newProfile(c *Config, token string, expires time.Time) profile {
	return profile{Version: 1, BearerToken: token, Endpoint: c.endpointURL(), ExpirationTime: expires.UTC().Format(profileTime)}
}

// clientProfile is the credential file of an OAuth client. It is version 2, the only
// one that has OAuth, and has no end: none of the clients reads one there.
type clientProfile struct {
	Version       int    `json:"shareCredentialsVersion"`
	Type          string `json:"type"`
	Endpoint      string `json:"endpoint"`
	TokenEndpoint string `json:"tokenEndpoint"`
	ClientID      string `json:"clientId"`
	ClientSecret  string `json:"clientSecret"`
}

func newClientProfile(c *Config, clientID, clientSecret string) clientProfile {
	return clientProfile{
		Version: 2, Type: "oauth_client_credentials", Endpoint: c.endpointURL(), TokenEndpoint: c.tokenURL(),
		ClientID: clientID, ClientSecret: clientSecret,
	}
}
