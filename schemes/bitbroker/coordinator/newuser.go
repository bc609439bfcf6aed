package coordinator

import (
	"errors"
	"strings"

	"github.com/gatehouse-auth/gatehouse/schemes/bitbroker/envelope"
)

// NewUser checks what an operator says of a new user as it is checked over the API, and makes
// what is stored of it. address is the email address in its one spelling, also with an error,
// which says what is wrong in words.
func NewUser(emailAddress, name, organization string) (address string, document []byte, err error) {
	said := userProperties(newObject().set("email", emailAddress).set("name", name).set("organization", organization))
	address, _ = said.get("email").(string)
	if faults := userShape.judge(nil, "", said); len(faults) > 0 {
		return address, nil, inWords(faults)
	}
	document, err = userDocumentOf(said)
	return address, document, err
}

// inWords tells faults to an operator.
func inWords(faults []envelope.Fault) error {
	texts := make([]string, len(faults))
	for i, fault := range faults {
		texts[i] = fault.Name + " " + fault.Reason
	}
	return errors.New(strings.Join(texts, "; "))
}
