package admit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

const annsPassword = "quiet harbour lamp"

// at is a call that comes from a client.
func at(t *testing.T, address string) context.Context {
	t.Helper()
	return WithClient(t.Context(), Client{IPAddress: address, UserAgent: "test"})
}

// newOpen is an Auth without a checkpoint.
func newOpen(t *testing.T, change ...func(*Config)) *pausing {
	t.Helper()
	p := newPausing(t, change...)
	p.strict = false
	return p
}

func (p *pausing) signIn(ctx context.Context, password string) error {
	_, err := p.Passwords.SignIn(ctx, SignInParams{Email: "ann@example.com", Password: password})
	return err
}

// guess is a wrong password.
func (p *pausing) guess(ctx context.Context) error { return p.signIn(ctx, "wrong guess here") }

// live is the secret of Ann's mail of a kind that works, once it has come.
func (p *pausing) live(t *testing.T, kind mailer.Kind, token string) (secret string) {
	t.Helper()
	waitFor(t, "a live mail of kind "+string(kind), func() bool {
		for _, m := range slices.Backward(p.mail.Messages()) {
			if m.Kind == kind && m.To == "ann@example.com" {
				_, secret, _ = strings.Cut(m.Values.Link, "token=")
				secret, _, _ = strings.Cut(secret, "&")
				found, err := p.store.Token(t.Context(), tenant, token, hashSecret(secret))
				if err == nil && found.UsedAt.IsZero() {
					return true
				}
			}
		}
		return false
	})
	return secret
}

// spendGuesses guesses, from many clients, until the account's budget is spent.
func (p *pausing) spendGuesses(t *testing.T) {
	t.Helper()
	for i := range 11 {
		if err := p.guess(at(t, fmt.Sprintf("203.0.113.%d", i))); errors.Is(err, ErrTooManyLoginAttempts) {
			return
		}
	}
	t.Fatal("eleven guesses were evaluated")
}

// Every budget says who can spend it, and what a stranger can spend leaves its
// owner a door.
func TestS1_EveryBudgetIsDeclared(t *testing.T) {
	names := map[string]bool{}
	for _, b := range Budgets() {
		switch {
		case names[b.Name]:
			t.Errorf("two budgets are named %s", b.Name)
		case len(b.Bounds) == 0 || !slices.Contains([]string{"account", "mailbox", "client", "token"}, b.Per):
			t.Errorf("%s: per %q, bounds %v", b.Name, b.Per, b.Bounds)
		case b.SpentBy == "anyone" && b.Per != "account" && b.Per != "mailbox":
			t.Errorf("anyone can spend %s, which belongs to a %s", b.Name, b.Per)
		case b.SpentBy != "anyone" && len(b.Known) > 0:
			t.Errorf("%s has a budget for known clients, though strangers cannot spend it", b.Name)
		}
		names[b.Name] = true
		for _, c := range b.counters("x") {
			if got := budgetOfCounter(c).Name; got != b.Name {
				t.Errorf("a counter of %s belongs to %s", b.Name, got)
			}
		}
		// One kind of budget must not shut what another door needs.
		for _, door := range b.Shuts {
			if b.SpentBy == "anyone" && (door == "link" || door == "reset" || door == "session") {
				t.Errorf("%s, which anyone can spend, shuts %s", b.Name, door)
			}
		}
	}
}

func TestS1_AKnownClientGoesOnWhileAStrangerBlocksTheAccount(t *testing.T) {
	p := newOpen(t)
	p.user(t)
	home, elsewhere := at(t, "192.0.2.1"), at(t, "192.0.2.2")
	if err := p.signIn(home, annsPassword); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.spendGuesses(t)
		if err := p.signIn(elsewhere, annsPassword); !errors.Is(err, ErrTooManyLoginAttempts) {
			t.Fatalf("a client that the account does not know: %v", err)
		}
		if err := p.signIn(home, annsPassword); err != nil {
			t.Fatalf("the owner at home: %v", err)
		}
		// The owner's success earns the stranger nothing before the window ends.
		if err := p.guess(at(t, "203.0.113.99")); !errors.Is(err, ErrTooManyLoginAttempts) {
			t.Fatalf("a stranger after the owner came in: %v", err)
		}
		p.advance(15 * time.Minute)
	}
	p.spendGuesses(t)
	for i := range 6 {
		if err := p.guess(home); errors.Is(err, ErrTooManyLoginAttempts) != (i == 5) {
			t.Errorf("guess %d of the known client: %v", i+1, err)
		}
	}
}

// An address that nobody has proven knows no client: its registrant may be a
// stranger.
func TestS1_AnUnprovenAddressKnowsNoClient(t *testing.T) {
	p := newOpen(t)
	squatter := at(t, "203.0.113.200")
	if _, err := p.SignUps.Create(squatter, SignUpParams{Email: "ann@example.com", Password: annsPassword, Name: "Ann"}); err != nil {
		t.Fatal(err)
	}
	if err := p.signIn(squatter, annsPassword); err != nil {
		t.Fatal(err)
	}
	if known, err := knows(squatter, p.kernel, "ann@example.com"); known || err != nil {
		t.Errorf("the account knows its registrant: %t, %v", known, err)
	}
}

func TestS1_AHundredFailuresLeaveLinkAndReset(t *testing.T) {
	p := newOpen(t)
	p.user(t)
	evaluated := 0
	for range 4 {
		for range 20 {
			for i := range 11 {
				if errors.Is(p.guess(at(t, fmt.Sprintf("203.0.113.%d", i))), ErrInvalidCredentials) {
					evaluated++
				}
			}
			p.advance(15 * time.Minute)
		}
		p.advance(24 * time.Hour)
	}
	if evaluated != 100 {
		t.Fatalf("%d guesses were evaluated without a success, want 100", evaluated)
	}
	if err := p.signIn(at(t, "192.0.2.1"), annsPassword); !errors.Is(err, ErrTooManyLoginAttempts) || asError(err).RetryAfter > longestRetry {
		t.Fatalf("the password after a hundred failures: %v, again after %v", err, asError(err).RetryAfter)
	}
	if _, err := p.MagicLinks.Redeem(at(t, "192.0.2.1"), p.link(t)); err != nil {
		t.Fatalf("the link after a hundred failures: %v", err)
	}
	if err := p.signIn(at(t, "192.0.2.9"), annsPassword); err != nil {
		t.Errorf("the password after a success by link: %v", err)
	}
}

func TestS1_EachKindOfMailHasABudgetOfItsOwn(t *testing.T) {
	p := newOpen(t)
	p.user(t)
	stranger := func(i int) context.Context { return at(t, fmt.Sprintf("203.0.113.%d", i)) }
	in := LinkParams{Email: "ann@example.com"}
	kinds := map[string]func(ctx context.Context) error{
		"confirmation": func(ctx context.Context) error { return p.Verifications.Request(ctx, in) },
		"reset":        func(ctx context.Context) error { return p.PasswordResets.Request(ctx, in) },
		"link": func(ctx context.Context) error {
			_, err := p.MagicLinks.Request(ctx, MagicLinkParams{Email: in.Email})
			return err
		},
	}
	for _, spent := range slices.Sorted(maps.Keys(kinds)) {
		p.advance(25 * time.Hour)
		for i := range 5 {
			if err := kinds[spent](stranger(i)); err != nil {
				t.Fatalf("%s %d: %v", spent, i, err)
			}
		}
		for name, ask := range kinds {
			if err := ask(stranger(99)); errors.Is(err, ErrTooManyCodeRequests) != (name == spent) {
				t.Errorf("with the budget of %s spent, %s answers %v", spent, name, err)
			}
		}
	}
}

// While the budget of resets is spent the mailbox holds a link that works; once
// that is redeemed another one can be asked for.
func TestS1_ARedeemedResetMakesRoomForTheNext(t *testing.T) {
	p := newOpen(t)
	p.user(t)
	ask := func(client string) error {
		return p.PasswordResets.Request(at(t, client), LinkParams{Email: "ann@example.com"})
	}
	for quarter := range 2 {
		for i := range 5 {
			if err := ask(fmt.Sprintf("203.0.%d.%d", quarter, i)); err != nil {
				t.Fatal(err)
			}
		}
		p.advance(15 * time.Minute)
	}
	if err := ask("192.0.2.1"); !errors.Is(err, ErrTooManyCodeRequests) {
		t.Fatalf("the eleventh reset of a day: %v", err)
	}
	_, err := p.PasswordResets.Confirm(at(t, "192.0.2.1"), ConfirmPasswordResetParams{
		Email: "ann@example.com", Token: p.live(t, mailer.PasswordReset, kindReset), NewPassword: "green bicycle tower",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ask("192.0.2.2"); err != nil {
		t.Errorf("a reset after one was redeemed: %v", err)
	}
}

// The two budgets of an account are two.
func TestS1_TheSecondFactorHasABudgetOfItsOwn(t *testing.T) {
	p := newOpen(t)
	p.user(t)
	p.spendGuesses(t)
	for i := range 11 {
		_, err := p.attempt(at(t, "192.0.2.1"), secondFactor, "ann@example.com")
		if errors.Is(err, ErrTooManyLoginAttempts) != (i == 10) {
			t.Errorf("second factor %d: %v", i+1, err)
		}
	}
}

// S5: the client's mails are counted by the rule, whatever route leads to it.
func TestS5_TheRuleCountsTheMailsOfAClient(t *testing.T) {
	p := newOpen(t)
	flood := at(t, "203.0.113.7")
	ask := []func(email string) error{
		func(email string) error { return p.Verifications.Request(flood, LinkParams{Email: email}) },
		func(email string) error { return p.PasswordResets.Request(flood, LinkParams{Email: email}) },
		func(email string) error {
			_, err := p.MagicLinks.Request(flood, MagicLinkParams{Email: email})
			return err
		},
		func(email string) error {
			_, err := p.MagicLinks.Request(flood, MagicLinkParams{Email: email, SignUp: true})
			return err
		},
	}
	for i := range 64 {
		err := ask[i%len(ask)](fmt.Sprintf("a%d@example.com", i))
		if errors.Is(err, ErrTooManyCodeRequests) != (i >= 60) {
			t.Errorf("request %d of one client: %v", i+1, err)
		}
	}
	if err := p.PasswordResets.Request(at(t, "203.0.113.8"), LinkParams{Email: "b@example.com"}); err != nil {
		t.Errorf("another client: %v", err)
	}
}

func TestS4_RightSignInsAreBoundedToo(t *testing.T) {
	p := newOpen(t)
	p.user(t)
	ctx := at(t, "203.0.113.7")
	for i := range 601 {
		if err := p.signIn(ctx, annsPassword); errors.Is(err, ErrTooManyLoginAttempts) != (i == 600) {
			t.Fatalf("right sign-in %d: %v", i+1, err)
		}
	}
	if err := p.signIn(at(t, "203.0.113.8"), annsPassword); err != nil {
		t.Errorf("another client: %v", err)
	}
}

func TestS4_ChangingToTheSamePasswordCostsNoHash(t *testing.T) {
	p := newOpen(t)
	user := p.user(t)
	before := p.hasher.Runs()
	for _, current := range []string{annsPassword, "another one here"} {
		_, err := p.Passwords.Change(at(t, "192.0.2.1"), ChangePasswordParams{UserID: user.ID, Current: current, New: current})
		if !errors.Is(err, ErrSameAsPreviousPassword) {
			t.Errorf("answered %v", err)
		}
	}
	if runs := p.hasher.Runs() - before; runs != 0 {
		t.Errorf("%d hashes", runs)
	}
}

func TestS4_ParallelConfirmationsOfOneTokenCostFewHashes(t *testing.T) {
	const racers = 40
	// Nobody goes on to the hash before all have found the token unused.
	var racing atomic.Bool
	var found sync.WaitGroup
	found.Add(racers)
	p := newOpen(t, func(c *Config) {
		c.Passwords.Leaked = func(context.Context, string) (bool, error) {
			if racing.Load() {
				found.Done()
				found.Wait()
			}
			return false, nil
		}
	})
	p.user(t)
	if err := p.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@example.com"}); err != nil {
		t.Fatal(err)
	}
	var token string
	waitFor(t, "the mail", func() bool {
		for _, m := range p.mail.Messages() {
			if m.Kind == mailer.PasswordReset {
				_, token, _ = strings.Cut(m.Values.Link, "token=")
				token, _, _ = strings.Cut(token, "&")
			}
		}
		return token != ""
	})
	before := p.hasher.Runs()
	racing.Store(true)
	var group sync.WaitGroup
	var won, refused sync.Map
	for i := range racers {
		group.Go(func() {
			_, err := p.PasswordResets.Confirm(at(t, fmt.Sprintf("203.0.113.%d", i)), ConfirmPasswordResetParams{
				Email: "ann@example.com", Token: token, NewPassword: "green bicycle tower",
			})
			switch {
			case err == nil:
				won.Store(i, true)
			case errors.Is(err, ErrTooManyRequests):
				refused.Store(i, true)
			}
		})
	}
	group.Wait()
	if n := len(maps.Collect(won.Range)); n != 1 {
		t.Errorf("%d confirmations of one token won", n)
	}
	if runs := p.hasher.Runs() - before; runs > 5 {
		t.Errorf("%d confirmations of one token cost %d hashes", racers, runs)
	}
	if n := len(maps.Collect(refused.Range)); n != racers-5 {
		t.Errorf("%d confirmations were refused, want %d", n, racers-5)
	}
}

// repeating is a store whose transactions run twice, as after a serialization
// failure at the commit.
type repeating struct {
	store.Store
	twice bool
}

var errRepeat = errors.New("repeat")

func (r *repeating) Tx(ctx context.Context, fn func(context.Context, store.Store) error) error {
	if r.twice {
		err := r.Store.Tx(ctx, func(ctx context.Context, s store.Store) error {
			if err := fn(ctx, s); err != nil {
				return err
			}
			return errRepeat
		})
		if !errors.Is(err, errRepeat) {
			return err
		}
	}
	return r.Store.Tx(ctx, fn)
}

// countingCounters counts what is taken back.
type countingCounters struct {
	store.Counters
	mu             sync.Mutex
	unhits, clears int
}

func (c *countingCounters) Unhit(ctx context.Context, tenant string, keys ...string) error {
	c.mu.Lock()
	c.unhits++
	c.mu.Unlock()
	return c.Counters.Unhit(ctx, tenant, keys...)
}

func (c *countingCounters) ClearCounters(ctx context.Context, tenant string, keys ...string) error {
	c.mu.Lock()
	c.clears++
	c.mu.Unlock()
	return c.Counters.ClearCounters(ctx, tenant, keys...)
}

func TestS19_ARepeatedCommitRefundsOnce(t *testing.T) {
	again := &repeating{Store: memory.New()}
	outside := &countingCounters{Counters: memory.New()}
	p := newOpen(t, func(c *Config) { c.Store, c.Counters = again, outside })
	p.user(t)
	again.twice = true
	ctx := at(t, "203.0.113.7")
	if err := p.signIn(ctx, annsPassword); err != nil {
		t.Fatal(err)
	}
	if outside.unhits != 1 || outside.clears != 1 {
		t.Errorf("one sign-in whose commit was repeated took back %d times and cleared %d times", outside.unhits, outside.clears)
	}
	// Two wrong ones stay counted, however many right ones come after them.
	counted := 0
	for i := range 100 {
		if _, err := p.Passwords.SignIn(ctx, SignInParams{Email: fmt.Sprintf("a%d@example.com", i), Password: "wrong"}); errors.Is(err, ErrInvalidCredentials) {
			counted++
		}
		if err := p.signIn(ctx, annsPassword); err != nil && !errors.Is(err, ErrTooManyLoginAttempts) {
			t.Fatal(err)
		}
	}
	if counted > 100 {
		t.Errorf("%d wrong guesses of one client", counted)
	}
	if _, err := p.Passwords.SignIn(ctx, SignInParams{Email: "z@example.com", Password: "wrong"}); !errors.Is(err, ErrTooManyLoginAttempts) {
		t.Errorf("the client after a hundred wrong guesses: %v", err)
	}
}

// A guess is reserved however early its client hangs up.
func TestAGuessIsReservedThoughItsClientIsGone(t *testing.T) {
	p := newOpen(t)
	p.user(t)
	gone, hangUp := context.WithCancel(at(t, "203.0.113.7"))
	hangUp()
	for range 10 {
		if _, err := p.attempt(gone, firstFactor, "ann@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.signIn(at(t, "192.0.2.1"), annsPassword); !errors.Is(err, ErrTooManyLoginAttempts) {
		t.Errorf("after ten guesses whose client was gone: %v", err)
	}
}
