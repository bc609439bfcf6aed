package tokenstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-auth/gatehouse/internal/secret"
)

// Application is an entry of a realm's registry: a program that owners of accounts can
// let in.
type Application struct {
	Realm   string `cbor:"1,keyasint"`
	ID      string `cbor:"2,keyasint"`
	Version string `cbor:"3,keyasint"`
	// Name, Description and URL are shown to owners.
	Name        string `cbor:"4,keyasint,omitempty"`
	Description string `cbor:"5,keyasint,omitempty"`
	URL         string `cbor:"6,keyasint,omitempty"`
	// RedirectURIs are where a browser may be sent with a token, compared exactly.
	RedirectURIs []string `cbor:"7,keyasint,omitempty"`
	// Grants are in the scheme's own notation.
	Grants    []string  `cbor:"8,keyasint,omitempty"`
	Disabled  bool      `cbor:"9,keyasint,omitempty"` // on all accounts
	CreatedAt time.Time `cbor:"10,keyasint"`
	UpdatedAt time.Time `cbor:"11,keyasint"`
	CreatedBy string    `cbor:"12,keyasint,omitempty"`
	UpdatedBy string    `cbor:"13,keyasint,omitempty"`
	// UID is never used again: what was granted to an application that was deleted is
	// not a later one's of the same id.
	UID string `cbor:"14,keyasint"`
}

const applicationUIDPrefix = "app_"

// whole tells whether a stored application is complete.
func (a Application) whole() bool {
	return a.Realm != "" && a.ID != "" && a.Version != "" && a.UID != ""
}

// Enrolment is an application that an owner has set up on an account.
type Enrolment struct {
	Application string    `cbor:"1,keyasint"`
	SetUpAt     time.Time `cbor:"2,keyasint"`
	// DisabledAt is when the owner disabled it; zero: it is enabled.
	DisabledAt time.Time `cbor:"3,keyasint,omitzero"`
	UID        string    `cbor:"4,keyasint"` // of the application
}

// Enrolment returns how an application stands on the account.
func (a *Account) Enrolment(application Application) (Enrolment, bool) {
	i := slices.IndexFunc(a.Applications, func(e Enrolment) bool { return e.UID == application.UID })
	if i < 0 {
		return Enrolment{}, false
	}
	return a.Applications[i], true
}

// check finds what no application can have.
func (a *Application) check() error {
	switch {
	case !isApplicationID(a.ID):
		return fmt.Errorf("%w: an application's id has 1 to 100 letters, digits and hyphens, such as notes-dev", ErrInvalid)
	case a.ID == "hmi":
		return fmt.Errorf("%w: hmi is no application's id, since the list of applications has it in its path", ErrInvalid)
	case !isVersion(a.Version):
		return fmt.Errorf("%w: a version is three numbers, such as 1.0.0", ErrInvalid)
	case len(a.Name) > maxNameLength || len(a.URL) > 2048 || len(a.Description) > 4096:
		return fmt.Errorf("%w: an application's name has at most %d bytes, its URL 2048, its description 4096", ErrInvalid, maxNameLength)
	case strings.ContainsFunc(a.Name+a.URL, unicode.IsControl) || strings.ContainsFunc(strings.ReplaceAll(a.Description, "\n", ""), unicode.IsControl):
		return fmt.Errorf("%w: an application's name, URL and description have no control characters, but the description may have lines", ErrInvalid)
	case a.URL != "" && !isWebURL(a.URL):
		return fmt.Errorf("%w: an application's URL is an absolute one of http or https", ErrInvalid)
	case len(a.RedirectURIs) > 20:
		return fmt.Errorf("%w: an application has at most 20 redirect URIs", ErrInvalid)
	}
	for _, uri := range a.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || !u.IsAbs() || strings.Contains(uri, "#") || len(uri) > 2048 {
			return fmt.Errorf("%w: %q is no redirect URI: write an absolute one without a fragment", ErrInvalid, uri)
		}
		if slices.Contains(harmfulSchemes, u.Scheme) {
			return fmt.Errorf("%w: a redirect URI of %s: is none that a token may be sent to", ErrInvalid, u.Scheme)
		}
	}
	return nil
}

// harmfulSchemes are those whose URIs a browser takes for a program or a page of the one
// that it shows, or for a file; nobody is reached by them.
var harmfulSchemes = []string{"javascript", "data", "vbscript", "file", "blob", "about"}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != ""
}

// isApplicationID takes what the routes of the data API take as an id.
func isApplicationID(id string) bool {
	return id != "" && len(id) <= 100 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// isVersion takes three numbers, as registries of applications have them.
func isVersion(version string) bool {
	parts := strings.Split(version, ".")
	return len(version) <= 40 && len(parts) == 3 && !slices.ContainsFunc(parts, func(part string) bool {
		return part == "" || strings.Trim(part, "0123456789") != ""
	})
}

// AddApplication stores a new application. The errors are ErrExists and ErrInvalid.
func (s *Store) AddApplication(ctx context.Context, application Application, actor string) (Application, error) {
	if err := cmp.Or(ValidRealm(application.Realm), application.check()); err != nil {
		return Application{}, err
	}
	application.UID = secret.NewID(applicationUIDPrefix)
	err := s.update(ctx, func(t *transaction) error {
		_, err := applicationByID(t, application.Realm, application.ID)
		switch {
		case err == nil:
			return existsError{"an application of that id exists"}
		case !errors.Is(err, ErrNotFound):
			return err
		}
		application.CreatedAt, application.CreatedBy = t.now, actor
		return t.keepApplication(&application, actor, "addApplication")
	})
	return application, err
}

// ChangeApplication changes what an operator may set of an application; its realm, id
// and times are ignored. change may run several times. The errors are ErrNotFound,
// ErrInvalid and those of change.
func (s *Store) ChangeApplication(ctx context.Context, realm, id, actor, action string, change func(*Application) error) (Application, error) {
	var application Application
	err := s.update(ctx, func(t *transaction) (err error) {
		if application, err = applicationByID(t, realm, id); err != nil {
			return err
		}
		wanted := application
		wanted.Grants, wanted.RedirectURIs = slices.Clone(application.Grants), slices.Clone(application.RedirectURIs)
		if err := change(&wanted); err != nil {
			return err
		}
		wanted.Realm, wanted.ID = application.Realm, application.ID
		wanted.CreatedAt, wanted.CreatedBy, wanted.UID = application.CreatedAt, application.CreatedBy, application.UID
		if err := wanted.check(); err != nil {
			return err
		}
		application = wanted
		return t.keepApplication(&application, actor, action)
	})
	return application, err
}

// EnableApplication disables an application on all accounts, or enables it again.
// ErrNotFound.
func (s *Store) EnableApplication(ctx context.Context, realm, id string, enabled bool, actor string) (Application, error) {
	action := "disableApplication"
	if enabled {
		action = "enableApplication"
	}
	return s.ChangeApplication(ctx, realm, id, actor, action, func(a *Application) error {
		a.Disabled = !enabled
		return nil
	})
}

// DeleteApplication forgets an application. Its tokens and what owners set up are good
// for nothing, also if an application of that id is added again. ErrNotFound.
func (s *Store) DeleteApplication(ctx context.Context, realm, id, actor string) (Application, error) {
	var application Application
	err := s.update(ctx, func(t *transaction) (err error) {
		if application, err = applicationByID(t, realm, id); err != nil {
			return err
		}
		if err := t.Delete(applicationKey(realm, id)); err != nil {
			return err
		}
		if err := t.auditApplication(application, actor, "deleteApplication"); err != nil {
			return err
		}
		return t.changed(realm, "")
	})
	return application, err
}

// ApplicationByID returns an application. ErrNotFound.
func (s *Store) ApplicationByID(ctx context.Context, realm, id string) (Application, error) {
	var application Application
	err := s.driver.View(ctx, func(r Reader) (err error) {
		application, err = applicationByID(r, realm, id)
		return err
	})
	return application, err
}

// Applications returns up to limit applications of a realm by their ids, after the
// given one; next is empty at the end.
func (s *Store) Applications(ctx context.Context, realm, after string, limit int) (applications []Application, next string, err error) {
	err = s.driver.View(ctx, func(r Reader) error {
		applications, next = nil, ""
		found, err := r.Scan(realmPrefix(keyApplication, realm), cursor(func(id string) []byte { return applicationKey(realm, id) }, after), limit)
		if err != nil {
			return err
		}
		for _, entry := range found {
			var application Application
			if err := decode(entry.Value, versionApplication, &application); err != nil {
				return err
			}
			applications = append(applications, application)
		}
		if len(found) == limit {
			next = applications[limit-1].ID
		}
		return nil
	})
	return applications, next, err
}

// Enrol sets an application up on an account and enables it, or disables it there.
// check is asked inside of the transaction, if it is not nil, and may run several times.
// Disabling one that was never set up is ErrInvalid; ErrNotFound, for either.
func (s *Store) Enrol(ctx context.Context, realm, host, application string, enabled bool, check func(Application, Account) error, actor string) (Account, Application, error) {
	var (
		account Account
		entry   Application
	)
	err := s.update(ctx, func(t *transaction) (err error) {
		if entry, err = applicationByID(t, realm, application); err != nil {
			return err
		}
		if account, err = accountByHost(t, realm, host); err != nil {
			return err
		}
		if check != nil {
			if err := check(entry, account); err != nil {
				return err
			}
		}
		if err := account.enrol(entry, enabled, t.now); err != nil {
			return err
		}
		account.UpdatedAt, account.UpdatedBy = t.now, actor
		if err := t.putAccount(account); err != nil {
			return err
		}
		action := "disableAccountApplication"
		if enabled {
			action = "setUpAccountApplication"
		}
		if err := t.auditAccount(account, actor, action, "application "+application); err != nil {
			return err
		}
		return t.changed(realm, account.ID)
	})
	return account, entry, err
}

func (a *Account) enrol(application Application, enabled bool, now time.Time) error {
	a.Applications = slices.Clone(a.Applications)
	// One that was deleted and added again is another one.
	a.Applications = slices.DeleteFunc(a.Applications, func(e Enrolment) bool {
		return e.Application == application.ID && e.UID != application.UID
	})
	i := slices.IndexFunc(a.Applications, func(e Enrolment) bool { return e.UID == application.UID })
	switch {
	case i < 0 && !enabled:
		return fmt.Errorf("%w: the application %s is not set up on this account", ErrInvalid, application.ID)
	case i < 0 && len(a.Applications) >= maxApplications:
		return fmt.Errorf("%w: an account has at most %d applications", ErrInvalid, maxApplications)
	case i < 0:
		a.Applications = append(a.Applications, Enrolment{Application: application.ID, UID: application.UID, SetUpAt: now})
	case enabled:
		a.Applications[i].DisabledAt = time.Time{}
	case a.Applications[i].DisabledAt.IsZero():
		a.Applications[i].DisabledAt = now
	}
	return nil
}

func applicationByID(r Reader, realm, id string) (Application, error) {
	var application Application
	if !isApplicationID(id) {
		return application, ErrNotFound
	}
	return application, get(r, applicationKey(realm, id), versionApplication, &application)
}

// keepApplication stores a change. What an application may do counts on every account.
func (t *transaction) keepApplication(application *Application, actor, action string) error {
	application.UpdatedAt, application.UpdatedBy = t.now, actor
	if err := put(t, applicationKey(application.Realm, application.ID), versionApplication, *application); err != nil {
		return err
	}
	if err := t.auditApplication(*application, actor, action); err != nil {
		return err
	}
	return t.changed(application.Realm, "")
}

func (t *transaction) auditApplication(application Application, actor, action string) error {
	return t.audit(AuditEntry{Actor: actor, Action: action, Realm: application.Realm, Name: application.ID})
}

func applicationKey(realm, id string) []byte {
	return append(realmPrefix(keyApplication, realm), id...)
}
