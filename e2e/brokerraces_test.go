package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/e2e/harness"
)

// answered counts answers by their status.
func answered(all []harness.Answer) map[int]int {
	counts := make(map[int]int)
	for _, got := range all {
		counts[got.Status]++
	}
	return counts
}

// tokensIn are the tokens of all answers, each once.
func tokensIn(all []harness.Answer) []string {
	var tokens []string
	for _, got := range all {
		tokens = append(tokens, brokerToken.FindAllString(got.Body, -1)...)
	}
	return tokens
}

// goodOf counts the tokens that are good on a call.
func (b *brokerage) goodOf(t *testing.T, tokens []string, target string) int {
	t.Helper()
	good := 0
	for _, token := range tokens {
		switch got := b.ask(t, "GET", target, token, ""); got.Status {
		case 200:
			good++
		case 401, 403, 404:
		default:
			t.Errorf("a token is answered %d %s", got.Status, got.Body)
		}
	}
	return good
}

// wantOneGood fails unless one token of all at once is good, and none after the end of what
// it is for; and again after a kill.
func (b *brokerage) wantOneGood(t *testing.T, all []harness.Answer, target string, end func()) {
	t.Helper()
	tokens := tokensIn(all)
	if good := b.goodOf(t, tokens, target); good != 1 {
		t.Errorf("%d of %d tokens are good (%v), want one", good, len(tokens), answered(all))
	}
	end()
	if good := b.goodOf(t, tokens, target); good != 0 {
		t.Errorf("%d of %d tokens are good after the end", good, len(tokens))
	}
	b.Kill()
	b.Run()
	if good := b.goodOf(t, tokens, target); good != 0 {
		t.Errorf("%d of %d tokens are good after a kill", good, len(tokens))
	}
}

const racers = 16

// together makes calls of the coordinator API at once.
func (b *brokerage) together(t *testing.T, n int, call func(i int) (method, path, body string)) []harness.Answer {
	t.Helper()
	all := make([]harness.Answer, n)
	atOnce(n, func(i int) {
		method, path, body := call(i)
		all[i] = b.ask(t, method, coordinatorAPI+path, b.token, body)
	})
	return all
}

func TestParallelPromotionsLeaveOneToken(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		alice := b.createUser(t, "alice@example.com")
		all := b.together(t, racers, func(int) (string, string, string) { return "POST", alice + "/coordinator", "" })
		counts := answered(all)
		if !b.front && (counts[200] != 1 || counts[409] != racers-1) {
			t.Errorf("the promotions are answered %v", counts)
		}
		b.wantOneGood(t, all, asCoordinator, func() { b.admin(t, 204, "DELETE", alice+"/coordinator", "") })
		for range 3 {
			all = b.together(t, racers, func(i int) (string, string, string) {
				return []string{"POST", "DELETE"}[i%2], alice + "/coordinator", ""
			})
			if good := b.goodOf(t, tokensIn(all), asCoordinator); good > 1 {
				t.Errorf("promoted and demoted at once: %d tokens are good", good)
			}
			b.ask(t, "DELETE", coordinatorAPI+alice+"/coordinator", b.token, "")
			if good := b.goodOf(t, tokensIn(all), asCoordinator); good != 0 {
				t.Errorf("demoted at the end: %d tokens are good", good)
			}
		}
	})
}

func TestParallelReissuesLeaveOneToken(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		b.createPolicy(t, "open-data")
		bob := b.createUser(t, "bob@example.com")
		first := b.granted(t, bob, "open-data")
		all := b.together(t, racers, func(int) (string, string, string) { return "PUT", bob + "/access/open-data", "" })
		if counts := answered(all); counts[200] == 0 || !b.front && counts[200] != racers {
			t.Errorf("the reissues are answered %v", counts)
		}
		if b.goodOf(t, []string{first}, asConsumer) != 0 {
			t.Error("the token before is good")
		}
		b.wantOneGood(t, all, asConsumer, func() { b.admin(t, 204, "DELETE", bob+"/access/open-data", "") })
	})
}

func TestParallelCreationsLeaveOneToken(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		b.createPolicy(t, "open-data")
		b.admin(t, 201, "POST", "/entity/country", entityBody)
		bob := b.createUser(t, "bob@example.com")

		accesses := b.together(t, racers, func(int) (string, string, string) { return "POST", bob + "/access/open-data", "" })
		if counts := answered(accesses); counts[201] != 1 {
			t.Errorf("the accesses are answered %v", counts)
		}
		b.wantOneGood(t, accesses, asConsumer, func() { b.admin(t, 204, "DELETE", bob, "") })

		connectors := b.together(t, racers, func(int) (string, string, string) { return "POST", "/entity/country/connector/atlas", described })
		if counts := answered(connectors); counts[201] != 1 {
			t.Errorf("the connectors are answered %v", counts)
		}
		target := connector{ID: harness.ContributionID("country", "atlas", harness.BrokerSecret)}.session()
		b.wantOneGood(t, connectors, target, func() { b.admin(t, 204, "DELETE", "/entity/country", "") })

		users := b.together(t, racers, func(int) (string, string, string) {
			return "POST", "/user", `{"name":"Carol","email":"carol@example.com","organization":"Example"}`
		})
		if counts := answered(users); counts[201] != 1 || counts[409] != racers-1 {
			t.Errorf("users of one address are answered %v", counts)
		}
	})
}

// Whatever is deleted while a token for it is made, no token outlives it.
func TestDeletionsWinOverCreations(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		for round := range 4 {
			policy, entity := fmt.Sprintf("policy-%d", round), fmt.Sprintf("entity-%d", round)
			b.createPolicy(t, policy)
			b.admin(t, 201, "POST", "/entity/"+entity, entityBody)
			user := b.createUser(t, fmt.Sprintf("user-%d@example.com", round))
			granted := b.granted(t, user, policy)
			slug := fmt.Sprintf("con-%d", round)
			session := connector{ID: harness.ContributionID(entity, slug, harness.BrokerSecret)}.session()
			calls := [][3]string{
				{"PUT", user + "/access/" + policy, ""},
				{"PUT", user + "/access/" + policy, ""},
				{"DELETE", "/policy/" + policy, ""},
				{"POST", user + "/coordinator", ""},
				{"DELETE", user, ""},
				{"POST", "/entity/" + entity + "/connector/" + slug, described},
				{"DELETE", "/entity/" + entity, ""},
				{"PUT", user + "/access/" + policy, ""},
			}
			all := b.together(t, len(calls), func(i int) (string, string, string) { return calls[i][0], calls[i][1], calls[i][2] })
			// Once more, in case that the deletion came first and found nothing.
			for _, path := range []string{user, "/policy/" + policy, "/entity/" + entity} {
				b.ask(t, "DELETE", coordinatorAPI+path, b.token, "")
			}
			tokens := append(tokensIn(all), granted)
			for _, target := range []string{asConsumer, asCoordinator, session} {
				if good := b.goodOf(t, tokens, target); good != 0 {
					t.Errorf("round %d: %d of %d tokens are good on %s (%v)", round, good, len(tokens), target, answered(all))
				}
			}
			// Made anew, nothing comes back.
			b.createPolicy(t, policy)
			b.admin(t, 201, "POST", "/entity/"+entity, entityBody)
			b.createConnector(t, entity, slug)
			for _, target := range []string{asConsumer, asCoordinator, session} {
				if good := b.goodOf(t, tokens, target); good != 0 {
					t.Errorf("round %d, made anew: %d of %d tokens are good on %s", round, good, len(tokens), target)
				}
			}
		}
	})
}

// A mint whose answer comes after the deletion of what it is for is not bound.
func TestMintFromBeforeADeletionIsNotBoundAfterIt(t *testing.T) {
	b := startBrokerageInFront(t, brokerFrontSite)
	b.createPolicy(t, "open-data")
	bob := b.createUser(t, "bob@example.com")
	for _, tc := range []struct {
		name         string
		method, path string
		target       string
		end          []string // paths that are deleted meanwhile
		again        func()   // what makes them anew, still meanwhile
	}{
		{"access", "POST", bob + "/access/open-data", asConsumer, []string{"/policy/open-data"}, func() { b.createPolicy(t, "open-data") }},
		{"promotion", "POST", bob + "/coordinator", asCoordinator, []string{bob}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			minted, release := make(chan struct{}), make(chan struct{})
			var once sync.Once
			b.server.Pause(func(string) {
				held := false
				once.Do(func() { held = true })
				if held {
					close(minted)
					<-release
				}
			})
			done := make(chan harness.Answer, 1)
			go func() { done <- b.ask(t, tc.method, coordinatorAPI+tc.path, b.token, "") }()
			<-minted
			for _, path := range tc.end {
				b.admin(t, 204, "DELETE", path, "")
			}
			if tc.again != nil {
				tc.again()
			}
			close(release)
			got := <-done
			b.server.Pause(nil)
			for _, token := range brokerToken.FindAllString(got.Body, -1) {
				if good := b.goodOf(t, []string{token}, tc.target); good != 0 {
					t.Errorf("a token that was minted before the deletion is good after it (%d)", got.Status)
				}
			}
		})
	}
}

// Two coordinators who demote each other at once do not leave none.
func TestParallelDemotionsLeaveACoordinator(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		for round := range 4 {
			alice := b.createUser(t, fmt.Sprintf("alice-%d@example.com", round))
			byAlice := *b
			byAlice.token = b.promoted(t, alice)
			self := "/user/1"
			if round > 0 {
				self = b.whoami(t)
			}
			var one, two harness.Answer
			atOnce(2, func(i int) {
				if i == 0 {
					one = b.ask(t, "DELETE", coordinatorAPI+alice+"/coordinator", b.token, "")
				} else {
					two = byAlice.ask(t, "DELETE", coordinatorAPI+self+"/coordinator", byAlice.token, "")
				}
			})
			good := b.goodOf(t, []string{b.token, byAlice.token}, asCoordinator)
			if good == 0 {
				t.Fatalf("both demotions won: %d and %d", one.Status, two.Status)
			}
			if b.ask(t, "GET", asCoordinator, b.token, "").Status != 200 {
				b.token = byAlice.token
			}
		}
	})
}

// whoami is the path of the user that is the only coordinator with the token that calls.
func (b *brokerage) whoami(t *testing.T) string {
	t.Helper()
	for id := 1; id < 20; id++ {
		path := fmt.Sprintf("/user/%d", id)
		if b.ask(t, "DELETE", coordinatorAPI+path+"/coordinator", b.token, "").Status == 405 {
			return path
		}
	}
	t.Fatal("nobody is refused to demote itself")
	return ""
}

// A token is refused at the first call after the answer that ended it, however many calls
// there are meanwhile.
func TestEndOfATokenHoldsAtOnceUnderLoad(t *testing.T) {
	inBothModes(t, func(t *testing.T, b *brokerage) {
		b.createPolicy(t, "open-data")
		bob := b.createUser(t, "bob@example.com")
		token := b.granted(t, bob, "open-data")
		for range 5 {
			stop := make(chan struct{})
			var callers sync.WaitGroup
			for range 4 {
				callers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							b.ask(t, "GET", asConsumer, token, "")
						}
					}
				})
			}
			next := tokenOf(t, b.admin(t, 200, "PUT", bob+"/access/open-data", ""))
			got := b.ask(t, "GET", asConsumer, token, "")
			close(stop)
			callers.Wait()
			if got.Status != 403 {
				t.Errorf("after the answer the old token gets %d %s", got.Status, strings.TrimSpace(got.Body))
			}
			token = next
		}
	})
}
