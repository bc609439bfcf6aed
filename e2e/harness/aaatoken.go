package harness

import (
	"crypto/ecdsa"
	"encoding/json"
	"maps"
	"strconv"
	"time"
)

// DXClaims are what a token says; a nil value takes a member out when it is signed.
type DXClaims map[string]any

// With returns the claims with others in their place.
func (c DXClaims) With(changes DXClaims) DXClaims {
	all := maps.Clone(c)
	maps.Copy(all, changes)
	return all
}

// IdentityClaims are those of a user's identity token: a minute old, good for twelve
// hours.
func IdentityClaims(user, role string) DXClaims {
	now := time.Now().Unix()
	return DXClaims{
		"sub": user, "iss": CosDomain, "aud": ResourceServer, "exp": now + 12*3600, "iat": now - 60,
		"iid": "rs:" + ResourceServer, "role": role, "cons": DXClaims{},
	}
}

// DelegateClaims are those of a user that acts for another, who is a consumer or a
// provider.
func DelegateClaims(user, delegator, role string) DXClaims {
	return IdentityClaims(user, "delegate").With(DXClaims{"did": delegator, "drl": role})
}

// ServerClaims are those of the token by which AAA itself calls a server.
func ServerClaims(audience string) DXClaims {
	return IdentityClaims(CosDomain, "").With(DXClaims{"aud": audience, "iid": "null:"})
}

// AccessClaims are those of a token for a resource.
func AccessClaims(user string) DXClaims {
	return IdentityClaims(user, "consumer").With(DXClaims{
		"iid": "ri:55555555-5555-4555-8555-555555555555", "rg": "66666666-6666-4666-8666-666666666666",
		"cons": DXClaims{"access": []string{"api", "sub"}},
	})
}

// APDClaims are those of the token that a user gets to interact with a marketplace.
func APDClaims(user string) DXClaims {
	return IdentityClaims(user, "").With(DXClaims{
		"aud": APD, "sid": "77777777-7777-4777-8777-777777777777", "link": "https://" + APD + "/interact",
		"iid": nil, "role": nil, "cons": nil,
	})
}

// DXHeader is the header of AAA's tokens.
const DXHeader = `{"iss":"` + CosDomain + `","typ":"JWT","alg":"ES256"}`

// Text is the claims in JSON.
func (c DXClaims) Text() string {
	c = maps.Clone(c)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Mint signs a token.
func (a *AAA) Mint(claims DXClaims) string { return MintWith(a.Key(), claims) }

// MintWith signs a token of AAA's shape with another's key.
func MintWith(key *ecdsa.PrivateKey, claims DXClaims) string {
	return JWT(DXHeader, claims.Text(), ES256(key))
}

// Revoke tells the server at an address that a user's tokens are over, exactly as AAA
// does, and returns the server's answer.
func (a *AAA) Revoke(addr, user string) Answer {
	a.tb.Helper()
	body := `{"sub":"` + user + `"}`
	return Send(a.tb, addr, "POST /admin/revokeToken HTTP/1.1\r\ntoken: "+a.Mint(ServerClaims(APD))+
		"\r\ncontent-type: application/json\r\nhost: "+addr+"\r\ncontent-length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
}
