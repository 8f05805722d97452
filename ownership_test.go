package admit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// Two people, two mailboxes each, and everything that can happen between them.
// Whatever the order, an account belongs to who has proven its mailbox.

// tap hands over the mails of a store as they are committed.
type tap struct {
	store.Store
	mails *[]store.Mail
}

func (s tap) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	*s.mails = append(*s.mails, b.Mails...)
	return s.Store.Write(ctx, b)
}

func (s tap) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	var mine []store.Mail
	err := s.Store.Tx(ctx, func(ctx context.Context, tx store.Store) error {
		mine = nil
		return fn(ctx, tap{tx, &mine})
	})
	if err == nil && len(mine) > 0 { // the worker of notices has none
		*s.mails = append(*s.mails, mine...)
	}
	return err
}

// mailboxes belong to the people in turn. The first two were one key once.
var mailboxes = []string{"straße@x.test", "strasse@x.test", "ann@x.test", "bob@x.test"}

func ownerOf(email string) int { return slices.Index(mailboxes, email) % 2 }

// step is one thing that somebody does. Its numbers choose among what is there.
type step struct{ who, op, a, b int }

const (
	doSignUp = iota
	doSignIn
	doLink
	doReset
	doResend
	doOpen
	doChange
	doImport
	operations
)

// village is where the two live.
type village struct {
	*Auth
	clock
	mails []store.Mail

	boxes map[string][]queuedMail // by address, with the kind and the cause of each mail
	kinds map[string][]mailer.Kind
	// causes are the people whose steps caused the mails; acting takes the
	// present step.
	causes   map[string][]int
	acting   int
	sessions [2][]SignedIn
	// tried are the accounts that somebody signed up for: they expect to be
	// asked for a confirmation.
	tried [2]map[string]bool
	// proven says who first proved a mailbox of an account.
	proven map[string]int
}

func password(who int) string { return []string{"quiet harbour lamp", "green bicycle tower"}[who] }

func newVillage(private bool, change ...func(*Config)) (*village, error) {
	v := &village{
		clock: clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, boxes: map[string][]queuedMail{}, kinds: map[string][]mailer.Kind{},
		causes: map[string][]int{}, tried: [2]map[string]bool{{}, {}}, proven: map[string]int{},
	}
	var err error
	config := Config{
		BaseURL: "http://127.0.0.1:8080", Secrets: Secrets("q7Wm2ZpX9rTe4UvB8nKc1LsD6fGhJ0yAiR3oVtYu"), Store: tap{memory.New(), &v.mails},
		Mailer:    mailer.Func(func(context.Context, mailer.Message) error { return nil }),
		Passwords: PasswordConfig{InsecureFastHash: true}, Logger: slog.New(slog.DiscardHandler),
		Now: v.time, InsecureNoLimits: true, PrivateSignUp: private,
	}
	for _, c := range change {
		c(&config)
	}
	v.Auth, err = New(config)
	return v, err
}

// play does the steps and says what rule broke, and at which step.
func play(steps []step, private bool) error {
	v, err := newVillage(private)
	if err != nil {
		return err
	}
	defer v.Close(context.Background())
	for i, s := range steps {
		v.advance(time.Second)
		if err := v.do(s); err != nil {
			return fmt.Errorf("step %d %+v: %w", i, s, err)
		}
		if err := v.deliver(); err != nil {
			return err
		}
		if err := v.check(); err != nil {
			return fmt.Errorf("step %d %+v: %w", i, s, err)
		}
	}
	return nil
}

func (v *village) deliver() error {
	for _, m := range v.mails {
		if m.Kind == outbox.Decoy {
			continue
		}
		plain, err := v.ring.Open(outbox.Purpose, []byte(m.ID), m.Sealed)
		if err != nil {
			return err
		}
		var letter queuedMail
		if err := json.Unmarshal(plain, &letter); err != nil {
			return err
		}
		v.boxes[letter.To] = append(v.boxes[letter.To], letter)
		v.kinds[letter.To] = append(v.kinds[letter.To], mailer.Kind(m.Kind))
		v.causes[letter.To] = append(v.causes[letter.To], v.acting)
	}
	v.mails = nil
	return nil
}

// do takes a step. What the library refuses is no error; what it gives to the
// wrong person is.
func (v *village) do(s step) error {
	ctx := context.Background()
	v.acting = s.who
	box := mailboxes[s.a%len(mailboxes)]
	switch s.op {
	case doSignUp:
		result, err := v.SignUps.Create(ctx, SignUpParams{Email: box, Password: password(s.who), Name: "A"})
		if err == nil && result.SignedIn != nil {
			v.sessions[s.who] = append(v.sessions[s.who], *result.SignedIn)
		}
		if user, ok := v.at(box); ok {
			v.tried[s.who][user.ID] = true
		}
	case doSignIn:
		if signed, err := v.Passwords.SignIn(ctx, SignInParams{Email: box, Password: password(s.who)}); err == nil {
			v.sessions[s.who] = append(v.sessions[s.who], signed)
			if signed.User.Email != box {
				return fmt.Errorf("signing in as %s opens %s", box, signed.User.Email)
			}
		}
	case doLink:
		_, err := v.MagicLinks.Request(ctx, MagicLinkParams{Email: box, SignUp: s.b%2 == 0})
		return err
	case doReset:
		return v.PasswordResets.Request(ctx, LinkParams{Email: box})
	case doResend:
		return v.Verifications.Request(ctx, LinkParams{Email: box})
	case doOpen:
		return v.open(s)
	case doChange:
		if n := len(v.sessions[s.who]); n > 0 {
			access := v.sessions[s.who][s.b%n].Tokens.AccessToken
			if user, _, err := v.VerifyToken(ctx, access); err == nil {
				_ = v.EmailChanges.Request(ctx, EmailChangeParams{UserID: user.ID, Email: box})
			}
		}
	case doImport:
		hash, err := v.hasher.Hash(ctx, "", password(ownerOf(box)))
		if err != nil {
			return err
		}
		_, err = v.Imports.Users(ctx, []ImportUserParams{{Email: box, Name: "A", PasswordHash: hash, EmailVerified: true}})
		if errors.Is(err, ErrInvalidRequest) {
			return nil // the address is reserved
		}
		return err
	}
	return nil
}

// open takes a mail out of one of somebody's own mailboxes and does what its
// reader would do.
func (v *village) open(s step) error {
	ctx := context.Background()
	box := mailboxes[s.who+2*(s.a%2)]
	letters := v.boxes[box]
	if len(letters) == 0 {
		return nil
	}
	i := len(letters) - 1 - s.b%len(letters)
	link, err := url.Parse(letters[i].Values.Link)
	token := link.Query().Get("token")
	if err != nil || token == "" {
		return err
	}
	found, before, failed := v.holds(token)
	if failed != nil {
		return nil //nolint:nilerr // the link is dead
	}
	switch v.kinds[box][i] {
	case mailer.SignupConfirmation:
		if !v.tried[s.who][found.UserID] {
			if s.b%3 == 0 {
				_ = v.Verifications.Disown(ctx, TokenParams{Token: token})
			}
			return nil
		}
		err = v.Verifications.Confirm(ctx, TokenParams{Token: token})
	case mailer.EmailVerification:
		if v.causes[box][i] != s.who {
			return nil // a change of address that somebody else has begun
		}
		err = v.EmailChanges.Confirm(ctx, TokenParams{Token: token})
	case mailer.PasswordReset:
		_, err = v.PasswordResets.Confirm(ctx, ConfirmPasswordResetParams{Token: token, NewPassword: password(s.who)})
	case mailer.EmailChanged:
		err = v.EmailChanges.Undo(ctx, token)
	case mailer.MagicLink:
		signed, failed := v.MagicLinks.Redeem(ctx, token)
		if failed != nil {
			return nil //nolint:nilerr // refused
		}
		v.sessions[s.who] = append(v.sessions[s.who], signed)
		before.ID, err = signed.User.ID, nil
	}
	if err != nil {
		return nil //nolint:nilerr // refused
	}
	if _, ok := v.proven[before.ID]; !ok {
		v.proven[before.ID] = s.who
	}
	after, err := v.store.User(ctx, tenant, before.ID)
	if err == nil && after.Email != box {
		err = fmt.Errorf("a secret mailed to %s got the account of %s", box, after.Email)
	}
	return err
}

// holds finds the token of a link, whatever its kind.
func (v *village) holds(token string) (store.Token, store.User, error) {
	for _, kind := range []string{kindVerify, kindChange, kindReset, kindUndo, kindMagic} {
		found, err := v.store.Token(context.Background(), tenant, kind, hashSecret(token))
		if err == nil {
			user, err := v.store.User(context.Background(), tenant, found.UserID)
			if found.UserID == "" {
				err = nil
			}
			return found, user, err
		}
	}
	return store.Token{}, store.User{}, store.ErrNotFound
}

func (v *village) at(box string) (store.User, bool) {
	address, err := emailaddress.Parse(box)
	if err != nil {
		return store.User{}, false
	}
	user, err := v.store.UserByEmail(context.Background(), tenant, address.Key)
	return user, err == nil
}

// check asks who has which account.
func (v *village) check() error {
	ctx := context.Background()
	for _, box := range mailboxes {
		user, ok := v.at(box)
		if _, proven := v.proven[user.ID]; !ok || user.EmailVerifiedAt.IsZero() && !proven {
			continue
		}
		owner := ownerOf(user.Email)
		if first, ok := v.proven[user.ID]; ok && first != owner {
			return fmt.Errorf("the account that %d proved has the address %s of the other", first, user.Email)
		}
		v.proven[user.ID] = owner
		other := 1 - owner
		for _, signed := range v.sessions[other] {
			if who, _, err := v.VerifyToken(ctx, signed.Tokens.AccessToken); err == nil && who.ID == user.ID {
				return fmt.Errorf("%d has a session of the account of %s", other, user.Email)
			}
		}
		if known, err := v.store.Password(ctx, tenant, user.ID); err == nil {
			if matches, _, err := v.hasher.Verify(ctx, "", known.Hash, password(other)); err == nil && matches {
				return fmt.Errorf("%d knows the password of the account of %s", other, user.Email)
			}
		}
	}
	return nil
}

// shrink leaves steps out for as long as the rest still breaks the rule.
func shrink(steps []step, private bool) []step {
	for size := len(steps) / 2; size > 0; {
		shorter := false
		for i := 0; i+size <= len(steps); i++ {
			if rest := slices.Concat(steps[:i], steps[i+size:]); play(rest, private) != nil {
				steps, shorter = rest, true
				break
			}
		}
		if !shorter {
			size /= 2
		}
	}
	return steps
}

func (s step) String() string { return fmt.Sprintf("{%d, %d, %d, %d}", s.who, s.op, s.a, s.b) }

// What the test below has found where a rule was missing, shrunk.
func TestOwnershipHoldsWhereItOnceBroke(t *testing.T) {
	for name, steps := range map[string][]step{
		"S16 the first of two registrants knows the password": {{0, 0, 1, 3}, {1, 0, 1, 3}, {1, 5, 0, 5}},
		"S3 a mistyped address takes the change back":         {{0, 0, 1, 5}, {0, 6, 2, 0}, {0, 5, 3, 2}, {1, 5, 2, 0}},
		"S8 two mailboxes were one key":                       {{1, 7, 1, 5}, {1, 1, 0, 2}},
		"LK-02 a link leaves what was planted":                {{0, 0, 1, 0}, {1, 2, 1, 0}, {1, 5, 0, 0}},
		"both begin a change to the mailbox of one of them":   {{0, 0, 3, 0}, {0, 6, 0, 4}, {1, 7, 3, 1}, {1, 1, 3, 4}, {1, 6, 0, 5}, {0, 5, 2, 2}},
	} {
		for _, private := range []bool{false, true} {
			if err := play(steps, private); err != nil {
				t.Errorf("%s, private sign-up %v: %v", name, private, err)
			}
		}
	}
}

func TestOwnershipHoldsInEveryOrder(t *testing.T) {
	runs := 400
	if testing.Short() {
		runs = 40
	}
	start := uint64(time.Now().UnixNano())
	for seed := start; seed < start+uint64(runs); seed++ {
		chance := rand.New(rand.NewPCG(seed, 0))
		steps := make([]step, 40)
		for i := range steps {
			steps[i] = step{chance.IntN(2), chance.IntN(operations), chance.IntN(4), chance.IntN(6)}
			if chance.IntN(2) == 0 {
				steps[i].op = doOpen // mails are there to be read
			}
		}
		private := seed%2 == 0
		if err := play(steps, private); err != nil {
			small := shrink(steps, private)
			var lines []string
			for _, s := range small {
				lines = append(lines, s.String())
			}
			t.Fatalf("seed %d, private sign-up %v: %v\nshrunk: %v\n{%s}", seed, private, err, play(small, private), strings.Join(lines, ", "))
		}
	}
	t.Logf("seeds %d and the %d after it", start, runs-1)
}
