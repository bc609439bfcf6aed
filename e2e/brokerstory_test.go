package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// rescinded is a token that was good, with the call it was good for and how it is refused
// since.
type rescinded struct {
	what, token, target string
	status              int
}

// goneOrMadeAnew is the status of a token of a connector that is gone: 404, and once another
// of its name is there 403 may tell of the rescission.
const goneOrMadeAnew = 0

// wantEnded fails unless every token is refused as it should be.
func (b *brokerage) wantEnded(t *testing.T, when string, all []rescinded) {
	t.Helper()
	for _, e := range all {
		b.upstream.Forget()
		got := b.ask(t, "GET", e.target, e.token, "")
		if e.status == goneOrMadeAnew && got.Status == 403 {
			e.status = 403
		} else if e.status == goneOrMadeAnew {
			e.status = 404
		}
		if got.Status != e.status || got.Body != brokerError(e.status) {
			t.Errorf("%s, %s: got %d %s, want %d", when, e.what, got.Status, got.Body, e.status)
		}
		b.wantNothingUpstream(t)
	}
}

// A coordinator's, a contributor's and a consumer's way as BitBroker's documentation tells
// it, over stops and kills of the gateway: what was rescinded stays so, and what was given
// stays good.
func TestStoryOfABitBroker(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		var over []rescinded
		restart := func(when string, end func()) {
			t.Helper()
			end()
			b.Run()
			b.wantEnded(t, "after "+when, over)
		}

		// A user is created, and promoted.
		alice := b.createUser(t, "alice@example.com")
		coordinator := b.promoted(t, alice)
		b.must(t, 200, "GET", asCoordinator, coordinator, "")
		if got := b.admin(t, 200, "GET", alice, ""); !strings.Contains(got.Body, `"coordinator":true`) {
			t.Errorf("the user is %s", got.Body)
		}
		restart("the promotion", b.Kill)
		b.must(t, 200, "GET", asCoordinator, coordinator, "")

		// The new coordinator makes a connector, and its holder contributes.
		byAlice := *b
		byAlice.token = coordinator
		byAlice.admin(t, 201, "POST", "/entity/country", entityBody)
		c := byAlice.createConnector(t, "country", "atlas")
		restart("the connector was made", b.Kill)
		open := b.must(t, 200, "GET", c.session(), c.Token, "")
		session := strings.Trim(strings.TrimSpace(open.Body), `"`)
		wantSeen(t, b.upstream.Last(t), "atlas", "")
		at := contributorAPI + "/connector/" + c.ID + "/session/" + session
		b.must(t, 200, "POST", at+"/upsert", c.Token, `[{"id":"fr","name":"France"}]`)
		b.must(t, 200, "GET", at+"/close/true", c.Token, "")
		// What the server says of a session is the server's to say.
		if got := b.must(t, 401, "POST", at+"/upsert", c.Token, `[]`); len(b.upstream.Requests()) == 0 || !strings.Contains(got.Body, "Unauthorized") {
			t.Errorf("the server's own 401 is answered %s", got.Body)
		}

		// A policy, a user's access to it, and its use.
		byAlice.createPolicy(t, "open-data")
		bob := byAlice.createUser(t, "bob@example.com")
		consumer := byAlice.granted(t, bob, "open-data")
		if got := b.must(t, 200, "GET", asConsumer+"?q=%7B%7D", consumer, ""); !strings.Contains(got.Body, "France") {
			t.Errorf("consuming answers %s", got.Body)
		}
		seen := b.upstream.Last(t)
		wantSeen(t, seen, "open-data", "consumer:open-data")
		if seen.Line != "GET "+asConsumer+"?q=%7B%7D HTTP/1.1" || seen.Host != b.Gate {
			t.Errorf("the server sees %q for %q", seen.Line, seen.Host)
		}

		// It is reissued.
		reissued := tokenOf(t, byAlice.admin(t, 200, "PUT", bob+"/access/open-data", ""))
		over = append(over, rescinded{"a reissued token", consumer, asConsumer, 403})
		b.wantEnded(t, "at once", over)
		b.must(t, 200, "GET", asConsumer, reissued, "")
		restart("the reissue", b.Kill)
		b.must(t, 200, "GET", asConsumer, reissued, "")

		// Alice is demoted, and promoted again.
		b.admin(t, 204, "DELETE", alice+"/coordinator", "")
		over = append(over, rescinded{"a demoted coordinator's token", coordinator, asCoordinator, 403})
		b.wantEnded(t, "at once", over)
		restart("the demotion", b.Stop)
		b.must(t, 200, "GET", asConsumer, reissued, "")
		again := b.promoted(t, alice)
		if again == coordinator {
			t.Error("the second promotion gives the first token")
		}
		b.must(t, 200, "GET", asCoordinator, again, "")
		b.wantEnded(t, "after the second promotion", over)

		// The access goes, and comes again.
		b.admin(t, 204, "DELETE", bob+"/access/open-data", "")
		over = append(over, rescinded{"a deleted access's token", reissued, asConsumer, 403})
		third := b.granted(t, bob, "open-data")
		b.wantEnded(t, "after a new access", over)

		// The policy goes, and comes again.
		b.admin(t, 204, "DELETE", "/policy/open-data", "")
		over = append(over, rescinded{"a deleted policy's token", third, asConsumer, 403})
		b.wantEnded(t, "without the policy", over)
		b.createPolicy(t, "open-data")
		b.wantEnded(t, "with a policy of the same name", over)
		restart("that", b.Kill)
		fourth := b.granted(t, bob, "open-data")

		// The connector goes, and comes again with the same contribution id.
		b.admin(t, 204, "DELETE", "/entity/country/connector/atlas", "")
		over = append(over, rescinded{"a deleted connector's token", c.Token, c.session(), 404})
		b.wantEnded(t, "without the connector", over)
		next := b.createConnector(t, "country", "atlas")
		if next.ID != c.ID || next.Token == c.Token {
			t.Errorf("the connector made anew has %v", next)
		}
		over[len(over)-1].status = goneOrMadeAnew
		b.wantEnded(t, "with a connector of the same name", over)
		b.must(t, 200, "GET", next.session(), next.Token, "")

		// So does the entity type.
		b.admin(t, 204, "DELETE", "/entity/country", "")
		over = append(over, rescinded{"a deleted entity type's token", next.Token, next.session(), 404})
		b.wantEnded(t, "without the entity type", over)
		b.admin(t, 201, "POST", "/entity/country", entityBody)
		last := b.createConnector(t, "country", "atlas")
		over[len(over)-1].status = goneOrMadeAnew
		b.wantEnded(t, "with an entity type of the same name", over)
		b.must(t, 200, "GET", last.session(), last.Token, "")

		// The users go with all of their tokens.
		b.admin(t, 204, "DELETE", bob, "")
		b.admin(t, 204, "DELETE", alice, "")
		over = append(over,
			rescinded{"a deleted user's consumer token", fourth, asConsumer, 403},
			rescinded{"a deleted user's coordinator token", again, asCoordinator, 403})
		restart("the users' end", b.Kill)
		b.must(t, 200, "GET", asCoordinator, b.token, "")
		b.must(t, 200, "GET", last.session(), last.Token, "")

		// And the first coordinator stays.
		b.refused(t, 405, "DELETE", coordinatorAPI+"/user/1/coordinator", b.token)
		b.refused(t, 405, "DELETE", coordinatorAPI+"/user/1", b.token)
		b.must(t, 200, "GET", asCoordinator, b.token, "")
	})
}

// The last coordinator stays one, whoever asks.
func TestLastCoordinatorStays(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		alice := b.createUser(t, "alice@example.com")
		byAlice := *b
		byAlice.token = b.promoted(t, alice)
		byAlice.admin(t, 204, "DELETE", "/user/1/coordinator", "")
		b.wantEnded(t, "after a demotion by another", []rescinded{{"the first coordinator", b.token, asCoordinator, 403}})
		byAlice.refused(t, 405, "DELETE", coordinatorAPI+alice+"/coordinator", byAlice.token)
		byAlice.refused(t, 405, "DELETE", coordinatorAPI+strings.ToUpper(alice)+"/COORDINATOR/", byAlice.token)
		byAlice.refused(t, 405, "DELETE", coordinatorAPI+strings.Replace(alice, "/user/", "/user/00", 1)+"/coordinator", byAlice.token)
		byAlice.refused(t, 405, "DELETE", coordinatorAPI+alice, byAlice.token)
		// A command makes a further one, who may then demote the other.
		var second *brokerage
		if b.front {
			bob := byAlice.createUser(t, "bob@example.com")
			other := *b
			other.token = b.firstCoordinator(t, "create", "--user", strings.TrimPrefix(bob, "/user/"))
			second = &other
		} else {
			other := *b
			other.token = b.firstCoordinator(t, "create", "bob@example.com", "--name", "Bob", "--organization", "Example")
			second = &other
		}
		second.admin(t, 204, "DELETE", alice+"/coordinator", "")
		second.must(t, 200, "GET", asCoordinator, second.token, "")
	})
}

func TestCoordinatorMayDeleteItselfWhereTheSiteAllowsIt(t *testing.T) {
	for _, site := range []struct {
		name  string
		start func(*testing.T, string) *brokerage
		text  string
	}{{"standalone", startBrokerage, brokerSite}, {"in front", startBrokerageInFront, brokerFrontSite}} {
		t.Run(site.name, func(t *testing.T) {
			b := site.start(t, brokerWith(site.text, "allow_self_delete"))
			b.refused(t, 409, "DELETE", coordinatorAPI+"/user/1", b.token) // it is the last one
			alice := b.createUser(t, "alice@example.com")
			byAlice := *b
			byAlice.token = b.promoted(t, alice)
			byAlice.refused(t, 405, "DELETE", coordinatorAPI+alice+"/coordinator", byAlice.token)
			byAlice.admin(t, 204, "DELETE", alice, "")
			b.wantEnded(t, "after that", []rescinded{{"its own token", byAlice.token, asCoordinator, 403}})
		})
	}
}

// Each API takes the tokens of its own set, and the refusals are those that were decided.
func TestTokensOfOneSetAreRefusedOnTheOthers(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		b.admin(t, 201, "POST", "/entity/country", entityBody)
		c, other := b.createConnector(t, "country", "atlas"), b.createConnector(t, "country", "gazette")
		b.createPolicy(t, "open-data")
		consumer := b.granted(t, b.createUser(t, "bob@example.com"), "open-data")
		for _, tc := range []struct {
			name, token, target string
			status              int
		}{
			{"coordinator", b.token, asCoordinator, 200},
			{"coordinator, announcement", b.token, coordinatorAPI, 200},
			{"coordinator as contributor", b.token, c.session(), 401},
			{"coordinator as contributor, announcement", b.token, contributorAPI, 401},
			{"coordinator as consumer", b.token, asConsumer, 401},
			{"coordinator as consumer, announcement", b.token, consumerAPI, 401},
			{"contributor", c.Token, c.session(), 200},
			{"contributor, announcement", c.Token, contributorAPI, 200},
			{"contributor as coordinator", c.Token, asCoordinator, 401},
			{"contributor as coordinator, announcement", c.Token, coordinatorAPI, 401},
			{"contributor as consumer", c.Token, asConsumer, 401},
			{"contributor as another one", c.Token, other.session(), 404},
			{"contributor as nobody", c.Token, contributorAPI + "/connector/" + strings.Repeat("0", 40) + "/session/open/accrue", 404},
			{"contributor, elsewhere", c.Token, contributorAPI + "/elsewhere", 404},
			{"consumer", consumer, asConsumer, 200},
			{"consumer, announcement", consumer, consumerAPI, 200},
			{"consumer as coordinator", consumer, asCoordinator, 401},
			{"consumer as contributor", consumer, c.session(), 401},
			{"nobody as coordinator", "", asCoordinator, 401},
			{"nobody as contributor", "", c.session(), 401},
			{"nobody as consumer", "", asConsumer, 401},
			{"nobody, announcement", "", consumerAPI, 401},
		} {
			t.Run(tc.name, func(t *testing.T) {
				if tc.status != 200 {
					b.refused(t, tc.status, "GET", tc.target, tc.token)
					return
				}
				b.must(t, 200, "GET", tc.target, tc.token, "")
			})
		}
	})
}

// A contributor's token is lost: a new one comes without the records' loss.
func TestConnectorsTokenIsRotatedInPlace(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		b.admin(t, 201, "POST", "/entity/country", entityBody)
		c := b.createConnector(t, "country", "atlas")
		b.upstream.Forget()
		second := tokenOf(t, b.admin(t, 200, "PUT", "/entity/country/connector/atlas/token", ""))
		b.wantNothingUpstream(t)
		over := []rescinded{{"the token before", c.Token, c.session(), 403}}
		b.wantEnded(t, "after the rotation", over)
		b.must(t, 200, "GET", c.session(), second, "")
		out := b.Gatehouse("connector", "rotate", "country", "atlas", "--old-expires-in", "24h")
		third := brokerToken.FindString(out)
		b.must(t, 200, "GET", c.session(), third, "")
		b.must(t, 200, "GET", c.session(), second, "") // in its overlap
		b.Kill()
		b.Run()
		b.wantEnded(t, "after a kill", over)
		b.must(t, 200, "GET", c.session(), third, "")
		b.must(t, 200, "GET", c.session(), second, "")
		b.admin(t, 404, "PUT", "/entity/country/connector/none/token", "")
		b.admin(t, 404, "PUT", "/entity/none/connector/atlas/token", "")
	})
}

// Where a site allows an overlap, the token before a reissued one is good for as long.
func TestReissuedTokenOverlapsWhereTheSiteSaysSo(t *testing.T) {
	b := startBrokerage(t, brokerWith(brokerSite, "reissue_overlap 3s"))
	b.createPolicy(t, "open-data")
	bob := b.createUser(t, "bob@example.com")
	first := b.granted(t, bob, "open-data")
	began := time.Now()
	second := tokenOf(t, b.admin(t, 200, "PUT", bob+"/access/open-data", ""))
	got := b.ask(t, "GET", asConsumer, first, "")
	if got.Status != 200 && time.Since(began) < 3*time.Second {
		t.Errorf("in the overlap: got %d", got.Status)
	}
	third := tokenOf(t, b.admin(t, 200, "PUT", bob+"/access/open-data", ""))
	if got := b.ask(t, "GET", asConsumer, first, ""); got.Status != 401 && got.Status != 403 {
		t.Errorf("the token before the one before: got %d", got.Status)
	}
	harness.Eventually(t, "the overlap ends", func() bool {
		return b.ask(t, "GET", asConsumer, second, "").Status != 200
	})
	b.must(t, 200, "GET", asConsumer, third, "")
	b.admin(t, 204, "DELETE", bob+"/access/open-data", "")
	b.wantEnded(t, "after the deletion", []rescinded{{"the last token", third, asConsumer, 403}})
}

func TestFirstCoordinatorsTokenEnds(t *testing.T) {
	b := launchBrokerage(t, brokerSite, harness.StartDataServer(t), nil)
	token := b.firstCoordinator(t, "create", "admin@example.com", "--name", "Admin", "--organization", "Example", "--lifetime", "2s")
	harness.Eventually(t, "the token ends", func() bool { return b.ask(t, "GET", asCoordinator, token, "").Status == 401 })
	// The command is the way back.
	token = b.firstCoordinator(t, "create", "admin@example.com", "--name", "Admin", "--organization", "Example")
	b.must(t, 200, "GET", asCoordinator, token, "")
	if out := b.Gatehouse("coordinator", "list"); !strings.Contains(out, "admin@example.com") || brokerToken.MatchString(out) {
		t.Errorf("coordinator list prints\n%s", out)
	}
}
