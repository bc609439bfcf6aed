package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tokenstore"
)

// StoreWorkload is the workload for the typed layer: several writers, each of whom
// leads one recipient after the other through a whole life.
func StoreWorkload(f Factory) Workload {
	open := func(location string) (*tokenstore.Store, error) {
		driver, err := f.Open(location)
		if err != nil {
			return nil, err
		}
		return tokenstore.New(driver, tokenstore.Options{Clock: newClock().now}), nil
	}
	return Workload{
		Name: "store",
		Run: func(location string, ack func(string)) error {
			store, err := open(location)
			if err != nil {
				return err
			}
			failed := make(chan error)
			for writer := range crashWriters {
				go func() { failed <- crashLives(store, writer, ack) }()
			}
			return <-failed
		},
		Check: func(t *testing.T, location string, acked []string) {
			store, err := open(location)
			if err != nil {
				t.Fatalf("opening after a crash: %v", err)
			}
			defer func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}()
			checkLives(t, store, acked)
		},
	}
}

// stage is one operation in the life of a recipient, on a store and in a ledger.
type stage struct {
	store  func(context.Context, *tokenstore.Store) error
	ledger func(*ledger) error
}

// life is what happens to a recipient, in this order. Its realm has its name, which
// begins with how it authenticates.
func life(name string) []stage {
	switch name[0] {
	case 'c':
		return clientLife(name)
	case 'i':
		return importedLifeOf(name)
	case 'p':
		return personalLife(name)
	default:
		return bearerLife(name)
	}
}

func bearerLife(name string) []stage {
	return []stage{
		createStage(name, tokenstore.BearerTokens),
		activateStage(name, name, tokenstore.BearerToken),
		rotateStage(name, name+"-second", time.Hour),
		activateStage(name, name+"-second", tokenstore.BearerToken),
		revokeTokenStage(name),
		rotateStage(name, name+"-third", time.Minute),
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, _, err := s.Shorten(ctx, name, name, time.Second, nil, actor)
				return err
			},
			func(l *ledger) error { l.shorten(l.owner(name, name), time.Second); return nil },
		},
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.Revoke(ctx, name, name, actor)
				return err
			},
			func(l *ledger) error { l.revoke(l.owner(name, name)); return nil },
		},
		rotateStage(name, name+"-fourth", 0),
		activateStage(name, name+"-fourth", tokenstore.BearerToken),
		{
			func(ctx context.Context, s *tokenstore.Store) error { return s.RevokeRealm(ctx, name, actor) },
			func(l *ledger) error { l.revokeRealm(name); return nil },
		},
		deleteStage(name),
	}
}

// clientLife is that of an OAuth client.
func clientLife(name string) []stage {
	return []stage{
		createStage(name, tokenstore.ClientCredentials),
		activateStage(name, name, tokenstore.ClientSecret),
		issueStage(name, name, name+"-access"),
		rotateStage(name, name+"-second", time.Hour),
		issueStage(name, name, name+"-overlap"),
		activateStage(name, name+"-second", tokenstore.ClientSecret),
		issueStage(name, name+"-second", name+"-new"),
		revokeTokenStage(name), // with what it issued
		deleteStage(name),
	}
}

// importedLifeOf is that of a recipient that brings its token.
func importedLifeOf(name string) []stage {
	return []stage{
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				n := importedAs(name)
				n.ID, n.Realm = name, name
				_, _, _, err := s.ImportRecipients(ctx, []tokenstore.NewRecipient{n}, actor)
				return err
			},
			func(l *ledger) error { return l.bring(name, name, name, *importedAs(name).Imported) },
		},
		rotateStage(name, name+"-own", time.Hour),
		activateStage(name, name+"-own", tokenstore.BearerToken),
		revokeTokenStage(name),
		deleteStage(name),
	}
}

// personalLife is that of a personal data account, whose realm, host and application have
// its name.
func personalLife(name string) []stage {
	estateOf := func(l *ledger) *estate { return l.house.estate(name, name) }
	ask := func(parent, family string) stage {
		digest := familyOf(name + parent)
		n := child(tokenstore.Account{Realm: name, Host: name}, &digest, name+family, tokenstore.ApplicationScope)
		n.Application = name
		return stage{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.StartFamily(ctx, n, actor)
				return err
			},
			func(l *ledger) error {
				return l.house.ask(estateOf(l), l.house.family(name+parent), n.Scope, name, n.Accessor, n.Lifetime, false)
			},
		}
	}
	signInFor := func(family string) stage {
		return stage{
			func(ctx context.Context, s *tokenstore.Store) error {
				account, _, _, err := s.AccountByHost(ctx, name, name)
				if err == nil {
					_, err = s.StartFamily(ctx, signIn(account, name+family), actor)
				}
				return err
			},
			func(l *ledger) error {
				return l.house.signIn(estateOf(l), estateOf(l).ends, name+family, familyLife)
			},
		}
	}
	return []stage{
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.CreateAccount(ctx, accountOf(name, name), keysOf(name), actor)
				return err
			},
			func(l *ledger) error { return l.house.open(accountOf(name, name).ID, name, name) },
		},
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.AddApplication(ctx, applicationOf(name, name), actor)
				return err
			},
			func(l *ledger) error { return l.house.add(name, name) },
		},
		signInFor("-first"),
		ask("-first", "-child"),
		ask("-child", "-grandchild"),
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, _, err := s.Enrol(ctx, name, name, name, true, nil, actor)
				return err
			},
			func(l *ledger) error { return l.house.enrol(estateOf(l), l.house.program(name, name), true) },
		},
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.RevokeToken(ctx, name+"-child", actor)
				return err
			},
			func(l *ledger) error { l.house.revoke(l.house.family(name + "-child")); return nil },
		},
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.SetPassword(ctx, name, name, "hash of another", nil, actor)
				return err
			},
			func(l *ledger) error { l.house.endAll(estateOf(l)); return nil },
		},
		signInFor("-second"),
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				return s.SignOut(ctx, name, familyOf(name+"-second"), actor)
			},
			func(l *ledger) error { l.house.leave(l.house.family(name + "-second")); return nil },
		},
		{
			func(ctx context.Context, s *tokenstore.Store) error {
				_, err := s.DeleteAccount(ctx, name, name, actor)
				return err
			},
			func(l *ledger) error { l.house.remove(estateOf(l)); return nil },
		},
	}
}

func createStage(name string, auth tokenstore.Authentication) stage {
	return stage{
		func(ctx context.Context, s *tokenstore.Store) error {
			n := tokenstore.NewRecipient{ID: name, Realm: name, Name: name, Auth: auth, Link: link("%s", name)}
			_, err := s.CreateRecipient(ctx, n, actor)
			return err
		},
		func(l *ledger) error {
			return l.create(name, name, name, auth == tokenstore.ClientCredentials, link("%s", name))
		},
	}
}

func activateStage(name, link string, kind tokenstore.TokenKind) stage {
	return stage{
		func(ctx context.Context, s *tokenstore.Store) error {
			_, err := s.Activate(ctx, name, codeOf(link), tokenOf(link), kind, lifetime)
			return err
		},
		func(l *ledger) error { return l.activate(l.pass(link), tokenOf(link), lifetime) },
	}
}

func rotateStage(name, newLink string, old time.Duration) stage {
	r := tokenstore.Rotation{OldExpiresIn: old, MaxTokens: 2, Link: link("%s", newLink)}
	return stage{
		func(ctx context.Context, s *tokenstore.Store) error {
			_, _, err := s.Rotate(ctx, name, name, r, actor)
			return err
		},
		func(l *ledger) error { return l.rotate(l.owner(name, name), r) },
	}
}

func issueStage(name, secretLink, accessor string) stage {
	return stage{
		func(ctx context.Context, s *tokenstore.Store) error {
			_, err := s.IssueAccessToken(ctx, name, name, tokenOf(secretLink), tokenstore.NewAccessToken{
				Accessor: accessor, Digest: accessOf(accessor), Lifetime: time.Hour,
			})
			return err
		},
		func(l *ledger) error { return l.issue(l.pass(secretLink), accessor, accessOf(accessor), time.Hour) },
	}
}

// revokeTokenStage revokes the first token of a recipient.
func revokeTokenStage(name string) stage {
	return stage{
		func(ctx context.Context, s *tokenstore.Store) error {
			_, err := s.RevokeToken(ctx, name, actor)
			return err
		},
		func(l *ledger) error { return l.revokeToken(l.pass(name)) },
	}
}

func deleteStage(name string) stage {
	return stage{
		func(ctx context.Context, s *tokenstore.Store) error {
			_, err := s.DeleteRecipient(ctx, name, name, actor)
			return err
		},
		func(l *ledger) error { l.remove(l.owner(name, name)); return nil },
	}
}

// crashLives runs lives until an operation fails.
func crashLives(s *tokenstore.Store, writer int, ack func(string)) error {
	run := rand.Uint32()           // the names of a former run are taken
	for n := rand.IntN(4); ; n++ { // a run that is killed early has each kind of life, too
		name := fmt.Sprintf("%c-%d-%x-%d", "bcip"[n%4], writer, run, n)
		for i, stage := range life(name) {
			if err := stage.store(context.Background(), s); err != nil {
				return fmt.Errorf("stage %d of %s: %w", i, name, err)
			}
			ack(fmt.Sprint(name, " ", i))
		}
	}
}

// checkLives demands of each recipient that it is exactly where its last
// acknowledged stage left it, or one stage further: whole, with its audit.
func checkLives(t *testing.T, s *tokenstore.Store, acked []string) {
	reached := map[string]int{} // name -> stages that were acknowledged
	for _, line := range acked {
		var (
			name string
			i    int
		)
		if _, err := fmt.Sscan(line, &name, &i); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		reached[name] = max(reached[name], i+1)
	}
	audited := map[string]int{}
	for cursor := []byte(nil); ; {
		entries, next, err := s.Audit(t.Context(), cursor, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			audited[entry.Realm]++
			reached[entry.Realm] += 0 // also what was begun and never acknowledged
		}
		if cursor = next; next == nil {
			break
		}
	}
	for name, stages := range reached {
		l := &ledger{now: dawn, house: household{now: dawn}}
		for i, stage := range life(name) {
			if i == stages {
				break
			}
			if err := stage.ledger(l); err != nil {
				t.Fatalf("stage %d: %v", i, err)
			}
		}
		stands := cmp.Or(l.differences(t.Context(), s), l.house.differences(t.Context(), s))
		if stands == nil && len(l.audit)+len(l.house.audit) == audited[name] {
			continue
		}
		if stages == len(life(name)) {
			t.Errorf("%s ended with %d audit entries, and differs: %v", name, audited[name], stands)
			continue
		}
		if err := life(name)[stages].ledger(l); err != nil {
			t.Fatalf("stage %d: %v", stages, err)
		}
		further := cmp.Or(l.differences(t.Context(), s), l.house.differences(t.Context(), s))
		if further != nil || len(l.audit)+len(l.house.audit) != audited[name] {
			t.Errorf("%s is neither at stage %d (%v) nor at the next (%v); it has %d audit entries",
				name, stages, stands, further, audited[name])
		}
	}
}
