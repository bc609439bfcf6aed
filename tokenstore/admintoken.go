package tokenstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// AdminRole is what the holder of an admin token may do.
type AdminRole string

// The roles of admin tokens.
const (
	AdminFull     AdminRole = "full"
	AdminReadOnly AdminRole = "read-only"
)

// AdminToken lets its holder administer the recipients of a realm over HTTP. Its
// record is kept as long as the audit after its end, so that the names there stay
// explained.
type AdminToken struct {
	Accessor  string    `cbor:"1,keyasint"`
	Realm     string    `cbor:"2,keyasint"`
	Name      string    `cbor:"3,keyasint"`
	Role      AdminRole `cbor:"4,keyasint"`
	CreatedAt time.Time `cbor:"5,keyasint"`
	CreatedBy string    `cbor:"6,keyasint,omitempty"`
	ExpiresAt time.Time `cbor:"7,keyasint"`
	RevokedAt time.Time `cbor:"8,keyasint,omitzero"`
}

func (a AdminToken) whole() bool {
	return a.Accessor != "" && a.Realm != "" && a.Name != "" && !a.ExpiresAt.IsZero() &&
		(a.Role == AdminFull || a.Role == AdminReadOnly)
}

// Live tells whether the token may be used at a moment.
func (a AdminToken) Live(now time.Time) bool { return a.RevokedAt.IsZero() && !ended(a.ExpiresAt, now) }

func adminKey(d secret.Digest) []byte { return digestKey(keyAdmin, d) }

func adminNameKey(realm, name string) []byte {
	return append(realmPrefix(keyAdminName, realm), FoldName(name)...)
}

// errAdminExists is an ErrExists in the words of admin tokens.
type errAdminExists struct{}

func (errAdminExists) Error() string        { return "an admin token of that name is in use" }
func (errAdminExists) Is(target error) bool { return target == ErrExists }

// CreateAdmin stores an admin token. A name can be given again once its token is no
// longer live. The errors are ErrExists and ErrInvalid.
func (s *Store) CreateAdmin(ctx context.Context, admin AdminToken, digest secret.Digest, lifetime time.Duration, actor string) (AdminToken, error) {
	if err := errors.Join(ValidRealm(admin.Realm), ValidName(admin.Name), validLifetime(lifetime)); err != nil {
		return AdminToken{}, err
	}
	if admin.Role != AdminFull && admin.Role != AdminReadOnly {
		return AdminToken{}, fmt.Errorf("%w: role %q is neither %s nor %s", ErrInvalid, admin.Role, AdminFull, AdminReadOnly)
	}
	if lifetime == 0 {
		return AdminToken{}, fmt.Errorf("%w: an admin token must end: its lifetime is longer than zero", ErrInvalid)
	}
	err := s.update(ctx, func(t *transaction) error {
		admin.CreatedAt, admin.CreatedBy = t.now, actor
		admin.ExpiresAt, admin.RevokedAt = t.now.Add(lifetime), time.Time{}
		old, _, err := adminByName(t, admin.Realm, admin.Name)
		switch {
		case err == nil && old.Live(t.now):
			return errAdminExists{}
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		}
		if err := t.vacant(adminKey(digest)); err != nil {
			return err
		}
		if err := put(t, adminNameKey(admin.Realm, admin.Name), versionIndex, index{Digest: digest[:]}); err != nil {
			return err
		}
		if err := put(t, adminKey(digest), versionAdmin, admin); err != nil {
			return err
		}
		return t.audit(AuditEntry{
			Actor: actor, Action: "createAdminToken", Realm: admin.Realm, Name: admin.Name,
			Accessor: admin.Accessor, Detail: "role " + string(admin.Role),
		})
	})
	return admin, err
}

// Admin returns the admin token of a digest, if it may be used now. ErrNotFound.
func (s *Store) Admin(ctx context.Context, realm string, digest secret.Digest) (AdminToken, error) {
	var admin AdminToken
	err := s.driver.View(ctx, func(r Reader) error {
		return get(r, adminKey(digest), versionAdmin, &admin)
	})
	if err == nil && (admin.Realm != realm || !admin.Live(s.clock())) {
		return AdminToken{}, ErrNotFound
	}
	return admin, err
}

// Admins returns up to limit admin tokens of a realm by their names, after the given
// one: of each name the latest, also if it has ended. next is empty at the end.
func (s *Store) Admins(ctx context.Context, realm, after string, limit int) (admins []AdminToken, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		admins, next = nil, ""
		prefix := realmPrefix(keyAdminName, realm)
		found, err := r.Scan(prefix, cursor(func(name string) []byte { return adminNameKey(realm, name) }, after), limit)
		if err != nil {
			return err
		}
		for _, entry := range found {
			admin, _, err := adminByName(r, realm, string(entry.Key[len(prefix):]))
			if err != nil {
				return err
			}
			admins = append(admins, admin)
		}
		if len(found) == limit {
			next = admins[limit-1].Name
		}
		return nil
	})
	return admins, next, err
}

// RevokeAdmin ends an admin token at once, by its name. Revoking again changes
// nothing. ErrNotFound.
func (s *Store) RevokeAdmin(ctx context.Context, realm, name, actor string) (AdminToken, error) {
	var admin AdminToken
	err := s.update(ctx, func(t *transaction) error {
		var (
			digest secret.Digest
			err    error
		)
		if admin, digest, err = adminByName(t, realm, name); err != nil {
			return err
		}
		if !admin.Live(t.now) {
			return nil
		}
		admin.RevokedAt = t.now
		if err := put(t, adminKey(digest), versionAdmin, admin); err != nil {
			return err
		}
		return t.audit(AuditEntry{
			Actor: actor, Action: "revokeAdminToken", Realm: realm, Name: admin.Name, Accessor: admin.Accessor,
		})
	})
	return admin, err
}

// pruneAdmins removes admin tokens that no entry of the audit can name any more.
func (s *Store) pruneAdmins(ctx context.Context) (int, error) {
	return s.pruneKind(ctx, keyAdmin, func(t *transaction, entry Entry) (bool, error) {
		var admin AdminToken
		if err := decode(entry.Value, versionAdmin, &admin); err != nil {
			return false, err
		}
		if !ended(earlier(admin.ExpiresAt, admin.RevokedAt).Add(KeepAudit), t.now) {
			return false, nil
		}
		var at index
		name := adminNameKey(admin.Realm, admin.Name)
		err := get(t, name, versionIndex, &at)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		// The name may have been given again.
		if err == nil && bytes.Equal(at.Digest, entry.Key[1:]) {
			if err := t.Delete(name); err != nil {
				return false, err
			}
		}
		return true, t.Delete(entry.Key)
	})
}

func adminByName(r Reader, realm, name string) (AdminToken, secret.Digest, error) {
	var (
		at    index
		admin AdminToken
	)
	if ValidName(name) != nil {
		return admin, secret.Digest{}, ErrNotFound
	}
	if err := get(r, adminNameKey(realm, name), versionIndex, &at); err != nil {
		return admin, secret.Digest{}, err
	}
	digest, err := digestFrom(at.Digest)
	if err != nil {
		return admin, digest, err
	}
	return admin, digest, get(r, adminKey(digest), versionAdmin, &admin)
}
