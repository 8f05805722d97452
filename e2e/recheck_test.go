package e2e_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store/storetest"
)

// S2: no revocation is answered while a transaction that has looked at the caller
// goes on. The transaction is held open by its store, after the second look; a
// second process revokes meanwhile. Where the revocation had to wait, it was
// right; where it was answered first, the rule must have done nothing.
func TestS2_NoRevocationIsAnsweredBesideATransactionThatGoesOn(t *testing.T) {
	type scene struct {
		one, two *harness.Server
		boss     harness.Person // the administrator who revokes
	}
	for name, prepare := range map[string]func(at scene) (asCaller harness.Set, revoke func()){
		"a key": func(at scene) (harness.Set, func()) {
			id, key := at.one.NewKey("secret")
			return harness.Key(key), func() {
				at.two.Do("DELETE", apiKeys+"/"+id, nil, harness.Bearer(at.boss.Access)).Want(http.StatusOK)
			}
		},
		"the role of whoever made the key": func(at scene) (harness.Set, func()) {
			maker := at.one.SignUp("maker@x.test")
			at.one.Role(maker.ID, "admin")
			made := makeKey(at.one, harness.J{}, harness.Bearer(at.one.SignIn("maker@x.test", harness.Password).Tokens().Access)).Want(http.StatusCreated)
			at.one.Keep("key", made.String("key"))
			return harness.Key(made.String("key")), func() {
				err := at.two.Auth.Users.SetRole(context.Background(), admit.SetRoleParams{UserID: maker.ID, Role: admit.RoleUser})
				if err != nil {
					at.two.T.Error(err)
				}
			}
		},
		"a session": func(at scene) (harness.Set, func()) {
			at.one.SignUp("other@x.test")
			other := at.one.SignUp("third@x.test")
			at.one.Role(other.ID, "admin")
			return harness.Bearer(other.Access), func() { at.two.SignOut(other.Access).Want(http.StatusOK) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
				var meanwhile atomic.Pointer[func()]
				var waits sync.WaitGroup
				var early atomic.Bool
				one := s.Process(func(c *admit.Config) {
					c.Store = storetest.Wrap(c.Store, func(ctx context.Context, verb string, call func(context.Context) error) error {
						var do *func()
						if verb == "CreateAPIKey" {
							do = meanwhile.Swap(nil)
						}
						if do != nil {
							done := make(chan struct{})
							waits.Go(func() {
								defer close(done)
								(*do)()
							})
							select {
							case <-done:
								early.Store(true)
							case <-time.After(300 * time.Millisecond): // it waits for this transaction
							}
						}
						return call(ctx)
					})
				})
				at := scene{one, s.Process(), s.Admin()}
				asCaller, revoke := prepare(at)
				meanwhile.Store(&revoke)
				answer := makeKey(one, harness.J{"name": "made beside a revocation"}, asCaller)
				waits.Wait()
				if meanwhile.Load() != nil {
					t.Fatalf("the rule did not reach its verb: %s", answer.Body)
				}
				if early.Load() && answer.Status == http.StatusCreated {
					t.Error("a key was made after the revocation had been answered")
				}
				if !early.Load() {
					one.Keep("key", answer.Want(http.StatusCreated).String("key"))
				}
				makeKey(one, harness.J{"name": "made after it"}, asCaller).Want(http.StatusUnauthorized)
			})
		})
	}
}
