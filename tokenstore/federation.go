package tokenstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FederationPolicy says which identity of a foreign OpenID Connect provider is a
// recipient: tokens of the issuer, for one of the audiences, in which the claim
// has the subject as its value or among its values.
type FederationPolicy struct {
	ID      string `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"`
	Comment string `cbor:"3,keyasint,omitempty"`
	Issuer  string `cbor:"4,keyasint"`
	// JWKS is where the issuer's keys are; empty: where its discovery document says.
	JWKS      string    `cbor:"5,keyasint,omitempty"`
	Audiences []string  `cbor:"6,keyasint"`
	Claim     string    `cbor:"7,keyasint"`
	Subject   string    `cbor:"8,keyasint"`
	CreatedAt time.Time `cbor:"9,keyasint"`
	UpdatedAt time.Time `cbor:"10,keyasint"`
}

// SubjectClaims are the claims that a policy can be about. The set is fixed, so
// that a token is looked up by each of them and nothing is searched.
var SubjectClaims = []string{"sub", "oid", "azp", "appid", "client_id", "groups"}

// Bounds of federation.
const (
	// MaxFederationPolicies is how many policies a recipient may have.
	MaxFederationPolicies = 20
	// MaxClaimValues is how many values one claim of a token may have.
	MaxClaimValues = 200
	// maxIssuerAudiences is how many audiences the policies of one issuer may name.
	maxIssuerAudiences = 1000
	// maxPolicyAudiences is how many audiences one policy may name.
	maxPolicyAudiences = 20
	// maxFederationText bounds each text of a policy, in bytes: an issuer is part of a key.
	maxFederationText = 900
)

// Issuer is what the policies of a realm say of one issuer, all together.
type Issuer struct {
	JWKS string `cbor:"1,keyasint,omitempty"`
	// Audiences counts the policies that name each audience.
	Audiences map[string]int `cbor:"2,keyasint"`
}

func (i Issuer) whole() bool { return len(i.Audiences) > 0 }

// AudienceList returns the audiences that some policy accepts.
func (i Issuer) AudienceList() []string {
	list := make([]string, 0, len(i.Audiences))
	for audience := range i.Audiences {
		list = append(list, audience)
	}
	slices.Sort(list)
	return list
}

func issuerKey(realm, issuer string) []byte { return append(realmPrefix(keyIssuer, realm), issuer...) }

func federatedKey(realm, issuer, claim, subject string) []byte {
	digest := sha256.New()
	for _, part := range []string{issuer, claim, subject} {
		digest.Write([]byte(part)) // checkPolicy: none has a NUL
		digest.Write([]byte{0})
	}
	return digest.Sum(realmPrefix(keyFederated, realm))
}

// isFederationText tells whether a text may be a part of what a token is recognised
// by. A part that is empty would be found in tokens that lack it.
func isFederationText(text string) bool {
	return text != "" && len(text) <= maxFederationText && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func checkPolicy(p FederationPolicy) error {
	if p.ID == "" {
		return fmt.Errorf("%w: a federation policy has an id", ErrInvalid)
	}
	for _, part := range [][2]string{{"name", p.Name}, {"issuer", p.Issuer}, {"subject", p.Subject}} {
		if !isFederationText(part[1]) {
			return fmt.Errorf("%w: the %s of a federation policy has 1 to %d bytes and no control characters", ErrInvalid, part[0], maxFederationText)
		}
	}
	if !slices.Contains(SubjectClaims, p.Claim) {
		return fmt.Errorf("%w: the subject claim is one of %s", ErrInvalid, strings.Join(SubjectClaims, ", "))
	}
	if len(p.Audiences) == 0 || len(p.Audiences) > maxPolicyAudiences {
		return fmt.Errorf("%w: a federation policy names 1 to %d audiences: without one, tokens for other services would be accepted", ErrInvalid, maxPolicyAudiences)
	}
	if slices.ContainsFunc(p.Audiences, func(a string) bool { return !isFederationText(a) }) {
		return fmt.Errorf("%w: an audience of a federation policy has 1 to %d bytes and no control characters", ErrInvalid, maxFederationText)
	}
	if len(p.Comment) > maxFederationText || len(p.JWKS) > maxFederationText {
		return fmt.Errorf("%w: a comment or key address of a federation policy is too long", ErrInvalid)
	}
	return nil
}

// PutFederationPolicy adds a policy to a recipient, or replaces the one of the same
// name (case does not count); its id and creation are kept then. The errors are
// ErrNotFound and ErrInvalid, which it is too if another recipient is recognised by the
// same already, or the issuer's keys are said to be elsewhere.
func (s *Store) PutFederationPolicy(ctx context.Context, realm, name string, policy FederationPolicy, actor string) (FederationPolicy, Recipient, error) {
	return s.setPolicy(ctx, realm, name, actor, func(recipient *Recipient) (int, FederationPolicy, error) {
		at := slices.IndexFunc(recipient.Federation, func(p FederationPolicy) bool { return FoldName(p.Name) == FoldName(policy.Name) })
		return at, policy, nil
	})
}

// AddFederationPolicy is PutFederationPolicy of what replaces nothing: ErrExists if the
// recipient has a policy of that name, or with that as its id.
func (s *Store) AddFederationPolicy(ctx context.Context, realm, name string, policy FederationPolicy, actor string) (FederationPolicy, Recipient, error) {
	return s.setPolicy(ctx, realm, name, actor, func(recipient *Recipient) (int, FederationPolicy, error) {
		if recipient.policy(policy.Name) >= 0 {
			return 0, policy, ErrExists
		}
		return -1, policy, nil
	})
}

// ChangeFederationPolicy changes the policy of an id: Comment, Issuer, JWKS, Audiences,
// Claim and Subject; what else change sets is ignored. change sees the policy as it
// stands, may run several times, and its error is returned. The errors are those of
// PutFederationPolicy; ErrNotFound also if the policy is not there, or not any more.
func (s *Store) ChangeFederationPolicy(ctx context.Context, realm, name, id, actor string, change func(*FederationPolicy) error) (FederationPolicy, Recipient, error) {
	return s.setPolicy(ctx, realm, name, actor, func(recipient *Recipient) (int, FederationPolicy, error) {
		at := slices.IndexFunc(recipient.Federation, func(p FederationPolicy) bool { return p.ID == id })
		if at < 0 {
			return 0, FederationPolicy{}, ErrNotFound
		}
		wanted := recipient.Federation[at]
		wanted.Audiences = slices.Clone(wanted.Audiences)
		err := change(&wanted)
		wanted.Name = recipient.Federation[at].Name
		return at, wanted, err
	})
}

// setPolicy stores a policy of a recipient, in place of the one at an index, whose id
// and creation it keeps, or beside those there are if that is -1. Which, wanted says of
// the recipient as the transaction found it.
func (s *Store) setPolicy(ctx context.Context, realm, name, actor string, wanted func(*Recipient) (at int, policy FederationPolicy, err error)) (FederationPolicy, Recipient, error) {
	var stored FederationPolicy
	recipient, err := s.withRecipient(ctx, realm, name, actor, func(t *transaction, recipient *Recipient) error {
		if recipient.Auth != Federation {
			return fmt.Errorf("%w: the recipient does not authenticate by federation", ErrInvalid)
		}
		at, policy, err := wanted(recipient)
		if err != nil {
			return err
		}
		stored = policy
		stored.Audiences = slices.Compact(slices.Sorted(slices.Values(policy.Audiences)))
		stored.CreatedAt, stored.UpdatedAt = t.now, t.now
		if err := checkPolicy(stored); err != nil {
			return err
		}
		switch {
		case at >= 0:
			old := recipient.Federation[at]
			stored.ID, stored.CreatedAt = old.ID, old.CreatedAt
			if err := t.dropPolicy(realm, old); err != nil {
				return err
			}
			recipient.Federation[at] = stored
		case len(recipient.Federation) >= MaxFederationPolicies:
			return fmt.Errorf("%w: a recipient has at most %d federation policies", ErrInvalid, MaxFederationPolicies)
		default:
			recipient.Federation = append(recipient.Federation, stored)
		}
		if err := t.takePolicy(*recipient, stored); err != nil {
			return err
		}
		// Tokens that were another recipient's until now may be ambiguous from now on.
		if err := t.changed(realm, ""); err != nil {
			return err
		}
		return t.auditRecipient(*recipient, actor, "updateRecipient", "federation policy "+stored.Name+" set")
	})
	return stored, recipient, err
}

// DeleteFederationPolicy takes a policy from a recipient: tokens that it accepted are
// refused from then on. ErrNotFound if the recipient or the policy is not there.
func (s *Store) DeleteFederationPolicy(ctx context.Context, realm, name, policy, actor string) (FederationPolicy, error) {
	var gone FederationPolicy
	defer s.pauseFlush()()
	_, err := s.withRecipient(ctx, realm, name, actor, func(t *transaction, recipient *Recipient) error {
		at := recipient.policy(policy)
		if at < 0 {
			return ErrNotFound
		}
		gone = recipient.Federation[at]
		if err := t.forgetPolicy(realm, gone); err != nil {
			return err
		}
		recipient.Federation = slices.Delete(recipient.Federation, at, at+1)
		return t.auditRecipient(*recipient, actor, "updateRecipient", "federation policy "+gone.Name+" removed")
	})
	return gone, err
}

// policy is the index of a policy by its name or id, or -1.
func (r *Recipient) policy(name string) int {
	return slices.IndexFunc(r.Federation, func(p FederationPolicy) bool {
		return p.ID == name || FoldName(p.Name) == FoldName(name)
	})
}

// Policy returns a federation policy of the recipient by its name or id.
func (r *Recipient) Policy(name string) (FederationPolicy, bool) {
	if at := r.policy(name); at >= 0 {
		return r.Federation[at], true
	}
	return FederationPolicy{}, false
}

// takePolicy takes the identity of a policy for a recipient, and counts its
// audiences.
func (t *transaction) takePolicy(recipient Recipient, policy FederationPolicy) error {
	key := federatedKey(recipient.Realm, policy.Issuer, policy.Claim, policy.Subject)
	switch err := get(t, key, versionIndex, &index{}); {
	case err == nil:
		return fmt.Errorf("%w: tokens of this issuer and subject are taken for a recipient already", ErrInvalid)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	if err := put(t, key, versionIndex, index{ID: recipient.ID}); err != nil {
		return err
	}
	var issuer Issuer
	err := get(t, issuerKey(recipient.Realm, policy.Issuer), versionIssuer, &issuer)
	switch {
	case errors.Is(err, ErrNotFound):
		issuer = Issuer{JWKS: policy.JWKS, Audiences: make(map[string]int)}
	case err != nil:
		return err
	case issuer.JWKS != policy.JWKS:
		return fmt.Errorf("%w: another policy says that the keys of this issuer are elsewhere", ErrInvalid)
	}
	for _, audience := range policy.Audiences {
		issuer.Audiences[audience]++
	}
	if len(issuer.Audiences) > maxIssuerAudiences {
		return fmt.Errorf("%w: the policies of this issuer name more than %d audiences", ErrInvalid, maxIssuerAudiences)
	}
	return put(t, issuerKey(recipient.Realm, policy.Issuer), versionIssuer, issuer)
}

// dropPolicy frees the identity of a policy, and counts its audiences off.
func (t *transaction) dropPolicy(realm string, policy FederationPolicy) error {
	if err := t.Delete(federatedKey(realm, policy.Issuer, policy.Claim, policy.Subject)); err != nil {
		return err
	}
	var issuer Issuer
	key := issuerKey(realm, policy.Issuer)
	if err := get(t, key, versionIssuer, &issuer); errors.Is(err, ErrNotFound) {
		return nil // nothing is counted
	} else if err != nil {
		return err
	}
	for _, audience := range policy.Audiences {
		if issuer.Audiences[audience]--; issuer.Audiences[audience] <= 0 {
			delete(issuer.Audiences, audience)
		}
	}
	if len(issuer.Audiences) == 0 {
		return t.Delete(key)
	}
	return put(t, key, versionIssuer, issuer)
}

// forgetPolicy drops a policy with what is known of its use.
func (t *transaction) forgetPolicy(realm string, policy FederationPolicy) error {
	if err := t.dropPolicy(realm, policy); err != nil {
		return err
	}
	t.unused = append(t.unused, policy.ID)
	if err := t.Delete(useKey(policy.ID)); err != nil {
		return err
	}
	return t.Delete(clientsKey(policy.ID))
}

// dropFederation takes all policies of a recipient that is being deleted.
func (t *transaction) dropFederation(recipient *Recipient) error {
	for _, policy := range recipient.Federation {
		if err := t.forgetPolicy(recipient.Realm, policy); err != nil {
			return err
		}
	}
	recipient.Federation = nil
	return nil
}

// Issuer returns what the policies of a realm say of an issuer. ErrNotFound if none
// names it.
func (s *Store) Issuer(ctx context.Context, realm, issuer string) (Issuer, error) {
	var found Issuer
	err := s.driver.View(ctx, func(r Reader) error {
		return get(r, issuerKey(realm, issuer), versionIssuer, &found)
	})
	return found, err
}

// Issuers returns up to limit issuers that policies of a realm name, with their key
// addresses, after the given one; next is empty at the end.
func (s *Store) Issuers(ctx context.Context, realm, after string, limit int) (issuers map[string]Issuer, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		issuers, next = make(map[string]Issuer), ""
		prefix := realmPrefix(keyIssuer, realm)
		found, err := r.Scan(prefix, cursor(func(issuer string) []byte { return issuerKey(realm, issuer) }, after), limit)
		if err != nil {
			return err
		}
		for _, entry := range found {
			var issuer Issuer
			if err := decode(entry.Value, versionIssuer, &issuer); err != nil {
				return err
			}
			next = string(entry.Key[len(prefix):])
			issuers[next] = issuer
		}
		if len(found) < limit {
			next = ""
		}
		return nil
	})
	return issuers, next, err
}
