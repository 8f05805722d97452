package admit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	pquerna "github.com/pquerna/otp/totp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

const (
	olderSecret = "wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"
	newerSecret = "Zq4mN8bV1xC6kL0jH5gF9dS3aP7oI2uYtRwE"
)

// refusing is a mailer whose server takes nothing.
type refusing struct{ permanent bool }

func (m refusing) Send(context.Context, mailer.Message) error {
	err := errors.New("refused")
	if m.permanent {
		return &mailer.PermanentError{Err: err}
	}
	return err
}

func onStore(s store.Store, m mailer.Mailer, first string, others ...string) func(*admit.Config) {
	return func(c *admit.Config) {
		c.Store, c.Secrets = s, admit.Secrets(first, others...)
		if m != nil {
			c.Mailer = m
		}
	}
}

func TestAfterResealTheOldSecretOpensNothingThatIsNeeded(t *testing.T) {
	s := memory.New()
	old := newHost(t, onStore(s, refusing{permanent: true}, olderSecret))
	_, answer := old.call(http.MethodPost, "/v1/auth/email/signup", "", map[string]string{
		"email": "ann@example.test", "password": "quiet-harbour-lamp", "name": "Ann",
	})
	token, _ := answer["accessToken"].(string)
	await(t, "the message is given up", func() bool {
		dead, err := old.Outbox.Dead(context.Background(), admit.PageParams{Number: 1, Limit: 1})
		return err == nil && dead.Total == 1
	})
	if err := old.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	both := newHost(t, onStore(s, nil, newerSecret, olderSecret))
	var last, total int
	if err := both.Sealing.Reseal(context.Background(), func(done, of int) { last, total = done, of }); err != nil {
		t.Fatal(err)
	}
	if last != total || total != 2 {
		t.Errorf("progress ends at %d of %d rows, want 2 of 2: a key and a message", last, total)
	}

	newer := newHost(t, onStore(s, nil, newerSecret))
	if status, _ := newer.call(http.MethodGet, "/v1/auth/me", token, nil); status != http.StatusOK {
		t.Errorf("an access token from before answers %d", status)
	}
	list, err := newer.Outbox.Dead(context.Background(), admit.PageParams{Number: 1, Limit: 1})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("dead mail: %v, %v", list, err)
	}
	if err := newer.Outbox.Retry(context.Background(), list.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	if sent := len(newer.Mailbox.Messages()); sent != 1 {
		t.Errorf("%d messages are sent, want 1", sent)
	}
}

func TestResealReachesEveryMessage(t *testing.T) {
	s := memory.New()
	old := newHost(t, onStore(s, refusing{}, olderSecret), func(c *admit.Config) { c.InsecureNoLimits = true })
	const people = 250
	for i := range people {
		if _, err := old.MagicLinks.Request(context.Background(), admit.MagicLinkParams{Email: fmt.Sprintf("p%d@example.test", i), CallbackURL: "https://app.example/in", SignUp: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	both := newHost(t, onStore(quiet{s}, nil, newerSecret, olderSecret))
	if err := both.Sealing.Reseal(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	newer := newHost(t, onStore(s, nil, newerSecret))
	newer.Clock.Advance(time.Minute)
	if sent := len(newer.Mailbox.Messages()); sent != people {
		t.Errorf("%d messages are sent, want %d", sent, people)
	}
}

func TestResealNamesWhatNoSecretOpensAndDoesTheRest(t *testing.T) {
	s := memory.New()
	for i, secret := range []string{olderSecret, newerSecret} {
		h := newHost(t, onStore(quiet{s}, nil, secret))
		h.Clock.Advance(time.Duration(i) * time.Second) // mail is listed by its time
		if _, err := h.MagicLinks.Request(context.Background(), admit.MagicLinkParams{Email: "ann@example.test", CallbackURL: "https://app.example/in", SignUp: true}); err != nil {
			t.Fatal(err)
		}
	}
	list, _, err := s.ListMail(context.Background(), "", store.QueueMail, false, store.Page{Number: 1, Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("mail: %v, %v", list, err)
	}
	third := newHost(t, onStore(quiet{s}, nil, "m5R8tY1uI4oP7aS0dF3gH6jK9lZ2xC4vB7nQ", newerSecret))
	err = third.Sealing.Reseal(context.Background(), nil)
	if err == nil || !strings.Contains(err.Error(), list[0].ID) || strings.Contains(err.Error(), list[1].ID) {
		t.Errorf("the error names not the first message alone: %v", err)
	}
	after, _, err := s.ListMail(context.Background(), "", store.QueueMail, false, store.Page{Number: 1, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if string(after[0].Sealed) != string(list[0].Sealed) || string(after[1].Sealed) == string(list[1].Sealed) {
		t.Error("the message that could be opened is not the one that was sealed again")
	}
}

// quiet is a store from which no mail is sent.
type quiet struct{ store.Store }

func (quiet) NextMail(context.Context, string, string) (time.Time, error) { return time.Time{}, nil }

// await waits until a condition holds that another goroutine brings about.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("this does not happen: %s", what)
		case <-tick.C:
		}
	}
}

func TestAfterResealAnAppWorksWithoutTheOldSecret(t *testing.T) {
	s := memory.New()
	ctx := context.Background()
	old := newHost(t, onStore(s, nil, olderSecret))
	made, err := old.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.test", Password: "quiet-harbour-lamp", Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	id := made.SignedIn.User.ID
	setup, err := old.MFA.Enable(ctx, admit.EnableMFAParams{UserID: id, Password: "quiet-harbour-lamp"})
	if err != nil {
		t.Fatal(err)
	}
	code, err := pquerna.GenerateCode(setup.Secret, old.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := newHost(t, onStore(s, nil, newerSecret, olderSecret)).Sealing.Reseal(ctx, nil); err != nil {
		t.Fatal(err)
	}
	newer := newHost(t, onStore(s, nil, newerSecret))
	done, err := newer.MFA.Confirm(ctx, admit.ConfirmMFAParams{UserID: id, Code: code})
	if err != nil || len(done.BackupCodes) != 10 {
		t.Errorf("the setup from before gave %d codes, %v", len(done.BackupCodes), err)
	}
}
