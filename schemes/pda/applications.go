package pda

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/schemes"
	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// AddApplication registers an application. Its realm is the site's. The errors are those
// of CheckGrants and tokenstore.Store.AddApplication.
func (s *Scheme) AddApplication(ctx context.Context, application tokenstore.Application, actor string) (tokenstore.Application, error) {
	b, err := s.open(ctx)
	if err != nil {
		return tokenstore.Application{}, err
	}
	if application.Grants, err = CheckGrants(application.Grants); err != nil {
		return tokenstore.Application{}, err
	}
	application.Realm = s.config.Realm
	return b.Store.AddApplication(ctx, application, actor)
}

// UpdateApplication changes an application. The errors are those of CheckGrants and
// tokenstore.Store.ChangeApplication.
func (s *Scheme) UpdateApplication(ctx context.Context, id string, change func(*tokenstore.Application) error, actor string) (tokenstore.Application, error) {
	b, err := s.open(ctx)
	if err != nil {
		return tokenstore.Application{}, err
	}
	return b.Store.ChangeApplication(ctx, s.config.Realm, id, actor, "updateApplication", func(a *tokenstore.Application) error {
		if err := change(a); err != nil {
			return err
		}
		grants, err := CheckGrants(a.Grants)
		a.Grants = grants
		return err
	})
}

// applicationOf is an application with the account of the call. tokenstore.ErrNotFound
// says that there is no such application; other errors are for the client.
func (s *Scheme) applicationOf(call *schemes.Call, id string) (*account, *schemes.Backend, tokenstore.Application, error) {
	account, b, err := s.accountFor(call)
	if err != nil {
		return nil, nil, tokenstore.Application{}, err
	}
	application, err := b.Store.ApplicationByID(call.Request.Context(), s.config.Realm, id)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return nil, nil, application, tokenstore.ErrNotFound
	case err != nil:
		return nil, nil, application, schemes.Unavailable(err)
	}
	return account, b, application, nil
}

// listPage is how many applications are read at a time.
const listPage = 200

// serveApplications is GET /applications: all for the owner, and for another application
// those that it manages.
func (s *Scheme) serveApplications(w http.ResponseWriter, call *schemes.Call) error {
	account, b, err := s.accountFor(call)
	if err != nil {
		return err
	}
	all := []applicationView{}
	for after, more := "", true; more; more = after != "" {
		var page []tokenstore.Application
		if page, after, err = b.Store.Applications(call.Request.Context(), s.config.Realm, after, listPage); err != nil {
			return schemes.Unavailable(err)
		}
		for _, application := range page {
			if isGranted(call.Identity, privilegeManage, application.ID) {
				all = append(all, viewOf(application, account.Account))
			}
		}
	}
	return s.reply(w, call, all)
}

// serveApplication is GET /applications/{id}.
func (s *Scheme) serveApplication(w http.ResponseWriter, call *schemes.Call) error {
	id := s.routeOf(call).Param("application")
	account, _, application, err := s.applicationOf(call, id)
	if errors.Is(err, tokenstore.ErrNotFound) {
		return unknownApplication(http.StatusNotFound, id)
	}
	if err != nil {
		return err
	}
	return s.reply(w, call, viewOf(application, account.Account))
}

// serveSetUp is GET /applications/{id}/setup: the owner lets an application in.
func (s *Scheme) serveSetUp(w http.ResponseWriter, call *schemes.Call) error {
	return s.enrol(w, call, true)
}

// serveDisable is GET /applications/{id}/disable.
func (s *Scheme) serveDisable(w http.ResponseWriter, call *schemes.Call) error {
	return s.enrol(w, call, false)
}

func (s *Scheme) enrol(w http.ResponseWriter, call *schemes.Call, enabled bool) error {
	ctx := call.Request.Context()
	id := s.routeOf(call).Param("application")
	b, err := s.open(ctx)
	if err != nil {
		return schemes.Unavailable(err)
	}
	account, application, err := b.Store.Enrol(ctx, s.config.Realm, call.Host, id, enabled, func(application tokenstore.Application, account tokenstore.Account) error {
		if enabled {
			return maySetUp(call.Identity, application, account)
		}
		return nil
	}, actorOf(call))
	var refusal *schemes.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, tokenstore.ErrNotFound):
		return unknownApplication(http.StatusBadRequest, id)
	case errors.Is(err, tokenstore.ErrInvalid):
		return controllerRefusal(http.StatusBadRequest, schemes.Conflict, "Bad Request", "The application is not set up on this account, or the account has too many")
	case err != nil:
		return schemes.Unavailable(err)
	}
	return s.reply(w, call, viewOf(application, account))
}

// maySetUp denies what would undo a disabling: what the operator disabled nobody sets up,
// and what the owner disabled no other application does.
func maySetUp(identity *schemes.Identity, application tokenstore.Application, account tokenstore.Account) error {
	enrolment, _ := account.Enrolment(application)
	switch {
	case application.Disabled:
		return controllerRefusal(http.StatusBadRequest, schemes.Conflict, "Bad Request", "The operator has disabled this application")
	case !enrolment.DisabledAt.IsZero() && identity.Kind != kindOwner:
		return deny("The owner has disabled this application, and alone can set it up again")
	}
	return nil
}

// servePublicHMI is GET /applications/{id}/hmi: what a stranger is shown before signing
// in. Who has signed in is refused, as by the original.
func (s *Scheme) servePublicHMI(w http.ResponseWriter, call *schemes.Call) error {
	if call.Identity != nil {
		return forbidden()
	}
	id := s.routeOf(call).Param("application")
	account, _, application, err := s.applicationOf(call, id)
	if errors.Is(err, tokenstore.ErrNotFound) || err == nil && application.Disabled {
		return unknownApplicationPage(id)
	}
	if err != nil {
		return err
	}
	return s.reply(w, call, viewOf(application, account.Account).Application)
}

// isSetUp tells how an application stands on an account.
func isSetUp(application tokenstore.Application, account tokenstore.Account) (setUp, enabled bool) {
	enrolment, ok := account.Enrolment(application)
	return ok, ok && enrolment.DisabledAt.IsZero() && !application.Disabled
}
