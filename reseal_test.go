package admit_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	pquerna "github.com/pquerna/otp/totp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/sealed"
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
	// The key of the audit log is made by a worker; from here on it is there.
	if _, err := old.Events.Verify(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	both := newHost(t, onStore(s, nil, newerSecret, olderSecret))
	var last, total int
	if err := both.Sealing.Reseal(context.Background(), func(done, of int) { last, total = done, of }); err != nil {
		t.Fatal(err)
	}
	if last != total || total != 3 {
		t.Errorf("progress ends at %d of %d rows, want 3 of 3: two keys and a message", last, total)
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
	// The key of the audit log is made by a worker; from here on it is there.
	if _, err := old.Events.Verify(ctx, ""); err != nil {
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

// tokenProvider is a provider whose people are who their code says. It gives tokens,
// and refuses another client secret than that of the settings.
type tokenProvider struct{}

func (tokenProvider) Name() string { return "tokens" }
func (tokenProvider) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: "id", ClientSecret: "of-the-code"}
}
func (tokenProvider) Check() error { return nil }

func (tokenProvider) Begin(context.Context, admit.ProviderCredentials, admit.ProviderRequest) (string, error) {
	return "https://tokens.test/", nil
}

func (tokenProvider) Finish(_ context.Context, c admit.ProviderCredentials, in admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	if c.ClientSecret != "of-the-settings" {
		return admit.ProviderIdentity{}, admit.ErrInvalidOAuthCode
	}
	return admit.ProviderIdentity{
		Issuer: "https://tokens.test", Subject: in.Code, Email: in.Code + "@example.test", Proof: admit.ProofAsserted,
		Tokens: admit.ProviderTokens{AccessToken: "access of " + in.Code, RefreshToken: "refresh"},
	}, nil
}

func withTokenProvider(c *admit.Config) {
	c.Providers, c.KeepTokens = []admit.Provider{tokenProvider{}}, true
}

// boxed is a text that is sealed with a secret, in base64 as JSON has it.
func boxed(t *testing.T, secret, purpose, bound, text string) string {
	t.Helper()
	ring, err := sealed.New([][]byte{[]byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	box, err := ring.Seal(purpose, []byte(bound), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(box)
}

// createSettings writes the settings of tokenProvider.
func createSettings(t *testing.T, s store.Store, secret string) {
	t.Helper()
	data := `{"v":1,"secret":"` + boxed(t, secret, "provider-settings", "tokens", "of-the-settings") + `"}`
	if err := s.CreateRecord(context.Background(), store.Record{Kind: "provider-settings", ID: "tokens", Data: []byte(data), CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// arrive signs a person in by tokenProvider and returns the account.
func arrive(t *testing.T, h *host, subject string) string {
	t.Helper()
	status, answer := h.call(http.MethodPost, "/v1/auth/tokens/callback", "", map[string]string{"code": subject})
	token, _ := answer["accessToken"].(string)
	if status != http.StatusOK || token == "" {
		t.Fatalf("%s arrives: %d %v", subject, status, answer)
	}
	_, me := h.call(http.MethodGet, "/v1/auth/me", token, nil)
	id, _ := me["id"].(string)
	return id
}

func TestAfterResealProvidersWorkWithoutTheOldSecret(t *testing.T) {
	s := memory.New()
	ctx := context.Background()
	createSettings(t, s, olderSecret)
	before := newHost(t, onStore(s, nil, olderSecret), withTokenProvider)
	id := arrive(t, before, "ann")
	// The key of the audit log is made by a worker; from here on it is there.
	if _, err := before.Events.Verify(ctx, ""); err != nil {
		t.Fatal(err)
	}
	var last, total int
	err := newHost(t, onStore(quiet{s}, nil, newerSecret, olderSecret)).Sealing.Reseal(ctx, func(done, of int) { last, total = done, of })
	if err != nil {
		t.Fatal(err)
	}
	_, waiting, err := s.ListMail(ctx, "", store.QueueMail, false, store.Page{Number: 1, Limit: 1})
	if want := 4 + waiting; err != nil || last != total || total != want {
		t.Errorf("progress ends at %d of %d rows, want %d: two keys, an identity, settings and %d messages; %v", last, total, want, waiting, err)
	}
	newer := newHost(t, onStore(s, nil, newerSecret), withTokenProvider)
	tokens, err := newer.Identities.Token(ctx, admit.ProviderTokenParams{UserID: id, Provider: "tokens"})
	if err != nil || tokens.AccessToken != "access of ann" || tokens.RefreshToken != "refresh" {
		t.Errorf("the tokens from before: %q, %q, %v", tokens.AccessToken, tokens.RefreshToken, err)
	}
	if arrive(t, newer, "bob") == id {
		t.Error("bob is ann")
	}
}

func TestResealReachesEveryRecordAndNamesThoseThatCannotBeRead(t *testing.T) {
	s := memory.New()
	ctx := context.Background()
	const people = 250
	for i := range people {
		id := fmt.Sprintf("i%03d", i)
		data := fmt.Sprintf(`{"v":1,"user":"u","provider":"tokens","issuer":"x","subject":%q,"tokens":%q}`, id, boxed(t, olderSecret, "provider-tokens", "identity "+id+" u", "{}"))
		switch i {
		case 0: // no tokens were kept
			data = `{"v":1,"user":"u","provider":"tokens","issuer":"x","subject":"i000"}`
		case 120:
			data = `{"v":2}`
		case 121: // sealed for another account
			data = strings.Replace(data, `"user":"u"`, `"user":"v"`, 1)
		}
		if err := s.CreateRecord(ctx, store.Record{Kind: "identity", ID: id, Data: []byte(data), CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	err := newHost(t, onStore(s, nil, newerSecret, olderSecret)).Sealing.Reseal(ctx, nil)
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "identity i120: ") || !strings.Contains(err.Error(), "identity i121: ") {
		t.Errorf("the error does not name the two records alone: %v", err)
	}
	newer, err := sealed.New([][]byte{[]byte(newerSecret)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range people {
		r, err := s.Record(ctx, "", "identity", fmt.Sprintf("i%03d", i))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(r.Data), `"tokens":"`)
		box, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(rest, `"}`))
		if err != nil || newer.Current(box) == (i == 0 || i == 120 || i == 121) {
			t.Errorf("%s: %s, %v", r.ID, r.Data, err)
		}
	}
}

// contested is a store in which somebody else changes a record before each of the
// first writes.
type contested struct {
	store.Store
	left int
}

func (c *contested) SwapRecord(ctx context.Context, r store.Record) (bool, error) {
	if c.left > 0 {
		c.left--
		now, err := c.Record(ctx, r.Tenant, r.Kind, r.ID)
		if err != nil {
			return false, err
		}
		if won, err := c.Store.SwapRecord(ctx, now); err != nil || !won {
			return won, errors.Join(err, errors.New("the record was contested already"))
		}
	}
	return c.Store.SwapRecord(ctx, r)
}

// A record that changes between reading and writing still has its old box. The
// second change comes in a round that changes nothing else.
func TestResealComesBackToARecordThatChangedMeanwhile(t *testing.T) {
	s := memory.New()
	createSettings(t, s, olderSecret)
	busy := &contested{s, 2}
	if err := newHost(t, onStore(busy, nil, newerSecret, olderSecret)).Sealing.Reseal(context.Background(), nil); err != nil || busy.left != 0 {
		t.Fatalf("%v, with %d changes left", err, busy.left)
	}
	arrive(t, newHost(t, onStore(s, nil, newerSecret), withTokenProvider), "ann")
}
