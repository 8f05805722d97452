package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Ownership as a property, over two processes on one store: two people, each with
// a mailbox, a password and a process of the host. Both take a step at the same
// time. After each pair of steps, an account with a verified address belongs to
// the person with the mailbox, and the other person has no session and no
// password of it.

// neighbour is one of the two.
type neighbour struct {
	auth     *admit.Auth
	box      string
	password string
	sessions []admit.SignedIn
	// tried are the accounts that this person signed up for, moves the changes of
	// address that this person began: their confirmations are expected.
	tried, moves map[string]bool
	letters      []mailer.Message
}

// pair is the two and their store.
type pair struct {
	s      *harness.Server
	people [2]*neighbour
	seen   int
}

func newPair(s *harness.Server, auths [2]*admit.Auth, world uint64) *pair {
	p := &pair{s: s}
	for i, password := range []string{"quiet harbour lamp", "green bicycle tower"} {
		p.people[i] = &neighbour{
			auth: auths[i], box: fmt.Sprintf("%s-%d@x.test", []string{"ann", "bob"}[i], world), password: password,
			tried: map[string]bool{}, moves: map[string]bool{},
		}
	}
	return p
}

// step is what one person does: an operation, at one of the two mailboxes.
type ownershipStep struct{ op, box, pick int }

func (p *pair) step(ctx context.Context, who int, s ownershipStep) {
	me := p.people[who]
	box := p.people[s.box].box
	switch s.op {
	case 0:
		result, err := me.auth.SignUps.Create(ctx, admit.SignUpParams{Email: box, Password: me.password, Name: "A"})
		if err == nil && result.SignedIn != nil {
			me.sessions = append(me.sessions, *result.SignedIn)
		}
		if user, err := p.s.Store.UserByEmail(ctx, "", box); err == nil {
			me.tried[user.ID] = true
		}
	case 1:
		if signed, err := me.auth.Passwords.SignIn(ctx, admit.SignInParams{Email: box, Password: me.password}); err == nil {
			me.sessions = append(me.sessions, signed)
		}
	case 2:
		_, _ = me.auth.MagicLinks.Request(ctx, admit.MagicLinkParams{Email: box, SignUp: true})
	case 3:
		_ = me.auth.PasswordResets.Request(ctx, admit.LinkParams{Email: box})
	case 4:
		if n := len(me.sessions); n > 0 {
			user, _, err := me.auth.VerifyToken(ctx, me.sessions[s.pick%n].Tokens.AccessToken)
			if err == nil && me.auth.EmailChanges.Request(ctx, admit.EmailChangeParams{UserID: user.ID, Email: box}) == nil {
				me.moves[user.ID] = true
			}
		}
	default:
		p.open(ctx, me, s.pick)
	}
}

// open takes one of the last letters of somebody's own mailbox, and does what its
// reader would do.
func (p *pair) open(ctx context.Context, me *neighbour, pick int) {
	if len(me.letters) == 0 {
		return
	}
	letter := me.letters[len(me.letters)-1-pick%min(len(me.letters), 4)]
	token := tokenIn(letter)
	at, known := p.s.Store.UserByEmail(ctx, "", me.box)
	switch letter.Kind {
	case mailer.SignupConfirmation:
		if known == nil && me.tried[at.ID] {
			_ = me.auth.Verifications.Confirm(ctx, admit.TokenParams{Token: token})
		}
	case mailer.EmailVerification:
		if len(me.moves) > 0 && known != nil { // only this person's own account moves here
			for id := range me.moves {
				if mine, err := p.s.Store.User(ctx, "", id); err == nil && strings.Contains(letter.Text+letter.Values.UserEmail, masked(mine.Email)) {
					_ = me.auth.EmailChanges.Confirm(ctx, admit.TokenParams{Token: token})
					return
				}
			}
		}
	case mailer.PasswordReset:
		_, _ = me.auth.PasswordResets.Confirm(ctx, admit.ConfirmPasswordResetParams{Token: token, NewPassword: me.password})
	case mailer.EmailChanged:
		_ = me.auth.EmailChanges.Undo(ctx, token)
	case mailer.MagicLink:
		if signed, err := me.auth.MagicLinks.Redeem(ctx, token); err == nil {
			me.sessions = append(me.sessions, signed)
		}
	}
}

// masked is how a letter names the account that moves.
func masked(email string) string { return email[:1] + "•••" }

func (p *pair) deliver() {
	messages := p.s.Mail.Messages()
	for _, m := range messages[min(p.seen, len(messages)):] {
		for _, someone := range p.people {
			if m.To == someone.box && tokenIn(m.Message) != "" {
				p.s.Keep("token", tokenIn(m.Message))
				someone.letters = append(someone.letters, m.Message)
			}
		}
	}
	p.seen = len(messages)
}

// check asks who has which account.
func (p *pair) check(ctx context.Context) error {
	for owner, person := range p.people {
		user, err := p.s.Store.UserByEmail(ctx, "", person.box)
		if errors.Is(err, store.ErrNotFound) || err == nil && user.EmailVerifiedAt.IsZero() {
			continue
		}
		if err != nil {
			return err
		}
		other := p.people[1-owner]
		for _, signed := range other.sessions {
			if who, _, err := other.auth.VerifyToken(ctx, signed.Tokens.AccessToken); err == nil && who.ID == user.ID {
				return fmt.Errorf("the other has a session of the account of %s", person.box)
			}
		}
		if signed, err := other.auth.Passwords.SignIn(ctx, admit.SignInParams{Email: person.box, Password: other.password}); err == nil {
			return fmt.Errorf("the other's password opens the account of %s: %s", person.box, signed.User.ID)
		}
	}
	return nil
}

// ownershipRuns is how many lives of two people are played on each store.
func ownershipRuns(t *testing.T) int {
	t.Helper()
	text := os.Getenv("OWNERSHIP_RUNS")
	if text == "" {
		return 8
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOwnershipHoldsOverTwoProcesses(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ctx := t.Context()
		auths := [2]*admit.Auth{s.Process().Auth, s.Process().Auth}
		verifiedAccounts := 0
		seeds := uint64(time.Now().UnixNano())
		for run := range uint64(ownershipRuns(t)) {
			seed := seeds + run
			chance := rand.New(rand.NewPCG(seed, 0))
			s.Mail.Clear()
			p := newPair(s, auths, run)
			var history []string
			for range 24 {
				var steps [2]ownershipStep
				var both sync.WaitGroup
				for who := range steps {
					steps[who] = ownershipStep{chance.IntN(10), chance.IntN(2), chance.IntN(6)}
					both.Go(func() { p.step(ctx, who, steps[who]) })
				}
				both.Wait()
				history = append(history, fmt.Sprint(steps))
				s.Clock.Advance(time.Second)
				p.deliver()
				if err := p.check(ctx); err != nil {
					t.Fatalf("seed %d: %v, after\n%s", seed, err, strings.Join(history, "\n"))
				}
			}
			for _, person := range p.people {
				if user, err := s.Store.UserByEmail(ctx, "", person.box); err == nil && !user.EmailVerifiedAt.IsZero() {
					verifiedAccounts++
				}
			}
		}
		if verifiedAccounts == 0 {
			t.Error("no account was ever proven: the lives are too quiet to prove anything")
		}
	}, unlimited)
}

// Two changes of address that one person asks for at the same time, in two
// processes: what was mailed to a mailbox never gives another address.
func TestOfTwoChangesAtOnceEachConfirmsItsOwnMailbox(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ctx := t.Context()
		processes := [2]*harness.Server{s.Process(), s.Process()}
		for round := range 4 {
			from, own, victim := fmt.Sprintf("from-%d@x.test", round), fmt.Sprintf("own-%d@x.test", round), fmt.Sprintf("victim-%d@x.test", round)
			person := verified(s, from)
			s.Mail.Clear()
			targets := [2]string{own, victim}
			harness.Parallel(2, func(i int) *harness.Answer {
				return processes[i].Do("POST", "/v1/auth/email/verify/send", harness.J{"email": targets[i]}, harness.Bearer(person.Access))
			})
			s.Clock.Advance(time.Second)
			for _, m := range s.Mail.Messages() {
				if m.To == own && m.Kind == mailer.EmailVerification {
					s.Keep("token", tokenIn(m.Message))
					_ = s.Auth.EmailChanges.Confirm(ctx, admit.TokenParams{Token: tokenIn(m.Message)})
				}
			}
			user, err := s.Store.User(ctx, "", person.ID)
			if err != nil {
				t.Fatal(err)
			}
			if user.Email != own && user.Email != from {
				t.Fatalf("round %d: a mail to %s gave %s", round, own, user.Email)
			}
		}
	}, unlimited)
}
