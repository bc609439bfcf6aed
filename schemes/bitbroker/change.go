package bitbroker

import (
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"
)

// verb is what a call has a BitBroker change that the gateway must know of.
type verb uint8

// The first four are answered with a token, which is bound. The next two end what was given
// for one of the name before; the others end tokens.
const (
	noChange verb = iota
	promote
	createAccess
	reissueAccess
	createConnector
	createPolicy
	createEntity
	demote
	deleteUser
	deleteAccess
	deletePolicy
	deleteEntity
	deleteConnector
)

// actions are what the audit names verbs, as where the gateway serves them itself.
var actions = map[verb]string{
	promote: "promoteCoordinator", createAccess: "createAccess", reissueAccess: "reissueAccess", createConnector: "createConnector",
	createPolicy: "createPolicy", createEntity: "createEntity",
	demote: "demoteCoordinator", deleteUser: "deleteUser", deleteAccess: "deleteAccess",
	deletePolicy: "deletePolicy", deleteEntity: "deleteEntity", deleteConnector: "deleteConnector",
}

// change is a verb with what it is about.
type change struct {
	verb                      verb
	user                      uint64
	policy, entity, connector string
}

// brings tells whether the answer brings a token.
func (c change) brings() bool { return noChange < c.verb && c.verb <= createConnector }

// hasBody tells whether a call has a body for the BitBroker.
func (c change) hasBody() bool { return createConnector <= c.verb && c.verb <= createEntity }

// makes tells whether something is made of which there was none of the name.
func (c change) makes() bool { return c.verb == createPolicy || c.verb == createEntity }

// ends tells whether tokens end.
func (c change) ends() bool { return c.verb >= demote }

// changeOf returns what a call of a BitBroker's coordinator API changes. What no user, policy,
// entity type or connector can be called, none is.
func changeOf(method string, below []string) change {
	at := func(i int) string {
		if i < len(below) {
			return below[i]
		}
		return ""
	}
	user, isUser := userID(at(1))
	posts, deletes := method == http.MethodPost, method == http.MethodDelete
	switch n := len(below); at(0) {
	case "user":
		switch {
		case !isUser:
		case n == 2 && deletes:
			return change{verb: deleteUser, user: user}
		case n == 3 && at(2) == "coordinator" && posts:
			return change{verb: promote, user: user}
		case n == 3 && at(2) == "coordinator" && deletes:
			return change{verb: demote, user: user}
		case n == 4 && at(2) == "access" && isSlug(at(3)) && posts:
			return change{verb: createAccess, user: user, policy: at(3)}
		case n == 4 && at(2) == "access" && isSlug(at(3)) && method == http.MethodPut:
			return change{verb: reissueAccess, user: user, policy: at(3)}
		case n == 4 && at(2) == "access" && isSlug(at(3)) && deletes:
			return change{verb: deleteAccess, user: user, policy: at(3)}
		}
	case "policy":
		switch {
		case n != 2 || !isSlug(at(1)):
		case posts:
			return change{verb: createPolicy, policy: at(1)}
		case deletes:
			return change{verb: deletePolicy, policy: at(1)}
		}
	case "entity":
		switch {
		case !isSlug(at(1)):
		case n == 2 && posts:
			return change{verb: createEntity, entity: at(1)}
		case n == 2 && deletes:
			return change{verb: deleteEntity, entity: at(1)}
		case n == 4 && at(2) == "connector" && isSlug(at(3)) && posts:
			return change{verb: createConnector, entity: at(1), connector: at(3)}
		case n == 4 && at(2) == "connector" && isSlug(at(3)) && deletes:
			return change{verb: deleteConnector, entity: at(1), connector: at(3)}
		}
	}
	return change{}
}

// maxUserID is how many digits the id of a user has at most.
const maxUserID = 8

// userID reads the id of a user, by its number: 007 is 7.
func userID(text string) (id uint64, ok bool) {
	if len(text) > maxUserID {
		return 0, false
	}
	id, err := strconv.ParseUint(text, 10, 64) // takes digits alone
	return id, err == nil && id > 0
}

// maxSlug is how long a slug can be, in bytes.
const maxSlug = 64

// isSlug tells whether a text, in lower case, can be a slug.
func isSlug(text string) bool {
	for i := range len(text) {
		if c := text[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return text != "" && len(text) <= maxSlug
}

// words are those with which the paths of a coordinator API begin.
var words = []string{"user", "entity", "policy", "search", "error"}

// isNothing tells whether a path of a BitBroker's coordinator API can lead to nothing that is
// there, while that one might take it for something else: of users' ids its database forgives
// signs and spaces, and in JavaScript the Kelvin sign in lower case is a k. What begins with
// no word of the API is nothing either: below a base path that is configured too short, all
// that the gateway guards and learns would pass by it.
func isNothing(method string, below []string) bool {
	if len(below) > 0 && !slices.Contains(words, below[0]) {
		return true
	}
	byEmail := len(below) == 3 && below[0] == "user" && below[1] == "email" && (method == http.MethodGet || method == http.MethodHead)
	for i, segment := range below {
		if byEmail && i == 2 {
			continue
		}
		if !isASCII(segment) {
			return true
		}
	}
	if len(below) > 1 && below[0] == "user" && !byEmail {
		_, isUser := userID(below[1])
		return !isUser
	}
	return false
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
