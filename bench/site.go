package main

import (
	"fmt"
	"strings"
)

// What the load generator and the configuration agree on.
const (
	dataPath        = "/delta-sharing/shares/sales/schemas/orders/tables/2026/version"
	listingPath     = "/delta-sharing/shares/sales/all-tables"
	credentialsPath = "/dds-tokens"
	diaryPath       = "/api/v2.6/data/notes/diary"
	catalogPath     = "/consumer/v1/catalog"
)

// processOptions are the same for every site; storeOption ends those of a gateway.
const (
	processOptions = `
{
	admin {ADMIN}
	default_bind 127.0.0.1
	persist_config off
	log default {
		output file {DIR}/log
	}
`
	storeOption = `	gatehouse {
		store badger {STORE}
	}
}
`
)

// bareSite is bare Caddy. The logs go where the gateway's go.
const bareSite = processOptions + `}
http://{ADDRESS} {
	reverse_proxy {UPSTREAM}
}
`

// gatewaySite is the same with a gate. Its audit goes to the default log; its
// metrics cannot be switched off.
const gatewaySite = processOptions + storeOption + `http://{ADDRESS} {
	gatehouse delta {
		public_url http://{ADDRESS}
		upstream_token {file.{DIR}/upstream}
		credentials_api {CREDENTIALS}
		rate_limit 1000000 1000000
	}
	reverse_proxy {UPSTREAM}
}
`

// personalSite is a gateway of personal data accounts, as it comes.
const personalSite = processOptions + storeOption + `http://{ADDRESS}, http://*.bench.test:{PORT} {
	gatehouse pda
	reverse_proxy {UPSTREAM}
}
`

// marketSite is a gateway of a marketplace.
const marketSite = processOptions + storeOption + `http://{ADDRESS} {
	gatehouse dx {
		issuer cos.example.com
		key_file {KEYS}
		audience apd.example.com
		rules {RULES}
	}
	reverse_proxy {UPSTREAM}
}
`

// brokerSite is a gateway that serves BitBroker's coordinator API itself.
const brokerSite = processOptions + storeOption + `http://{ADDRESS} {
	gatehouse bitbroker
	reverse_proxy {UPSTREAM}
}
`

func caddyfile(site string, s *server, upstream, store string) string {
	_, port, _ := strings.Cut(s.address, ":")
	return strings.NewReplacer(
		"{PORT}", port, "{ADMIN}", s.admin, "{ADDRESS}", s.address, "{DIR}", s.directory,
		"{UPSTREAM}", upstream, "{STORE}", store, "{CREDENTIALS}", credentialsPath,
	).Replace(site)
}

// dataCall is a request for a table's version, as a client with a kept connection
// sends it.
func dataCall(host, bearer string) []byte { return get(host, dataPath, bearer) }

func get(host, path, bearer string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Delta-Sharing-Python/1.3.3\r\n"+
		"Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nAuthorization: Bearer %s\r\n\r\n", path, host, bearer)
}

// rotation asks the credentials API for a new link.
func rotation(host, managementKey string) []byte {
	const body = `{"existing_token_expiry_time_in_seconds": 2592000}`
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Authorization: Bearer %s\r\n\r\n%s", credentialsPath, host, len(body), managementKey, body)
}

// personalCall is a request for an account's records, as the npm client sends it.
func personalCall(host, token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: node\r\nContent-Type: application/json\r\n"+
		"Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nX-Auth-Token: %s\r\n\r\n", diaryPath, host, token)
}

// signIn is the owner's request for a token.
func signIn(host string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nusername: %s\r\npassword: %s\r\n\r\n",
		signInPath, host, ownerName, ownerPassword)
}

// marketCall is a request of a marketplace's user.
func marketCall(host, token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: node\r\nContent-Type: application/json\r\n"+
		"Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nToken: %s\r\n\r\n", productsPath, host, token)
}

// consumerCall is a request of a BitBroker's consumer.
func consumerCall(host, token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: node\r\nContent-Type: application/json\r\n"+
		"Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nx-bbk-auth-token: %s\r\n\r\n", catalogPath, host, token)
}

// reissue asks for another token of an access.
func reissue(host, access, coordinator string) []byte {
	return fmt.Appendf(nil, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\nx-bbk-auth-token: %s\r\n\r\n", access, host, coordinator)
}
