package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// proveAddress makes an address verified, as its owner would.
func proveAddress(s *harness.Server, p *subject) {
	s.T.Helper()
	s.Change(p.signed.User.ID, func(u *store.User) { u.EmailVerifiedAt = s.Clock.Now() })
}

// holdKey registers a passkey for a subject.
func holdKey(s *harness.Server, p *subject) *harness.Device {
	s.T.Helper()
	d := harness.NewDevice(s.T)
	answer, owner := beginKey(s, p, d)
	if _, err := s.Auth.Passkeys.FinishRegistration(context.Background(), admit.FinishPasskeyParams{PasskeyAnswer: answer, UserID: owner}); err != nil {
		s.T.Fatal(err)
	}
	return d
}

// beginKey begins a registration and answers it.
func beginKey(s *harness.Server, p *subject, d *harness.Device) (answer admit.PasskeyAnswer, userID string) {
	s.T.Helper()
	proveAddress(s, p)
	begun, err := s.Auth.Passkeys.BeginRegistration(context.Background(), admit.BeginPasskeyParams{UserID: p.signed.User.ID})
	if err != nil {
		s.T.Fatal(err)
	}
	options := harness.Begun(s.T, begun)
	return harness.Answered(s.T, options, d.Register(options)), p.signed.User.ID
}

func keysOf(s *harness.Server, userID string) []admit.Passkey {
	s.T.Helper()
	list, err := s.Auth.Passkeys.List(context.Background(), userID)
	if err != nil {
		s.T.Fatal(err)
	}
	return list
}

// answered keeps an answer in a subject.
func (p *subject) keep(answer admit.PasskeyAnswer) {
	p.extra, p.code = answer.CeremonyID, string(answer.Credential)
}

func (p *subject) answer() admit.PasskeyAnswer {
	return admit.PasskeyAnswer{CeremonyID: p.extra, Credential: []byte(p.code)}
}

var _ = faultFlows.add(faultFlow{
	name:    "begin to register a passkey",
	calls:   5,
	prepare: proveAddress,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		begun, err := a.Passkeys.BeginRegistration(ctx, admit.BeginPasskeyParams{UserID: p.signed.User.ID})
		p.extra = begun.CeremonyID
		return begun.CeremonyID != "", err
	},
	// An answer that was lost leaves a ceremony that nobody can end.
	done: func(_ *harness.Server, p *subject) bool { return p.extra != "" },
}, faultFlow{
	name:  "register a passkey",
	calls: 9,
	prepare: func(s *harness.Server, p *subject) {
		answer, _ := beginKey(s, p, harness.NewDevice(s.T))
		p.keep(answer)
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(second(a.Passkeys.FinishRegistration(ctx, admit.FinishPasskeyParams{PasskeyAnswer: p.answer(), UserID: p.signed.User.ID})))
	},
	done:  func(s *harness.Server, p *subject) bool { return len(keysOf(s, p.signed.User.ID)) == 1 },
	again: admit.ErrInvalidPasskey,
}, faultFlow{
	name:  "sign in by passkey",
	calls: 11,
	prepare: func(s *harness.Server, p *subject) {
		d := holdKey(s, p)
		begun, err := s.Auth.Passkeys.BeginSignIn(context.Background(), admit.PasskeySignInParams{})
		if err != nil {
			s.T.Fatal(err)
		}
		options := harness.Begun(s.T, begun)
		p.keep(harness.Answered(s.T, options, d.Assert(options)))
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		signed, err := a.Passkeys.SignIn(ctx, p.answer())
		return gave(signed, err)
	},
	done:  func(s *harness.Server, p *subject) bool { return liveSessions(s, p) == 2 },
	again: admit.ErrInvalidPasskey,
}, faultFlow{
	name:  "remove a passkey",
	calls: 6,
	prepare: func(s *harness.Server, p *subject) {
		holdKey(s, p)
		p.extra = keysOf(s, p.signed.User.ID)[0].ID
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Passkeys.Remove(ctx, admit.RemovePasskeyParams{UserID: p.signed.User.ID, ID: p.extra}))
	},
	done:  func(s *harness.Server, p *subject) bool { return len(keysOf(s, p.signed.User.ID)) == 0 },
	again: admit.ErrPasskeyNotFound,
}, faultFlow{
	name:  "rename a passkey",
	calls: 5,
	prepare: func(s *harness.Server, p *subject) {
		holdKey(s, p)
		p.extra = keysOf(s, p.signed.User.ID)[0].ID
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(second(a.Passkeys.Rename(ctx, admit.RenamePasskeyParams{UserID: p.signed.User.ID, ID: p.extra, Name: "Blue key"})))
	},
	done: func(s *harness.Server, p *subject) bool { return keysOf(s, p.signed.User.ID)[0].Name == "Blue key" },
})

func second[T any](_ T, err error) error { return err }

var _ = tokenKinds.add(tokenKind{
	name: "passkey-ceremony", endedBy: []string{"address change", "reset", "password change", "sign-out everywhere", "factor confirmed", "factor removed"},
})

var _ = endings.add(ending{
	name:  "new passkey",
	cause: func(s *harness.Server, p harness.Person, _ string) { s.AddPasskey(p, harness.NewDevice(s.T)).Want(201) },
	ends:  []string{"mfa-ticket", "passkey-ceremony", "start-over"},
}, ending{
	name: "removed passkey",
	before: func(s *harness.Server, p harness.Person) string {
		return s.AddPasskey(p, harness.NewDevice(s.T)).Want(201).String("id")
	},
	cause: func(s *harness.Server, p harness.Person, id string) {
		s.Do("DELETE", "/v1/auth/passkeys/"+id, nil, harness.Bearer(p.Access)).Want(200)
	},
	ends: []string{"mfa-ticket", "passkey-ceremony", "start-over"},
})

func TestPasskeyRegistersAndSignsIn(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		made := s.AddPasskey(p, d).Want(201)
		if made.String("name") != "Passkey" || made.Get("backedUp") != false || made.Get("lastUsedAt") != nil {
			t.Errorf("the passkey is %s", made.Body)
		}
		letterTo(s, mailer.PasskeyAdded, "a@x.test")
		signed := s.ByPasskey(d).Want(200)
		s.Alive(signed.Tokens())
		if id := s.Me(signed.Tokens().Access).Want(200).String("id"); id != p.ID {
			t.Errorf("signed in as %s, want %s", id, p.ID)
		}
		list := s.Do("GET", "/v1/auth/passkeys", nil, harness.Bearer(p.Access)).Want(200).Items()
		if len(list) != 1 || list[0]["id"] != made.String("id") || list[0]["lastUsedAt"] == nil {
			t.Errorf("the list is %v", list)
		}
		options := s.PasskeyOptions(harness.J{"email": "a@x.test"}).Want(200)
		s.PasskeySignIn(options, d.Assert(options)).Want(200)
	})
}

// An authenticator that somebody else has written, with keys of both kinds that
// it makes.
func TestPasskeyOfAnotherImplementation(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		site := virtualwebauthn.RelyingParty{ID: "app.example", Name: "app.example", Origin: harness.BaseURL}
		for _, kind := range []virtualwebauthn.KeyType{virtualwebauthn.KeyTypeEC2, virtualwebauthn.KeyTypeRSA} {
			begun := s.BeginPasskey(p.Access, harness.J{}).Want(200)
			asked, err := virtualwebauthn.ParseAttestationOptions(string(begun.Body))
			if err != nil {
				t.Fatal(err)
			}
			device := virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(asked.UserID), BackupEligible: true, BackupState: true})
			key := virtualwebauthn.NewCredential(kind)
			credential := func(text string) (j harness.J) {
				if err := json.Unmarshal([]byte(text), &j); err != nil {
					t.Fatal(err)
				}
				return j
			}
			made := s.FinishPasskey(p.Access, begun, credential(virtualwebauthn.CreateAttestationResponse(site, device, key, *asked))).Want(201)
			if made.Get("backedUp") != true {
				t.Errorf("%s: %s", kind, made.Body)
			}
			device.AddCredential(key)
			options := s.PasskeyOptions(harness.J{"email": "a@x.test"}).Want(200)
			wanted, err := virtualwebauthn.ParseAssertionOptions(string(options.Body))
			if err != nil {
				t.Fatal(err)
			}
			if device.FindAllowedCredential(*wanted) == nil {
				t.Errorf("%s: the passkey is not offered: %s", kind, options.Body)
			}
			s.PasskeySignIn(options, credential(virtualwebauthn.CreateAssertionResponse(site, device, key, *wanted))).Want(200)
		}
	})
}

// PK-01: of many that end one ceremony at once, in two processes, one wins.
func TestPK01_OneOfManyAnswersToACeremonyWins(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p, other := verified(s, "a@x.test"), s.Process()
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		rounds := 200
		if raced {
			rounds = 20
		}
		for round := range rounds {
			begun, err := s.Auth.Passkeys.BeginSignIn(t.Context(), admit.PasskeySignInParams{})
			if err != nil {
				t.Fatal(err)
			}
			options := harness.Begun(t, begun)
			answer := harness.Answered(t, options, d.Assert(options))
			var won atomic.Int32
			var wait sync.WaitGroup
			for i := range 4 {
				wait.Go(func() {
					_, err := []*harness.Server{s, other}[i%2].Auth.Passkeys.SignIn(t.Context(), answer)
					switch {
					case err == nil:
						won.Add(1)
					case !errors.Is(err, admit.ErrInvalidPasskey):
						t.Errorf("round %d: %v", round, err)
					}
				})
			}
			wait.Wait()
			if won.Load() != 1 {
				t.Fatalf("round %d: %d answers won", round, won.Load())
			}
		}
	}, unlimited)
}

// PK-06: a passkey belongs to one account. Two that register the same one at once
// end with one.
func TestPK06_APasskeyBelongsToOneAccount(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		other := s.Process()
		a, b := verified(s, "a@x.test"), verified(s, "b@x.test")
		for range 20 {
			d := harness.NewDevice(t)
			first, second := s.BeginPasskey(a.Access, harness.J{}).Want(200), other.BeginPasskey(b.Access, harness.J{}).Want(200)
			credentials := []harness.J{d.Register(first), d.Register(second)}
			answers := harness.Parallel(2, func(i int) *harness.Answer {
				if i == 0 {
					return s.FinishPasskey(a.Access, first, credentials[0])
				}
				return other.FinishPasskey(b.Access, second, credentials[1])
			})
			if n := harness.Count(answers); n[201] != 1 || n[409] != 1 {
				t.Fatalf("the answers are %v", n)
			}
			for _, p := range []harness.Person{a, b} {
				for _, one := range keysOf(s, p.ID) {
					s.Do("DELETE", "/v1/auth/passkeys/"+one.ID, nil, harness.Bearer(p.Access)).Want(200)
				}
			}
		}
	}, unlimited)
}

// PK-09: the handle of an account is random, of 64 bytes, its own, and stays.
func TestPK09_AnAccountHasOneRandomHandle(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p, q := verified(s, "a@x.test"), verified(s, "b@x.test")
		handle := func(p harness.Person) string {
			o := s.BeginPasskey(p.Access, harness.J{}).Want(200)
			user, _ := o.Get("publicKey", "user").(map[string]any)
			text, _ := user["id"].(string)
			if len(text) != 86 || strings.Contains(string(o.Body), p.ID) { // 64 bytes
				t.Errorf("the options are %s", o.Body)
			}
			return text
		}
		first := handle(p)
		d := harness.NewDevice(t)
		id := s.AddPasskey(p, d).Want(201).String("id")
		s.Do("DELETE", "/v1/auth/passkeys/"+id, nil, harness.Bearer(p.Access)).Want(200)
		if again := handle(p); again != first || handle(q) == first {
			t.Errorf("the handle was %s and is %s", first, again)
		}
	})
}

// PK-10: passkeys are added and removed with a recent proof, and everybody has
// their own.
func TestPK10_PasskeysAreManagedByTheirOwnerWithARecentProof(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p, q := verified(s, "a@x.test"), verified(s, "b@x.test")
		d := harness.NewDevice(t)
		path := "/v1/auth/passkeys/" + s.AddPasskey(p, d).Want(201).String("id")
		rename := harness.J{"name": "  Blue key  "}
		for _, method := range []string{"PATCH", "DELETE"} {
			s.Do(method, path, rename, harness.Bearer(q.Access)).Want(404, "auth/passkey-not-found")
		}
		if got := s.Do("PATCH", path, rename, harness.Bearer(p.Access)).Want(200).String("name"); got != "Blue key" {
			t.Errorf("the name is %q", got)
		}
		s.Do("PATCH", path, harness.J{"name": "\u202e"}, harness.Bearer(p.Access)).Want(400, "auth/invalid-name")
		s.BeginPasskey(p.Access, harness.J{"name": strings.Repeat("x", 101)}).Want(400, "auth/invalid-name")
		s.Clock.Advance(11 * time.Minute)
		s.BeginPasskey(p.Access, harness.J{}).Want(403, "auth/reauthentication-required")
		s.Do("DELETE", path, nil, harness.Bearer(p.Access)).Want(403, "auth/reauthentication-required")
		p.Tokens = s.ByPasskey(d).Want(200).Tokens()
		s.Do("DELETE", path, nil, harness.Bearer(p.Access)).Want(200)
		letterTo(s, mailer.PasskeyRemoved, p.Email)
		if n := len(keysOf(s, p.ID)); n != 0 {
			t.Errorf("%d passkeys are left", n)
		}
	})
}

// LK-05: nobody plants a passkey in an account whose address is not proven.
func TestLK05_NoPasskeyBeforeTheAddressIsProven(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		s.BeginPasskey(p.Access, harness.J{}).Want(403, "auth/email-not-verified")
	})
}

// LK-04, AC-131: where links are switched off, one way in is left, also when two
// are removed at once.
func TestLK04_TheLastWayInStays(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p, other := verified(s, "a@x.test"), s.Process()
		devices := []*harness.Device{harness.NewDevice(t), harness.NewDevice(t)}
		first, second := s.AddPasskey(p, devices[0]).Want(201).String("id"), s.AddPasskey(p, devices[1]).Want(201).String("id")
		remove := func(s *harness.Server, id string) *harness.Answer {
			return s.Do("DELETE", "/v1/auth/passkeys/"+id, nil, harness.Bearer(p.Access))
		}
		if err := s.Store.DeletePassword(t.Context(), "", p.ID); err != nil {
			t.Fatal(err)
		}
		answers := harness.Parallel(2, func(i int) *harness.Answer { return remove([]*harness.Server{s, other}[i], []string{first, second}[i]) })
		if n := harness.Count(answers); n[200] != 1 || n[400] != 1 {
			t.Fatalf("the answers are %v", n)
		}
		left := keysOf(s, p.ID)[0].ID
		d := devices[0]
		if left == second {
			d = devices[1]
		}
		s.ByPasskey(d).Want(200) // without a password
		remove(s, left).Want(400, "auth/last-auth-method")
		resetWith(s, p.Email, resetToken(s, p.Email), otherPassword).Want(200)
		p.Tokens = s.ByPasskey(d).Want(200).Tokens()
		remove(s, left).Want(200)
	}, func(c *admit.Config) { c.MagicLink.Disabled = true })
}

// AC-041: an account that is banned or gone is entered by no passkey.
func TestAC041_NoPasskeyOpensABannedOrDeletedAccount(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		options := s.PasskeyOptions(harness.J{}).Want(200)
		s.Ban(p.ID)
		s.PasskeySignIn(options, d.Assert(options)).Want(403, "auth/account-banned")
		s.Change(p.ID, func(u *store.User) { u.BannedAt = time.Time{} })
		s.PasskeySignIn(options, d.Assert(options)).Want(200) // nothing was spent
	})
}

// AE-04, AE-07: whoever guesses passwords shuts no passkey.
func TestAE04_ABlockedPasswordBlocksNoPasskey(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		for range 11 {
			s.SignIn(p.Email, "Wrong-Wolke-7319")
		}
		s.SignIn(p.Email, harness.Password).Want(429)
		s.ByPasskey(d).Want(200)
	})
}

// EM-05: who takes an address back takes the account back from whoever moved it.
func TestEM05_AnUndoneChangeRemovesThePasskeysMadeSince(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		mine, theirs := harness.NewDevice(t), harness.NewDevice(t)
		s.AddPasskey(p, mine).Want(201)
		s.Clock.Advance(time.Minute)
		undo := moveTo(s, p, "thief@x.test")
		s.AddPasskey(p, theirs).Want(201)
		s.Do("POST", "/v1/auth/email/verify/undo", harness.J{"token": undo}).Want(200)
		s.ByPasskey(theirs).Want(401, "auth/invalid-passkey")
		s.ByPasskey(mine).Want(200)
	})
}

// Names come from the model, the person's own come first.
func TestPasskeyIsNamedAfterItsModel(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		d.AAGUID = [16]byte{0xba, 0xda, 0x55, 0x66, 0xa7, 0xaa, 0x40, 0x1f, 0xbd, 0x96, 0x45, 0x61, 0x9a, 0x55, 0x12, 0x0d}
		if name := s.AddPasskey(p, d).Want(201).String("name"); name != "1Password" {
			t.Errorf("the name is %q", name)
		}
		begun := s.BeginPasskey(p.Access, harness.J{"name": "My key"}).Want(200)
		if name := s.FinishPasskey(p.Access, begun, harness.NewDevice(t).Register(begun)).Want(201).String("name"); name != "My key" {
			t.Errorf("the name is %q", name)
		}
	})
}

// A password manager may make a passkey without asking, after a password alone.
func TestPasskeyIsMadeQuietlyAfterAPasswordAlone(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		d.Present, d.Verified = false, false
		begun := s.BeginPasskey(p.Access, harness.J{}).Want(200)
		s.FinishPasskey(p.Access, begun, d.Register(begun)).Want(400, "auth/invalid-passkey")
		begun = s.BeginPasskey(p.Access, harness.J{"conditional": true}).Want(200)
		s.FinishPasskey(p.Access, begun, d.Register(begun)).Want(201)
		s.ByPasskey(d).Want(401, "auth/invalid-passkey") // a sign-in shows presence all the same
		d.Present = true
		signed := s.ByPasskey(d).Want(200)
		if amr := claimOf(t, signed.Tokens().Access, "amr"); fmt.Sprint(amr) != "[hwk user]" {
			t.Errorf("one factor is told as %v", amr)
		}
		s.BeginPasskey(signed.Tokens().Access, harness.J{"conditional": true}).Want(403, "auth/reauthentication-required")
		d.Verified = true
		if amr := claimOf(t, s.ByPasskey(d).Want(200).Tokens().Access, "amr"); fmt.Sprint(amr) != "[hwk user mfa]" {
			t.Errorf("two factors are told as %v", amr)
		}
	})
}

// An account that is deleted leaves no passkey behind.
func TestAZ10_ADeletedAccountLeavesNoPasskey(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		s.Change(p.ID, func(u *store.User) { u.EmailVerifiedAt = time.Time{} })
		mailed(s, mailer.SignupConfirmation, p.Email, func() {
			s.Do("POST", "/v1/auth/signup/email/resend", harness.J{"email": p.Email}).Want(200)
		})
		s.Mail.Clear()
		s.Clock.Advance(time.Hour)
		token := mailed(s, mailer.SignupConfirmation, p.Email, func() {
			s.Do("POST", "/v1/auth/signup/email/resend", harness.J{"email": p.Email}).Want(200)
		})
		s.Do("POST", confirmPath, harness.J{"email": p.Email, "token": token, "action": "disown"}).Want(200)
		for _, kind := range []string{"passkey", "passkey-handle"} {
			if left, n, err := s.Store.ListRecords(t.Context(), "", kind, "", store.Page{Number: 1, Limit: 10}); err != nil || n != 0 {
				t.Errorf("%d records are left, %v: %v", n, err, left)
			}
		}
		// The authenticator still has it, and the browser is told to forget it.
		if got := s.ByPasskey(d).Want(401, "auth/invalid-passkey").Get("error", "details", "unknown"); got != true {
			t.Errorf("unknown is %v", got)
		}
	})
}

// androidApp is the origin of an Android app: the hash of its certificate.
const androidApp = "android:apk-key-hash:-jd8Tqk_R_mSBj6Xwkm_9r08EpyPE8LD22xwEbYIGoA"

// PK-02: other origins are served where the configuration names them.
func TestPK02_RelatedOriginsAreServed(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.Do("GET", "/.well-known/webauthn", nil).Want(404, "auth/not-found")
	})
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		if got := fmt.Sprint(s.Do("GET", "/.well-known/webauthn", nil).Want(200).Get("origins")); got != "[https://app.example https://app.example.de]" {
			t.Errorf("the origins are %s", got)
		}
		p := verified(s, "a@x.test")
		for _, origin := range []string{"https://app.example.de", androidApp} {
			d := harness.NewDevice(t)
			d.Origin = origin
			s.AddPasskey(p, d).Want(201)
			s.ByPasskey(d).Want(200)
		}
	}, func(c *admit.Config) {
		c.Passkeys.Origins = []string{"https://app.example.de", androidApp}
	})
}

// Without an engine there are no passkeys.
func TestPasskeyRoutesAnswerNotFoundWithoutAnEngine(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		for _, r := range s.Auth.Routes() {
			if strings.Contains(r.Path, "/auth/passkeys") {
				s.Do(r.Method, fill(r.Path, p.ID), `{"name":"x","ceremonyId":"x"}`, harness.Bearer(p.Access)).Want(404, "auth/not-found")
			}
		}
	}, func(c *admit.Config) { c.Passkeys = admit.PasskeyConfig{} })
}

// claimOf reads a claim of an access token.
func claimOf(t *testing.T, access, name string) any {
	t.Helper()
	parts := strings.Split(access, ".")
	var claims map[string]any
	if len(parts) != 3 {
		t.Fatalf("%q is no token", access)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims[name]
}
