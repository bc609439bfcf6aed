package pda

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes"
)

// holdsBatch tells whether the body of a call says which namespaces it writes to.
func holdsBatch(method, pattern string) bool {
	return pattern == patternBatch || pattern == patternRecords && method == http.MethodPut
}

// namespaces are those that a batch writes to.
type namespaces []string

// unread is noted of a batch whose caller may write anywhere: nobody looked what it says.
type unread struct{}

// judgeBatch denies a batch with a record in a namespace that is not granted. The body is
// read once: when the rules are asked again, what it says is known. Who could write
// anywhere then and cannot now is denied: the body is on its way, and who is asked for it
// again would ask the rules again.
func (s *Scheme) judgeBatch(call *schemes.Call) *schemes.Refusal {
	if actsAsOwner(call.Identity) {
		if call.State == nil {
			call.State = unread{}
		}
		return nil
	}
	if call.State == (unread{}) {
		return batchDenied()
	}
	may := func(namespace string) bool { return call.Identity.Grants.Allows(privilegeWrite, namespace) }
	if known, ok := call.State.(namespaces); ok {
		for _, namespace := range known {
			if !may(namespace) {
				return batchDenied()
			}
		}
		return nil
	}
	body, err := readBatch(call.Writer, call.Request, s.config.BatchLimit)
	if err != nil {
		return asRefusal(err)
	}
	found := make(map[string]bool)
	if err := checkBatch(body, func(namespace string) bool {
		found[namespace] = true
		return may(namespace)
	}); err != nil {
		return asRefusal(err)
	}
	known := make(namespaces, 0, len(found))
	for namespace := range found {
		known = append(known, namespace)
	}
	call.State = known
	return nil
}
