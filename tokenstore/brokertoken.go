package tokenstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// Broker is what the record of a BitBroker's token says beside what all tokens have. Whose
// token it is: for a coordinator's the user, for a consumer's the user and the policy, for a
// contributor's the entity type and the connector.
type Broker struct {
	User      uint64 `cbor:"1,keyasint,omitempty"`
	Policy    string `cbor:"2,keyasint,omitempty"`
	Entity    string `cbor:"3,keyasint,omitempty"`
	Connector string `cbor:"4,keyasint,omitempty"`
	// Minted is the number in the realm's sequence at which it was minted for a BitBroker;
	// 0 for one that the gateway issued by itself.
	Minted uint64 `cbor:"5,keyasint,omitempty"`
	// Pending says that it is nobody's yet: the BitBroker that had it minted has not said
	// whose it is. It is good for nothing then.
	Pending bool `cbor:"6,keyasint,omitempty"`
	// Audience is what it was minted for: the slug of a policy or connector.
	Audience string `cbor:"7,keyasint,omitempty"`
	// Lifetime from when it is bound; 0: it does not end by itself.
	Lifetime time.Duration `cbor:"8,keyasint,omitempty"`
	// NotAfter bounds it besides; zero: not.
	NotAfter time.Time `cbor:"9,keyasint,omitzero"`
}

// NewBrokerToken is a token to be stored, made by the caller before the transaction.
type NewBrokerToken struct {
	// Accessor is the token's public id: a UUID, which a BitBroker calls its key id.
	Accessor string
	Digest   secret.Digest
	// Lifetime of the token; 0: it does not end by itself.
	Lifetime time.Duration
}

// BrokerHolder is a good token of a BitBroker with who holds it, as of a revision.
type BrokerHolder struct {
	Token Token
	// User of a coordinator's and a consumer's token.
	User BrokerUser
	// Access of a consumer's token.
	Access BrokerAccess
	// Connector of a contributor's token.
	Connector BrokerConnector
	Revision  Revision
}

// ErrConnectorGone says that a contributor's token was issued for a connector that is gone, or
// whose entity type is.
var ErrConnectorGone = errors.New("the connector is gone")

// BrokerHolder looks a token of a BitBroker up by its digest. The errors are ErrNotFound if no
// such token was issued in the realm, or it is nobody's yet, or it was pruned; *EndedError with
// the reason Expired, or Revoked and Rotated for one that was rescinded; ErrConnectorGone; any
// other means that the store could not tell.
func (s *Store) BrokerHolder(ctx context.Context, realm string, digest secret.Digest) (BrokerHolder, error) {
	var h BrokerHolder
	now := s.clock()
	err := s.driver.View(ctx, func(r Reader) (err error) {
		h, err = brokerHolderOf(r, realm, digest, now)
		return err
	})
	return h, err
}

func brokerHolderOf(r Reader, realm string, digest secret.Digest, now time.Time) (BrokerHolder, error) {
	h := BrokerHolder{Revision: r.Revision()}
	if err := get(r, tokenKey(digest), versionToken, &h.Token); err != nil {
		return h, err
	}
	if h.Token.Realm != realm || !h.Token.Kind.isBroker() || h.Token.Broker.Pending {
		return h, ErrNotFound
	}
	gone, err := h.find(r, now)
	if err != nil {
		return h, err
	}
	e, err := epoch(r, realm)
	if err != nil {
		return h, err
	}
	end := h.Token.end(now, e)
	switch {
	case end != nil && end.Reason == Expired:
		return h, end
	case gone:
		return h, ErrConnectorGone
	case end != nil:
		return h, end
	}
	return h, nil
}

// find finds who holds the token, and ends the token with what it hangs on. gone says that it
// is a contributor's, whose connector is gone.
func (h *BrokerHolder) find(r Reader, now time.Time) (gone bool, err error) {
	var (
		over   time.Time
		seated bool
		token  = h.Token
	)
	if token.Kind == ContributorToken {
		over, seated, gone, err = h.findConnector(r)
	} else {
		over, seated, err = h.findUser(r)
	}
	if err != nil {
		return gone, err
	}
	switch {
	case !over.IsZero():
		h.Token.RevokedAt = earlier(token.RevokedAt, later(over, token.IssuedAt))
	case !seated && token.RevokedAt.IsZero() && !ended(token.ExpiresAt, now):
		// What ended it says so in its record. One that says nothing and sits nowhere is
		// nobody's, since whenever.
		h.Token.RevokedAt = token.IssuedAt
	}
	return gone, nil
}

// findUser finds the user of a token, and whether the token sits where it was put; over is when
// that was lost, if the token's own record does not say it.
func (h *BrokerHolder) findUser(r Reader) (over time.Time, seated bool, err error) {
	token := h.Token
	h.User, err = brokerUserByID(r, token.Realm, token.Broker.User)
	switch {
	case errors.Is(err, ErrNotFound):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, err
	case h.User.Gone:
		return h.User.UpdatedAt, false, nil
	case token.Kind == CoordinatorToken:
		return time.Time{}, h.User.Coordinator.holds(token), nil
	}
	h.Access, over, err = h.User.holding(r, token)
	return over, h.Access.Policy != "", err
}

// findConnector is findUser for the connector of a token.
func (h *BrokerHolder) findConnector(r Reader) (over time.Time, seated, gone bool, err error) {
	token := h.Token
	connector, end, err := brokerConnectorBySlug(r, token.Realm, token.Broker.Connector)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && connector.Entity != token.Broker.Entity:
		return time.Time{}, false, true, nil
	case err != nil:
		return time.Time{}, false, false, err
	}
	h.Connector = connector
	return end.at, connector.Seat.holds(token) && !end.gone, end.gone, nil
}

// holder says in words whose token it is.
func (h *BrokerHolder) holder() string {
	broker := h.Token.Broker
	switch {
	case broker.Pending:
		return "nobody yet"
	case broker.Connector != "":
		return broker.Entity + "/" + broker.Connector
	}
	user := h.User
	user.ID = broker.User
	if broker.Policy == "" {
		return user.name()
	}
	return user.name() + ", policy " + broker.Policy
}

// brokerInfo completes what is known of a token of a BitBroker.
func (s *Store) brokerInfo(r Reader, token Token) (TokenInfo, error) {
	h := BrokerHolder{Token: token}
	now := s.clock()
	if !token.Broker.Pending {
		if _, err := h.find(r, now); err != nil {
			return TokenInfo{Token: token}, err
		}
	}
	info := TokenInfo{Token: h.Token, Holder: h.holder()}
	e, err := epoch(r, token.Realm)
	if err != nil {
		return info, err
	}
	info.Status, info.EndedAt = h.Token.status(now, e)
	if token.Broker.Pending && info.Status == StatusActive {
		info.Status = StatusPending
	}
	info.Use, err = s.lastUse(r, token.Accessor)
	return info, err
}

// revokeBroker ends one token of a BitBroker; its seat stays taken. What has ended already is
// left as it is. Whatever else is done with the seat reads the token, and conflicts with this.
func (t *transaction) revokeBroker(token Token, digest secret.Digest, action, actor string) error {
	h := BrokerHolder{Token: token}
	if !token.Broker.Pending {
		if _, err := h.find(t, t.now); err != nil {
			return err
		}
	}
	e, err := epoch(t, token.Realm)
	if err != nil || h.Token.end(t.now, e) != nil {
		return err
	}
	token.RevokedAt = t.now
	if err := t.putToken(digest[:], token); err != nil {
		return err
	}
	if err := t.audit(AuditEntry{
		Actor: actor, Action: action, Realm: token.Realm, Subject: token.Subject, Name: h.holder(),
		Accessor: token.Accessor, Detail: token.Kind.String(),
	}); err != nil {
		return err
	}
	if token.Broker.Pending {
		return nil // nobody has been let in by it
	}
	return t.changed(token.Realm, token.Broker.topic())
}

// isBroker tells whether a kind is a BitBroker's.
func (k TokenKind) isBroker() bool { return k >= CoordinatorToken && k <= ConsumerToken }

// nobody is the subject of a token that is nobody's yet.
const nobody = "nobody"

// subject is whose token it is, as identities have it: the id of a user, or an entity type
// with a connector.
func (b Broker) subject() string {
	switch {
	case b.Pending:
		return nobody
	case b.Connector != "":
		return b.Entity + "/" + b.Connector
	default:
		return strconv.FormatUint(b.User, 10)
	}
}

// topic is the subject under which changes of the token's holder are announced.
func (b Broker) topic() string {
	if b.Connector != "" {
		return BrokerEntityTopic(b.Entity)
	}
	return BrokerUserTopic(b.User)
}

// whole tells whether what a stored token says is complete, and no more than its kind can say:
// one that lacks whose it is must not be anybody's.
func (b Broker) whole(kind TokenKind) bool {
	user, policy, connector := b.User != 0, b.Policy != "", b.Entity != "" && b.Connector != ""
	nowhere := b.Entity == "" && b.Connector == ""
	switch {
	case !kind.isBroker():
		return b == Broker{}
	case b.Pending:
		return b.Minted > 0 && !user && !policy && nowhere && (kind == CoordinatorToken) == (b.Audience == "")
	case kind == CoordinatorToken:
		return user && !policy && nowhere
	case kind == ConsumerToken:
		return user && policy && nowhere
	default:
		return !user && !policy && connector
	}
}

// BrokerUserTopic is the subject under which changes of a user are announced, its tokens'
// included.
func BrokerUserTopic(id uint64) string { return "user/" + strconv.FormatUint(id, 10) }

// BrokerPolicyTopic is the subject under which changes of a policy are announced.
func BrokerPolicyTopic(slug string) string { return "policy/" + slug }

// BrokerEntityTopic is the subject under which changes of an entity type are announced, and of
// its connectors and their tokens.
func BrokerEntityTopic(slug string) string { return "entity/" + slug }
