package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

const (
	withdrawPath = "/v1/auth/withdraw"
	restorePath  = "/v1/auth/restore"
	// retention is the default of Config.Deletion.Retention.
	retention = 30 * 24 * time.Hour
)

// withdraw deletes the account of a person with the password.
func withdraw(s *harness.Server, p harness.Person) *harness.Answer {
	s.T.Helper()
	return s.Do("DELETE", withdrawPath, harness.J{"password": harness.Password}, harness.Bearer(p.Access))
}

// withdrawn deletes the account of a person and returns the token of the mail.
func withdrawn(s *harness.Server, p harness.Person) string {
	s.T.Helper()
	token := mailed(s, mailer.AccountWithdrawn, p.Email, func() { withdraw(s, p).Want(200) })
	s.Keep("token", token)
	return token
}

func restore(s *harness.Server, token string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", restorePath, harness.J{"token": token})
}

// withdrawFor is withdrawn for the subject of a flow.
func withdrawFor(s *harness.Server, p *subject) {
	p.token = mailed(s, mailer.AccountWithdrawn, p.email, func() {
		err := s.Auth.Withdrawals.Withdraw(context.Background(), admit.WithdrawParams{UserID: p.signed.User.ID, Password: strongPassword})
		if err != nil {
			s.T.Fatal(err)
		}
	})
}

func lives(s *harness.Server, p *subject) bool {
	_, err := s.Auth.Users.Get(context.Background(), p.signed.User.ID)
	return err == nil
}

var _ = faultFlows.add(faultFlow{
	name:  "withdraw",
	calls: 12,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Withdrawals.Withdraw(ctx, admit.WithdrawParams{UserID: p.signed.User.ID, Password: strongPassword}))
	},
	done: func(s *harness.Server, p *subject) bool {
		return !lives(s, p) && mailedTo(s, p, mailer.AccountWithdrawn, p.email)
	},
	again: admit.ErrUserNotFound,
}, faultFlow{
	name:    "restore",
	calls:   9,
	prepare: withdrawFor,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return gave(a.Withdrawals.Restore(ctx, p.token))
	},
	done:  lives,
	again: admit.ErrInvalidToken,
}, faultFlow{
	name:    "purge",
	calls:   8,
	prepare: withdrawFor,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Users.Purge(ctx, p.signed.User.ID))
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Store.User(context.Background(), "", p.signed.User.ID)
		return errors.Is(err, store.ErrNotFound)
	},
	again: admit.ErrUserNotFound,
})

// A link to restore is made by the deletion itself, so no ending of a living account
// finds one.
var _ = tokenKinds.add(tokenKind{name: "restore", kept: true, endedBy: []string{"deletion"}})

var _ = endings.add(ending{
	name: "restore",
	before: func(s *harness.Server, p harness.Person) string {
		if err := s.Auth.Users.Delete(s.T.Context(), admit.DeleteUserParams{UserID: p.ID}); err != nil {
			s.T.Fatal(err)
		}
		return ""
	},
	cause: func(s *harness.Server, p harness.Person, _ string) {
		if err := s.Auth.Users.Restore(s.T.Context(), p.ID); err != nil {
			s.T.Fatal(err)
		}
	},
	ends: []string{"restore"},
})

var _ = feeds.add(feed{
	route: "DELETE " + withdrawPath,
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"password": harness.Password}
	},
}, feed{route: "POST " + restorePath, prepare: anotherWithdrawn}, feed{route: "GET " + restorePath, prepare: anotherWithdrawn})

// anotherWithdrawn makes and deletes another account, and returns the token of the
// mail.
func anotherWithdrawn(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	other := verified(s, p.fresh)
	p.ID, p.current = other.ID, p.fresh
	return nil, harness.J{"token": withdrawn(s, other)}
}

// AZ-10, SE-04, AC-114: a deletion ends everything at once, frees the address, and
// nothing of the old account leads to a new one with the address.
func TestAZ10_AWithdrawnAccountIsGoneAtOnce(t *testing.T) {
	provider := harness.NewProvider("acme")
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		who := provider.Person("1", "other@y.test", admit.ProofAsserted)
		linkAt(s, provider, who, p.Access).Want(201)
		second := s.SignIn(p.Email, harness.Password).Want(200).Tokens()
		device := harness.NewDevice(t)
		s.AddPasskey(p, device).Want(201)
		magic := magicToken(s, p.Email)
		reset := resetToken(s, p.Email)
		token := withdrawn(s, p)
		s.Dead(p.Tokens)
		s.Dead(second)
		s.SignIn(p.Email, harness.Password).Want(401, "auth/invalid-credentials")
		redeem(s, magic).Want(401, "auth/invalid-token")
		resetWith(s, p.Email, reset, otherPassword).Want(404, "auth/verification-token-not-found")
		s.ByPasskey(device).Want(401)
		withdraw(s, p).Want(401) // twice
		if _, err := s.Auth.Users.Get(t.Context(), p.ID); !errors.Is(err, admit.ErrUserNotFound) {
			t.Errorf("the account is found: %v", err)
		}
		// The provider gives the person an account of its own, and not this one.
		if me := s.Me(by(s, provider, who).Want(200).Tokens().Access).Want(200); me.String("id") == p.ID {
			t.Error("the provider revives the account")
		}
		again := verified(s, p.Email)
		if again.ID == p.ID {
			t.Error("the id was given again")
		}
		s.Dead(p.Tokens)
		restore(s, token).Want(409, "auth/email-already-exists")
		s.Alive(again.Tokens)
		// The link works again when the address is free again.
		withdraw(s, again).Want(200)
		s.Paused(restore(s, token)) // the passkey is a second factor
		if user, err := s.Auth.Users.GetByEmail(t.Context(), p.Email); err != nil || user.ID != p.ID {
			t.Errorf("restored is %v, %v", user.ID, err)
		}
		if me := s.Me(s.ByPasskey(device).Want(200).Tokens().Access); me.String("id") != p.ID {
			t.Errorf("the passkey leads to %s", me.Body)
		}
	}, unlimited, harness.With(provider))
}

// AC-178, AE-11: no deletion without a fresh proof or the password; a wrong password
// counts as a guess; not with a key alone, and not of somebody else.
func TestAC178_ADeletionNeedsAProof(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p, other := verified(s, "a@x.test"), verified(s, "b@x.test")
		_, key := s.NewKey("secret", "auth:withdraw")
		s.Do("DELETE", withdrawPath, nil, harness.Key(key)).Want(401)
		s.Do("DELETE", withdrawPath, nil).Want(401)
		s.Do("DELETE", "/v1/users/"+other.ID, nil, harness.Bearer(p.Access)).Want(403, "user/forbidden")
		s.Clock.Advance(20 * time.Minute)
		s.Do("DELETE", withdrawPath, nil, harness.Bearer(p.Access)).Want(403, "auth/reauthentication-required")
		s.Do("DELETE", withdrawPath, harness.J{}, harness.Bearer(p.Access)).Want(403, "auth/reauthentication-required")
		s.Do("DELETE", "/v1/users/"+p.ID, nil, harness.Bearer(p.Access)).Want(403, "auth/reauthentication-required")
		for range 10 {
			s.Do("DELETE", withdrawPath, harness.J{"password": "wrong-password-x"}, harness.Bearer(p.Access)).Want(401, "auth/invalid-credentials")
		}
		withdraw(s, p).Want(429, "auth/too-many-login-attempts")
		s.Clock.Advance(20 * time.Minute)
		withdraw(s, p).Want(200)
		// With a fresh sign-in no password is needed, by either route.
		fresh := s.SignIn(other.Email, harness.Password).Want(200).Tokens()
		s.Do("DELETE", "/v1/users/"+other.ID, nil, harness.Bearer(fresh.Access)).Want(200)
		letterTo(s, mailer.AccountWithdrawn, other.Email)
		s.Dead(fresh)
		// From Go a proof is needed, too.
		third := verified(s, "c@x.test")
		err := s.Auth.Withdrawals.Withdraw(t.Context(), admit.WithdrawParams{UserID: third.ID})
		if !errors.Is(err, admit.ErrReauthenticationRequired) {
			t.Errorf("without any proof: %v", err)
		}
	})
}

// AZ-05: the last administrator cannot leave.
func TestAZ05_TheLastAdministratorCannotWithdraw(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		withdraw(s, admin).Want(409, "user/last-admin")
		s.Alive(admin.Tokens)
		other := s.SignUp("b@x.test")
		s.Role(other.ID, "admin")
		token := withdrawn(s, other)
		restore(s, token).Want(200)
		if user, err := s.Auth.Users.Get(t.Context(), other.ID); err != nil || user.Role != admit.RoleAdmin {
			t.Errorf("restored is %v, %v", user, err)
		}
	})
}

// The mailed link takes the deletion back once, within the grace.
func TestALinkRestoresAnAccountOnce(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		token := withdrawn(s, p)
		tokens := restore(s, token).Want(200).Tokens()
		s.Alive(tokens)
		s.Dead(p.Tokens) // the sessions of before stay ended
		restore(s, token).Want(401, "auth/invalid-token")
		s.SignIn(p.Email, harness.Password).Want(200)
		if n := len(s.Events(p.ID, "user.restored")); n != 1 {
			t.Errorf("it was recorded %d times", n)
		}
		// The link of an earlier deletion does not take a later one back.
		p.Tokens = s.SignIn(p.Email, harness.Password).Want(200).Tokens()
		first := withdrawn(s, p)
		if err := s.Auth.Users.Restore(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		restore(s, first).Want(401, "auth/invalid-token")
		// Nor does it take back a deletion by an operator, which makes no link.
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: p.ID, NoMail: true}); err != nil {
			t.Fatal(err)
		}
		restore(s, first).Want(401, "auth/invalid-token")
		if err := s.Auth.Users.Restore(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		p.Tokens = s.SignIn(p.Email, harness.Password).Want(200).Tokens()
		second := withdrawn(s, p)
		restore(s, first).Want(401, "auth/invalid-token")
		s.Clock.Advance(14 * 24 * time.Hour)
		restore(s, second).Want(401, "auth/token-expired")
		if err := s.Auth.Users.Restore(t.Context(), p.ID); err != nil {
			t.Errorf("the operator restores after the grace: %v", err)
		}
	})
}

// A restore proves the mailbox and no more: a confirmed factor is asked for.
func TestMF01_ARestoreAsksForTheSecondFactor(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		token := withdrawn(s, p)
		ticket := s.Paused(restore(s, token))
		s.Alive(s.Complete(ticket, app.Code(s.Clock.Now())).Want(200).Tokens())
		s.Clock.Advance(time.Minute)
		ticket = s.Paused(s.SignIn(p.Email, harness.Password))
		s.Complete(ticket, app.BackupCodes[0]).Want(200)
	})
}

// Whoever reads the mailbox takes over an account whose address nobody had proven:
// the password of the registrant opens nothing afterwards.
func TestAnAccountThatNobodyHadProvenIsRestoredForTheReaderOfTheMailbox(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		tokens := restore(s, withdrawn(s, p)).Want(200).Tokens()
		if me := s.Me(tokens.Access).Want(200); me.String("id") != p.ID || me.Get("emailVerified") == nil {
			t.Errorf("restored is %s", me.Body)
		}
		s.SignIn(p.Email, harness.Password).Want(401, "auth/invalid-credentials")
	})
}

// A person who came in by a provider alone, whose link is gone, comes in by the
// mailbox.
func TestAPersonOfAProviderComesBackByTheMailbox(t *testing.T) {
	provider := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		who := provider.Person("1", "a@x.test", admit.ProofAuthoritative)
		tokens := by(s, provider, who).Want(200).Tokens()
		id := s.Me(tokens.Access).String("id")
		token := mailed(s, mailer.AccountWithdrawn, "a@x.test", func() {
			s.Do("DELETE", withdrawPath, nil, harness.Bearer(tokens.Access)).Want(200)
		})
		restore(s, token).Want(200)
		for _, back := range []harness.Tokens{redeem(s, magicToken(s, "a@x.test")).Want(200).Tokens(), by(s, provider, who).Want(200).Tokens()} {
			if me := s.Me(back.Access).Want(200); me.String("id") != id {
				t.Errorf("back is %s, was %s", me.Body, id)
			}
		}
	}, harness.With(provider), unlimited)
}

// A browser that follows the link is asked first, and is given no session.
func TestALinkToRestoreLeadsToAPageThatAsks(t *testing.T) {
	page := harness.Header("Accept", "text/html")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		token := withdrawn(s, p)
		for _, language := range []struct{ tag, button string }{{"en", "Restore the account"}, {"de", "Konto wiederherstellen"}, {"ja", "アカウントを元に戻す"}} {
			shown := s.Do("GET", restorePath+"?token="+token, nil, page, harness.Header("Accept-Language", language.tag)).Want(200)
			if !strings.Contains(string(shown.Body), language.button) || !strings.Contains(string(shown.Body), p.Email) {
				t.Errorf("the page shows %s", shown.Body)
			}
		}
		if _, err := s.Auth.Users.Get(t.Context(), p.ID); !errors.Is(err, admit.ErrUserNotFound) {
			t.Error("opening the page has restored the account")
		}
		form := func() *harness.Answer {
			return s.Do("POST", restorePath, "token="+token, page, harness.Header("Content-Type", "application/x-www-form-urlencoded"), harness.Header("Origin", harness.BaseURL))
		}
		done := form().Want(200)
		if !strings.Contains(string(done.Body), "Your account is back") || done.Header.Get("Set-Cookie") != "" {
			t.Errorf("the answer is %v %s", done.Header, done.Body)
		}
		s.SignIn(p.Email, harness.Password).Want(200)
		form().Want(401)
		s.Do("GET", restorePath+"?token="+token, nil, page).Want(401)
	})
}

// A browser that deletes the account loses its cookie, by either route.
func TestADeletionClearsTheSessionCookie(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for i, route := range []string{withdrawPath, "/v1/users/"} {
			p := verified(s, fmt.Sprintf("a%d@x.test", i))
			if i == 1 {
				route += p.ID
			}
			cleared := s.Do("DELETE", route, nil, harness.Bearer(p.Access)).Want(200).Header.Get("Set-Cookie")
			if !strings.Contains(cleared, "Max-Age=0") {
				t.Errorf("%s answers with the cookie %q", route, cleared)
			}
		}
	}, cookies)
}

// AC-180: the counts of an address go with the account. Their keys are made from
// the address.
func TestAC180_APurgeRemovesTheCountsOfTheAddress(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "leaver@x.test")
		s.SignIn(p.Email, "wrong-password-x").Want(401)
		resetToken(s, p.Email)
		withdraw(s, p).Want(200)
		sum := sha256.Sum256([]byte(p.Email))
		counts := func() int { return strings.Count(s.Dump(t), hex.EncodeToString(sum[:16])) }
		if s.Kind != "memory" && counts() == 0 {
			t.Fatal("nothing is counted")
		}
		if err := s.Auth.Users.Purge(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		if n := counts(); n != 0 {
			t.Errorf("%d counts are left", n)
		}
	})
}

// BeforeDelete vetoes on every road, UserPurged keeps the account until it agrees,
// and both write in the transaction.
func TestHooksOfADeletionVeto(t *testing.T) {
	refused := admit.ErrLastAdmin // any error does
	var veto error
	var reasons []string
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		veto = refused
		p, admin := verified(s, "a@x.test"), s.Admin()
		s.Do("DELETE", withdrawPath, nil, harness.Bearer(p.Access)).Want(409)
		s.Do("DELETE", "/v1/users/"+p.ID, nil, harness.Bearer(p.Access)).Want(409)
		s.Do("DELETE", "/v1/users/"+p.ID, nil, harness.Bearer(admin.Access)).Want(409)
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: p.ID, Reason: "asked"}); !errors.Is(err, refused) {
			t.Errorf("from Go: %v", err)
		}
		if got := strings.Join(slices.Compact(reasons), " "); got != "owner administrator asked" {
			t.Errorf("the reasons are %q", got)
		}
		s.Alive(p.Tokens)
		veto = nil
		p.Tokens = s.SignIn(p.Email, harness.Password).Want(200).Tokens()
		withdraw(s, p).Want(200)
		veto = refused
		if err := s.Auth.Users.Purge(t.Context(), p.ID); !errors.Is(err, refused) {
			t.Errorf("the purge: %v", err)
		}
		if err := s.Auth.Users.Restore(t.Context(), p.ID); err != nil {
			t.Errorf("what was not purged is restored: %v", err)
		}
	}, func(c *admit.Config) {
		c.Hooks.BeforeDelete = func(_ context.Context, _ admit.Tx, _ admit.User, reason string) error {
			reasons = append(reasons, reason)
			return veto
		}
		c.Hooks.UserPurged = func(context.Context, admit.Tx, admit.User) error { return veto }
	})
}

// Two requests at once, of which one wins: whatever the order, no session outlives
// the deletion, and nothing is half done.
func TestADeletionAndAnotherRequestAtOnceHaveOneOutcome(t *testing.T) {
	provider := harness.NewProvider("acme")
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		for round := range 4 {
			for name, other := range map[string]func(p harness.Person) *harness.Answer{
				"sign-in": func(p harness.Person) *harness.Answer { return s.SignIn(p.Email, harness.Password) },
				"refresh": func(p harness.Person) *harness.Answer { return s.Refresh(p.Refresh) },
				"link": func(p harness.Person) *harness.Answer {
					return linkAt(s, provider, provider.Person("s-"+p.ID, "", admit.ProofAsserted), p.Access)
				},
			} {
				p := verified(s, fmt.Sprintf("%s-%d@x.test", name, round))
				answers := harness.Parallel(4, func(i int) *harness.Answer {
					if i == 1 {
						return withdraw(s, p)
					}
					return other(p)
				})
				answers[1].Want(200)
				for i, a := range answers {
					if i != 1 && a.Status == http.StatusOK && name != "link" {
						s.Dead(a.Tokens())
					}
				}
				s.Dead(p.Tokens)
				if _, n, err := s.Store.ListRecords(t.Context(), "", "identity", "user/"+p.ID, store.Page{Number: 1, Limit: 9}); err != nil || n != 0 {
					t.Errorf("%s: %d linked accounts are left, %v", name, n, err)
				}
			}
		}
	}, unlimited, harness.With(provider))
}

// A freed address goes to one account: the restored one or a new one.
func TestARestoreAndASignUpAtOnceGiveTheAddressOnce(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		for round := range 6 {
			p := verified(s, fmt.Sprintf("a%d@x.test", round))
			token := withdrawn(s, p)
			answers := harness.Parallel(6, func(i int) *harness.Answer {
				if i%2 == 0 {
					return restore(s, token)
				}
				return s.Do("POST", "/v1/auth/email/signup", harness.J{"email": p.Email, "password": otherPassword, "name": "Eve"})
			})
			restored, made := 0, 0
			for i, a := range answers {
				switch {
				case i%2 == 0 && a.Status == http.StatusOK:
					restored++
				case i%2 == 1 && a.Status == http.StatusCreated:
					made++
				case a.Status != http.StatusUnauthorized && a.Status != http.StatusConflict:
					t.Errorf("answer %d: %d %s", i, a.Status, a.Body)
				}
			}
			if restored+made != 1 {
				t.Errorf("%d restored, %d made", restored, made)
			}
			user, err := s.Auth.Users.GetByEmail(t.Context(), p.Email)
			if err != nil || (user.ID == p.ID) != (restored == 1) {
				t.Errorf("the address has %v, %v", user.ID, err)
			}
		}
	}, unlimited)
}

// A purge and a restore at once: one of them.
func TestAPurgeAndARestoreAtOnceHaveOneOutcome(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		for round := range 6 {
			p := verified(s, fmt.Sprintf("a%d@x.test", round))
			token := withdrawn(s, p)
			purged := make([]error, 4)
			answers := harness.Parallel(4, func(i int) *harness.Answer {
				if i%2 == 0 {
					purged[i] = s.Auth.Users.Purge(context.Background(), p.ID)
					return nil
				}
				return restore(s, token)
			})
			won := 0
			for i := range answers {
				if i%2 == 0 && purged[i] == nil || i%2 == 1 && answers[i].Status == http.StatusOK {
					won++
				}
			}
			_, err := s.Auth.Users.Get(t.Context(), p.ID)
			if restored := answers[1].Status == http.StatusOK || answers[3].Status == http.StatusOK; won != 1 || (err == nil) != restored {
				t.Errorf("%d won, the account: %v, the purges: %v", won, err, purged)
			}
		}
	}, unlimited)
}

// AC-180: after a purge no table has the person: neither address nor name, neither
// client nor provider, and the id in the audit log alone. The log is whole.
func TestAC180_APurgeLeavesTheLogAlone(t *testing.T) {
	provider := harness.NewProvider("acme")
	const agent, address = "Mozilla/5.0 (farewell-agent)", "leaver.unmistakable@x.test"
	from := harness.Header("User-Agent", agent)
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, address)
		s.Change(p.ID, func(u *store.User) {
			u.Name, u.Nickname, u.Image = "Zebedee Leaver", "zebnick", "https://img.test/zeb.png"
		})
		who := provider.Person("subject-of-zebedee", "zebedee@y.test", admit.ProofAsserted)
		linkAt(s, provider, who, p.Access, from).Want(201)
		p.Tokens = s.SignIn(p.Email, harness.Password, from).Want(200).Tokens()
		s.AddPasskey(p, harness.NewDevice(t)).Want(201)
		app := s.EnrollTOTP(p)
		s.Complete(s.Paused(s.SignIn(p.Email, harness.Password, from)), app.BackupCodes[0]).Want(200)
		s.SignIn(p.Email, "wrong-password-x", from).Want(401)
		resetToken(s, p.Email)
		s.Role(p.ID, "admin")
		s.Admin()
		if _, err := s.Auth.APIKeys.Create(t.Context(), admit.CreateAPIKeyParams{Name: "key of Zebedee", Type: admit.SecretKey, OwnerID: p.ID}); err != nil {
			t.Fatal(err)
		}
		if err := s.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: p.ID, Reason: "Zebedee was rude", Until: s.Clock.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Auth.Users.Unban(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		p.Tokens = s.Complete(s.Paused(s.SignIn(p.Email, harness.Password, from)), app.BackupCodes[1]).Want(200).Tokens()
		withdrawn(s, p)
		dead := func() error { // a mail that was given up
			mail := store.Mail{ID: "m1", Kind: "reset", Sealed: []byte("x"), CreatedAt: s.Clock.Now(), NextAt: s.Clock.Now(), DeadAt: s.Clock.Now(), LastError: "550 no such user"}
			return s.Store.AddMail(context.Background(), mail)
		}
		if err := dead(); err != nil {
			t.Fatal(err)
		}
		before := s.Events(p.ID, "")
		s.Clock.Advance(retention - time.Minute)
		s.Process().Auth.Start()
		if _, err := s.Store.User(t.Context(), "", p.ID); err != nil {
			t.Errorf("before the retention ends: %v", err)
		}
		s.Clock.Advance(time.Hour)
		s.Process().Auth.Start()
		s.Eventually("the account is purged", func() bool {
			_, err := s.Store.User(context.Background(), "", p.ID)
			return errors.Is(err, store.ErrNotFound)
		})
		after := s.Events(p.ID, "")
		if len(after) < len(before)+1 {
			t.Errorf("%d events are left of %d", len(after), len(before))
		}
		for i, e := range before {
			if after[i].ID != e.ID || after[i].Kind != e.Kind || after[i].ActorID != e.ActorID || !after[i].At.Equal(e.At) {
				t.Errorf("event %d is %+v, was %+v", i, after[i], e)
			}
		}
		text := s.Dump(t)
		for _, trace := range []string{address, "Zebedee", "zebnick", "zeb.png", "subject-of-zebedee", "zebedee@y.test", agent} {
			if strings.Contains(text, trace) {
				t.Errorf("the database has %q", trace)
			}
		}
		if got, logged := strings.Count(text, p.ID), 0; got > 0 {
			for _, e := range s.Events("", "") {
				logged += strings.Count(fmt.Sprintf("%s %s %s", e.ActorID, e.SubjectID, e.Data), p.ID)
			}
			if got != logged {
				t.Errorf("the id stands %d times in the database, %d times in the log", got, logged)
			}
		}
	}, unlimited, harness.With(provider))
}

// A purge that a hook refuses keeps nobody else: the sweep goes on, and tries again.
func TestAPurgeThatFailsIsTriedAgain(t *testing.T) {
	var stubborn string
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		first, second := verified(s, "a@x.test"), verified(s, "b@x.test")
		stubborn = first.ID
		withdraw(s, first).Want(200)
		withdraw(s, second).Want(200)
		s.Clock.Advance(retention + time.Hour)
		gone := func(id string) func() bool {
			return func() bool {
				_, err := s.Store.User(context.Background(), "", id)
				return errors.Is(err, store.ErrNotFound)
			}
		}
		s.Process().Auth.Start()
		s.Eventually("the other account is purged", gone(second.ID))
		if gone(first.ID)() {
			t.Error("the hook was not obeyed")
		}
		stubborn = ""
		s.Clock.Advance(time.Hour)
		s.Process().Auth.Start()
		s.Eventually("the account is purged at last", gone(first.ID))
	}, func(c *admit.Config) {
		c.Hooks.UserPurged = func(_ context.Context, _ admit.Tx, user admit.User) error {
			if user.ID == stubborn {
				return errors.New("not yet")
			}
			return nil
		}
	})
}
