package delta

import (
	"fmt"
	"strings"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// privileges is a set of what a grant gives on its object.
type privileges uint16

const (
	discover             privileges = 1 << iota // see that a table exists
	metadata                                    // its version and schema
	query                                       // its data
	changes                                     // its change data feed
	temporaryCredentials                        // credentials for the storage below it
	// What OpenSharing adds. None of these says anything of tables of the protocol.
	volumes
	models
	skills
	iceberg // all that the Iceberg catalogue has below the object

	// selects is what a grant gives that names no privilege: what Databricks calls
	// SELECT.
	selects = discover | metadata | query | changes
	// ofTables are those that only who can discover a table is told of.
	ofTables = metadata | query | changes | temporaryCredentials
	// anything is any privilege.
	anything privileges = 1<<len(privilegeNames) - 1
)

// privilegeNames are the words of grants and rules, in the order of the bits.
var privilegeNames = [...]string{
	"discover", "metadata", "query", "changes", "temporary-credentials", "volumes", "models", "skills", "iceberg",
}

// privilegeNamed returns the privilege of a name; 0 if there is none.
func privilegeNamed(name string) privileges {
	for i, known := range privilegeNames {
		if name == known {
			return 1 << i
		}
	}
	return 0
}

// parsePrivileges reads names joined by commas.
func parsePrivileges(names string) (privileges, error) {
	var set privileges
	for name := range strings.SplitSeq(names, ",") {
		one := privilegeNamed(name)
		if one == 0 {
			return 0, fmt.Errorf("%w: %q is no privilege; write one or more of %s, joined by commas without spaces",
				tokenstore.ErrInvalid, name, strings.Join(privilegeNames[:], ", "))
		}
		set |= one
	}
	return set, nil
}

// String returns the names, joined by commas.
func (p privileges) String() string {
	var names []string
	for i, name := range privilegeNames {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// closed adds what the privileges imply: who may read a table may see that it
// exists and what its columns are.
func (p privileges) closed() privileges {
	if p&(query|changes|temporaryCredentials) != 0 {
		p |= metadata
	}
	if p&metadata != 0 {
		p |= discover
	}
	return p
}
