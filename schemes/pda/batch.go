package pda

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

const (
	// maxLinks bounds how deep records may be linked in records of a batch.
	maxLinks = 32
	// batchTime is how long a client has to send a batch.
	batchTime = 30 * time.Second
)

var (
	// errBatchDenied says that a batch holds a record of a namespace that is not granted.
	errBatchDenied = errors.New("a record of the batch is in a namespace that is not granted")
	// errBatch says that a batch cannot be understood. Texts that wrap it quote nothing of
	// the batch.
	errBatch = errors.New("the batch cannot be understood")
)

// checkBatch checks that every record of a batch, and every one that is linked in it, is
// in a namespace that may be written. A batch is a list of records, each an object with
// the member endpoint, a text "namespace/endpoint"; what its member data holds is not
// looked at but for being JSON. A batch that two readers could understand differently is
// refused. The error is a *schemes.Refusal that wraps errBatchDenied or errBatch.
func checkBatch(body []byte, may func(namespace string) bool) error {
	b := batch{jsontext.NewDecoder(bytes.NewBuffer(body)), may}
	err := b.read()
	switch {
	case errors.Is(err, errBatchDenied):
		return withCause(batchDenied(), err)
	case err != nil:
		refusal := controllerRefusal(http.StatusBadRequest, schemes.BadRequest, "Bad Request", batchFault(err))
		return withCause(refusal, errBatch)
	}
	return nil
}

func batchDenied() *schemes.Refusal {
	return controllerRefusal(http.StatusForbidden, schemes.Forbidden, "Forbidden",
		"Access Denied - No rights to insert some or all of the data in the batch")
}

// asRefusal is an error of reading or checking a batch, which is one.
func asRefusal(err error) *schemes.Refusal {
	if refusal := (*schemes.Refusal)(nil); errors.As(err, &refusal) {
		return refusal
	}
	return badRequest("The batch cannot be read.", err)
}

// batch reads a batch. Names of members that stand twice, and bytes that are no UTF-8,
// are the decoder's to refuse.
type batch struct {
	*jsontext.Decoder
	may func(namespace string) bool
}

// faults are what a client is told of a batch that cannot be understood.
var (
	errNoList     = errors.New("it is not one list of records in JSON")
	errNoEndpoint = errors.New("a record has no endpoint of the form namespace/endpoint")
	errAlias      = errors.New("a record has a member that differs from endpoint or links in its case only")
	errLinks      = errors.New("records are linked too deep")
)

// batchFault is what is wrong, in words that quote nothing.
func batchFault(err error) string {
	for _, known := range []error{errNoEndpoint, errAlias, errLinks} {
		if errors.Is(err, known) {
			return "The batch is refused: " + known.Error()
		}
	}
	return "The batch is refused: " + errNoList.Error() + ", or names a member twice"
}

func (b batch) read() error {
	if err := b.readRecords(0); err != nil {
		return err
	}
	if _, err := b.ReadToken(); err != io.EOF { //nolint:errorlint // the decoder returns io.EOF itself
		return errNoList
	}
	return nil
}

// readRecords reads a list of records that is linked so deep.
func (b batch) readRecords(depth int) error {
	if depth > maxLinks {
		return errLinks
	}
	if err := b.begin(jsontext.KindBeginArray); err != nil {
		return err
	}
	for b.PeekKind() != jsontext.KindEndArray {
		if err := b.readRecord(depth); err != nil {
			return err
		}
	}
	_, err := b.ReadToken()
	return err
}

func (b batch) readRecord(depth int) error {
	if err := b.begin(jsontext.KindBeginObject); err != nil {
		return err
	}
	named := false
	for b.PeekKind() != jsontext.KindEndObject {
		token, err := b.ReadToken()
		if err != nil {
			return err
		}
		switch name := token.String(); {
		case name == "endpoint":
			named, err = true, b.readEndpoint()
		case name == "links" && b.PeekKind() == jsontext.KindNull:
			err = b.SkipValue()
		case name == "links":
			err = b.readRecords(depth + 1)
		case strings.EqualFold(name, "endpoint"), strings.EqualFold(name, "links"):
			err = errAlias
		default:
			err = b.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	if !named {
		return errNoEndpoint
	}
	_, err := b.ReadToken()
	return err
}

func (b batch) readEndpoint() error {
	token, err := b.ReadToken()
	switch {
	case err != nil:
		return err
	case token.Kind() != jsontext.KindString:
		return errNoEndpoint
	}
	namespace, endpoint, found := strings.Cut(token.String(), "/")
	switch {
	case !found || endpoint == "" || !isNamespace(namespace):
		return errNoEndpoint
	case !b.may(namespace):
		return errBatchDenied
	}
	return nil
}

func (b batch) begin(kind jsontext.Kind) error {
	token, err := b.ReadToken()
	if err == nil && token.Kind() != kind {
		return errNoList
	}
	return err
}

// withCause says in the log why a refusal is; its body stays.
func withCause(refusal *schemes.Refusal, cause error) *schemes.Refusal {
	var wire *wireBody
	if errors.As(refusal.Cause, &wire) {
		refusal.Cause = &wireBody{body: wire.body, text: wire.text, cause: cause}
	} else {
		refusal.Cause = cause
	}
	return refusal
}
