package keyring

// UnverifiedIssuer returns the iss claim that a token says it has. Nothing has been
// verified: the answer may only choose the Issuer that then verifies the token, and
// must be compared with known issuers exactly. Its only error is ErrInvalidToken; a
// token that it refuses is refused by every Issuer, too.
func UnverifiedIssuer(token string) (string, error) {
	payload, err := checkForm(token)
	if err != nil {
		return "", err
	}
	// Not by encoding/json, which would take "Iss" for a field named iss.
	issuer, _ := memberText(payload, "iss")
	if issuer == "" || len(issuer) > maxIssuer {
		return "", invalid("no issuer")
	}
	return issuer, nil
}
