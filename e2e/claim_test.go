package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

var _ = endings.add(ending{
	name:   "proof of the mailbox",
	before: func(s *harness.Server, p harness.Person) string { return magicToken(s, p.Email) },
	cause:  func(s *harness.Server, _ harness.Person, token string) { redeem(s, token).Want(200) },
	ends:   every, unproven: true,
})

// planted is what somebody may leave behind in an account whose address is not
// theirs: password, session, refresh token, API key, pending change.
type planted struct {
	harness.Person
	change, key string
}

func plant(s *harness.Server, email string) planted {
	s.T.Helper()
	p := planted{Person: s.SignUp(email)}
	p.change = mailed(s, mailer.EmailVerification, "eve@x.test", func() {
		s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "eve@x.test"}, harness.Bearer(p.Access)).Want(200)
	})
	s.Role(p.ID, admit.RoleAdmin)
	p.key = s.Do("POST", "/v1/admin/api-keys", harness.J{"name": "planted", "type": "secret"}, harness.Bearer(p.Access)).Want(201).String("key")
	s.Role(p.ID, admit.RoleAdmin)
	return p
}

// doors are the ways to prove a mailbox and come in.
var doors = map[string]func(s *harness.Server, email string) harness.Tokens{
	"reset": func(s *harness.Server, email string) harness.Tokens {
		resetWith(s, email, resetToken(s, email), otherPassword).Want(200)
		return s.SignIn(email, otherPassword).Want(200).Tokens()
	},
	"magic link": func(s *harness.Server, email string) harness.Tokens {
		return redeem(s, magicToken(s, email)).Want(200).Tokens()
	},
	"code": func(s *harness.Server, email string) harness.Tokens {
		id, code, _ := askCode(s, email)
		return enterCode(s, id, code).Want(200).Tokens()
	},
}

// AC-001 to AC-005, LK-01, LK-02: whoever proves the mailbox is alone in the
// account afterwards, by whichever door.
func TestLK02_ProofOfTheMailboxWinsAtEveryDoor(t *testing.T) {
	for name, door := range doors {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
				p := plant(s, "victim@x.test")
				owner := door(s, "victim@x.test")
				s.Dead(p.Tokens)
				s.SignIn("victim@x.test", harness.Password).Want(401, "auth/invalid-credentials")
				s.Do("GET", "/v1/admin/api-keys", nil, harness.Key(p.key)).Want(401, "auth/api-key-revoked")
				s.Do("POST", "/v1/auth/email/verify/confirm", harness.J{"email": "eve@x.test", "token": p.change}).Want(401, "auth/invalid-token")
				me := s.Me(s.Alive(owner).Access).Want(200)
				if me.String("emailVerified") == "" || me.String("id") != p.ID {
					t.Errorf("the owner has %s", me.Body)
				}
				if n := len(s.Events(p.ID, "account.claimed")); n != 1 {
					t.Errorf("the claim was recorded %d times", n)
				}
			}, unlimited)
		})
	}
}

// AC-002, LK-01: a session that its registrant kept alive ends with the proof,
// at once, even where liveness is answered from memory.
func TestAC002_ASessionKeptAliveEndsWithTheProofOfTheMailbox(t *testing.T) {
	for name, door := range doors {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				eve := s.SignUp("victim@x.test").Tokens
				for range 3 {
					s.Clock.Advance(50 * time.Minute)
					eve = s.Alive(eve)
				}
				for range 2 { // the first confirms, the second is remembered
					s.Me(eve.Access).Want(200)
				}
				owner := door(s, "victim@x.test")
				s.Dead(eve)
				s.Alive(owner)
			}, unlimited, func(c *admit.Config) { c.Sessions.Staleness = 5 * time.Minute })
		})
	}
}

func TestTheOrdinaryPathTakesNothingAway(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		var p harness.Person
		token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { p = s.SignUp("a@x.test") })
		confirm(s, "a@x.test", token).Want(200)
		s.SignIn("a@x.test", harness.Password).Want(200)
		p.Tokens = s.Alive(p.Tokens)
		// Nor does a link to an account that is proven.
		redeem(s, magicToken(s, "a@x.test")).Want(200)
		s.SignIn("a@x.test", harness.Password).Want(200)
		s.Alive(p.Tokens)
	}, unlimited)
}

func TestDisownDeletesAnAccountThatWasNotProven(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		var p harness.Person
		token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { p = s.SignUp("a@x.test") })
		disown := func(token string) *harness.Answer {
			return s.Do("POST", confirmPath, harness.J{"email": "a@x.test", "token": token, "action": "disown"})
		}
		disown(strings.Repeat("A", 43)).Want(401, "auth/invalid-token")
		disown(token).Want(200)
		s.Dead(p.Tokens)
		s.SignIn("a@x.test", harness.Password).Want(401)
		confirm(s, "a@x.test", token).Want(401, "auth/invalid-token")
		// AC-114: the address is free, and nothing of the old account attaches.
		again := verified(s, "a@x.test")
		if again.ID == p.ID {
			t.Error("an id was used again")
		}
		s.Dead(p.Tokens)
		// A proven account cannot be deleted by its old link.
		token = mailed(s, mailer.SignupConfirmation, "b@x.test", func() { s.SignUp("b@x.test") })
		confirm(s, "b@x.test", token).Want(200)
		s.Do("POST", confirmPath, harness.J{"email": "b@x.test", "token": token, "action": "disown"}).Want(401, "auth/invalid-token")
		s.SignIn("b@x.test", harness.Password).Want(200)
	})
}

// AC-050: a reset ends what was open and what was on its way. An API key stays:
// it is the account's own, whose address was proven before.
func TestAC050_AResetEndsAllThatWasOpenOrOnItsWay(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		s.Role(p.ID, admit.RoleAdmin)
		key := s.Do("POST", "/v1/admin/api-keys", harness.J{"name": "n", "type": "secret"}, harness.Bearer(p.Access)).Want(201).String("key")
		phone := s.SignIn("a@x.test", harness.Password).Want(200).Tokens()
		change := askMove(s, p, "eve@x.test")
		request, code, link := askCode(s, "a@x.test")
		resetWith(s, "a@x.test", resetToken(s, "a@x.test"), otherPassword).Want(200)
		s.Dead(p.Tokens)
		s.Dead(phone)
		confirmMove(s, "eve@x.test", change).Want(401, "auth/invalid-token")
		redeem(s, link).Want(401, "auth/invalid-token")
		enterCode(s, request, code).Want(401, "auth/invalid-token")
		s.SignIn("a@x.test", harness.Password).Want(401, "auth/invalid-credentials")
		s.Do("GET", "/v1/admin/api-keys", nil, harness.Key(key)).Want(200)
	}, unlimited)
}

// AC-046: a change of password ends every session, the one that asked too.
func TestAC046_AChangeOfPasswordEndsEverySession(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		sessions := []harness.Tokens{verified(s, "a@x.test").Tokens}
		for range 2 {
			sessions = append(sessions, s.SignIn("a@x.test", harness.Password).Want(200).Tokens())
		}
		changePassword(s, sessions[1].Access).Want(200)
		for _, session := range sessions {
			s.Dead(session)
		}
		s.SignIn("a@x.test", otherPassword).Want(200)
	})
}

// AC-073, EM-04: nobody says of themselves that an address is theirs.
func TestAC073_NobodyVerifiesThemselves(t *testing.T) {
	claims := harness.J{
		"email": "a@x.test", "password": harness.Password, "name": "Eve", "emailVerified": true, "email_verified": true, "emailVerifiedAt": "2026-01-01T00:00:00Z",
		"verified": true, "method": "password", "token": strings.Repeat("Q", 43),
	}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		eve := s.Do("POST", "/v1/auth/email/signup", claims).Want(201).Tokens()
		for _, path := range []string{
			"/v1/auth/email/signin", "/v1/auth/email/verify/send", "/v1/auth/email/verify/confirm", "/v1/auth/email/verify/resend",
			"/v1/auth/signup/email/resend", confirmPath, "/v1/auth/password/reset/request", "/v1/auth/password/reset/confirm",
		} {
			if a := s.Do("POST", path, claims, harness.Bearer(eve.Access)); a.Status >= 500 {
				t.Errorf("%s answered %d", path, a.Status)
			}
			if me := s.Me(eve.Access).Want(200); me.String("emailVerified") != "" {
				t.Errorf("%s verified: %s", path, me.Body)
			}
		}
	}, unlimited)
}

// AC-058, OT-02: a secret of one purpose is nothing anywhere else.
func TestAC058_TokensCountOnlyAtTheirOwnDoor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		var other harness.Person
		verify := mailed(s, mailer.SignupConfirmation, "b@x.test", func() { other = s.SignUp("b@x.test") })
		undo := moveTo(s, verified(s, "c@x.test"), "d@x.test")
		change := askMove(s, p, "new@x.test")
		secrets := map[string]string{
			"verify": verify, "undo": undo, "change": change, "reset": resetToken(s, "a@x.test"), "magic": magicToken(s, "a@x.test"),
			"access": p.Access, "refresh": p.Refresh,
		}
		secrets["requestId"] = askMagic(s, "c2@x.test").Want(200).String("requestId")
		doors := map[string]func(secret string) *harness.Answer{
			"verify": func(x string) *harness.Answer { return confirm(s, "b@x.test", x) },
			"undo": func(x string) *harness.Answer {
				return s.Do("POST", "/v1/auth/email/verify/undo", harness.J{"token": x})
			},
			"change":  func(x string) *harness.Answer { return confirmMove(s, "new@x.test", x) },
			"reset":   func(x string) *harness.Answer { return resetWith(s, "a@x.test", x, otherPassword) },
			"magic":   func(x string) *harness.Answer { return redeem(s, x) },
			"access":  func(x string) *harness.Answer { return s.Me(x) },
			"refresh": func(x string) *harness.Answer { return s.Refresh(x) },
		}
		for secret, text := range secrets {
			for door, try := range doors {
				if secret == door {
					continue
				}
				if a := try(text); a.Status < 400 || a.Status >= 500 {
					t.Errorf("%s at the door of %s: %d %s", secret, door, a.Status, a.Body)
				}
			}
		}
		for _, door := range []string{"verify", "change", "access", "refresh"} {
			if a := doors[door](secrets[door]); a.Status != http.StatusOK {
				t.Errorf("%s was spent at another door: %d %s", door, a.Status, a.Body)
			}
		}
		_ = other
	}, unlimited)
}
