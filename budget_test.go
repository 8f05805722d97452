package admit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// A stranger with any number of clients plays a week against an owner, on every
// door. The owner gets in every day, the stranger gets no more guesses than
// allowed between two successes of the owner, and no mailbox gets more mail than
// allowed.
func TestS1_AStrangerPlaysAWeekAndTheOwnerGetsInEveryDay(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playAWeek(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func playAWeek(t *testing.T, chance *rand.Rand) {
	p := newOpen(t)
	p.user(t)
	home := at(t, "192.0.2.1")
	if err := p.signIn(home, annsPassword); err != nil {
		t.Fatal(err)
	}
	mallory := WithClient(t.Context(), Client{IPAddress: "203.0.113.1"})
	made, err := p.SignUps.Create(mallory, SignUpParams{Email: "mallory@example.com", Password: annsPassword, Name: "Mallory"})
	if err != nil {
		t.Fatal(err)
	}
	password, since, total := annsPassword, 0, 0
	stranger := func() context.Context {
		return at(t, fmt.Sprintf("203.0.%d.%d", chance.IntN(200), chance.IntN(250)))
	}
	in := LinkParams{Email: "ann@example.com"}
	mischief := []func(){
		func() {
			if errors.Is(p.guess(stranger()), ErrInvalidCredentials) {
				since++
				total++
			}
		},
		func() { _ = p.PasswordResets.Request(stranger(), in) },
		func() { _ = p.Verifications.Request(stranger(), in) },
		func() {
			id, err := p.MagicLinks.Request(stranger(), MagicLinkParams{Email: in.Email, SignUp: chance.IntN(2) == 0})
			for range 3 {
				if err != nil {
					return
				}
				_, err = p.MagicLinks.RedeemCode(stranger(), RedeemCodeParams{RequestID: id, Code: fmt.Sprintf("%06d", chance.IntN(1_000_000))})
				if errors.Is(err, ErrInvalidToken) {
					since++
					total++
					err = nil
				}
			}
		},
		func() {
			_ = p.EmailChanges.Request(stranger(), EmailChangeParams{UserID: made.UserID, Email: in.Email})
		},
		func() {
			_, _ = p.SignUps.Create(stranger(), SignUpParams{Email: in.Email, Password: annsPassword, Name: "Ann"})
		},
	}
	drained := func() bool {
		next, err := p.store.NextMail(t.Context(), tenant, store.QueueMail)
		return err == nil && next.IsZero()
	}
	// The owner's doors, each of which must open whatever the stranger does.
	doors := map[string]func(day int) error{
		"password at home": func(int) error { return p.signIn(home, password) },
		"link at home": func(int) error {
			if _, err := p.MagicLinks.Request(home, MagicLinkParams{Email: in.Email}); err != nil {
				return err
			}
			_, err := p.MagicLinks.Redeem(home, p.live(t, mailer.MagicLink, kindMagic))
			return err
		},
		// Away from home a mail may be refused; then the last one is in the mailbox.
		"reset elsewhere": func(day int) error {
			elsewhere := at(t, fmt.Sprintf("198.51.100.%d", day))
			err := p.PasswordResets.Request(elsewhere, in)
			if err != nil && !errors.Is(err, ErrTooManyCodeRequests) {
				return err
			}
			next := fmt.Sprintf("green bicycle tower %d", day)
			_, err = p.PasswordResets.Confirm(elsewhere, ConfirmPasswordResetParams{Email: in.Email, Token: p.live(t, mailer.PasswordReset, kindReset), NewPassword: next})
			if err != nil {
				return err
			}
			since, password = 0, next
			return p.signIn(elsewhere, password)
		},
	}
	order := slices.Sorted(maps.Keys(doors))
	for day := range 7 {
		visit := chance.IntN(96)
		for quarter := range 96 {
			for range 40 {
				mischief[chance.IntN(len(mischief))]()
			}
			if since > 100 {
				t.Fatalf("day %d: the stranger had %d guesses since the owner's last success", day, since)
			}
			if quarter == visit {
				name := order[(day+chance.IntN(len(order)))%len(order)]
				if err := doors[name](day); err != nil {
					t.Fatalf("day %d, %s: %v", day, name, err)
				}
				since = 0
			}
			p.advance(15 * time.Minute)
		}
	}
	if total > 7*200 {
		t.Errorf("the stranger had %d guesses in a week", total)
	}
	waitFor(t, "the mails", drained)
	counts := map[mailer.Kind]int{}
	for _, m := range p.mail.Messages() {
		if m.To == "ann@example.com" {
			counts[m.Kind]++
		}
	}
	for name, kind := range map[string]mailer.Kind{
		mailedMagic: mailer.MagicLink, mailedReset: mailer.PasswordReset, mailedExists: mailer.AccountExists, mailedVerify: mailer.SignupConfirmation,
	} {
		b := budgetOf(name)
		allowed := b.Bounds[1].Limit
		if len(b.Known) > 0 {
			allowed += b.Known[1].Limit
		}
		if name == mailedExists { // and by changes of address to hers
			allowed += budgetOf(mailedChange).Bounds[1].Limit
		}
		// Windows begin with the first use, so eight may touch a week, and each of
		// the owner's seven visits may begin a new one.
		if counts[kind] > (8+7)*allowed {
			t.Errorf("%d mails of kind %s in a week, allowed are %d a day", counts[kind], kind, allowed)
		}
	}
	if counts[mailer.PasswordReset] == 0 || counts[mailer.MagicLink] == 0 || counts[mailer.AccountExists] == 0 || total == 0 {
		t.Errorf("the stranger was idle: %v, %d guesses", counts, total)
	}
}
