package e2e_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/sqlite"
)

// onEachStore runs a benchmark of rules, without HTTP and without the cost of
// hashing, with the limits that hosts have.
func onEachStore(b *testing.B, run func(b *testing.B, a *admit.Auth), options ...func(*admit.Config)) {
	for _, name := range []string{"memory", "sqlite"} {
		b.Run(name, func(b *testing.B) {
			var records store.Store = memory.New()
			if name == "sqlite" {
				db, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"))
				if err != nil {
					b.Fatal(err)
				}
				defer db.Close()
				file := sqlite.New(db)
				if err := file.Migrate(context.Background()); err != nil {
					b.Fatal(err)
				}
				records = file
			}
			config := admit.Config{
				BaseURL: "http://127.0.0.1:8080", Secrets: admit.Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"),
				Store: records, Mailer: mailer.Log{Writer: io.Discard}, Logger: slog.New(slog.DiscardHandler),
				Passwords: admit.PasswordConfig{InsecureFastHash: true},
			}
			for _, option := range options {
				option(&config)
			}
			a, err := admit.New(config)
			if err != nil {
				b.Fatal(err)
			}
			defer a.Close(context.Background())
			b.ReportAllocs()
			run(b, a)
		})
	}
}

func benchmarkUser(b *testing.B, a *admit.Auth) *admit.SignedIn {
	signed, err := a.SignUps.Create(context.Background(), admit.SignUpParams{
		Email: "ann@example.test", Password: "quiet-harbour-lamp", Name: "Ann",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	return signed.SignedIn
}

// A hundred users take turns, since nobody signs in two thousand times.
func BenchmarkSignInWithoutHash(b *testing.B) {
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		emails := make([]string, 100)
		for i := range emails {
			emails[i] = fmt.Sprintf("ann%d@example.test", i)
			_, err := a.Users.Create(context.Background(), admit.CreateUserParams{Email: emails[i], InsecurePassword: "quiet-harbour-lamp", Name: "Ann"})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ResetTimer()
		for i := range b.N {
			_, err := a.Passwords.SignIn(context.Background(), admit.SignInParams{Email: emails[i%len(emails)], Password: "quiet-harbour-lamp"})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRefresh(b *testing.B) {
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		signed := benchmarkUser(b, a)
		for b.Loop() {
			next, err := a.Sessions.Refresh(context.Background(), signed.Tokens.RefreshToken)
			if err != nil {
				b.Fatal(err)
			}
			signed = &next
		}
	})
}

func BenchmarkVerifyToken(b *testing.B) {
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		signed := benchmarkUser(b, a)
		for b.Loop() {
			if _, _, err := a.VerifyToken(context.Background(), signed.Tokens.AccessToken); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The requests for mail are measured without limits and without sending.
func withoutLimits(c *admit.Config) { c.InsecureNoLimits = true }

func BenchmarkResetRequest(b *testing.B) {
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		benchmarkUser(b, a)
		for b.Loop() {
			if err := a.PasswordResets.Request(context.Background(), admit.LinkParams{Email: "ann@example.test", CallbackURL: ""}); err != nil {
				b.Fatal(err)
			}
		}
	}, withoutLimits)
}

func BenchmarkMagicLinkRequest(b *testing.B) {
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		benchmarkUser(b, a)
		for b.Loop() {
			if _, err := a.MagicLinks.Request(context.Background(), admit.MagicLinkParams{Email: "ann@example.test", CallbackURL: "http://127.0.0.1:8080/in", SignUp: false}); err != nil {
				b.Fatal(err)
			}
		}
	}, withoutLimits)
}

// The second half of a sign-in: a ticket and a code of an authenticator app. The
// clock goes on by a step each time, and the tickets are made before.
func BenchmarkSecondFactor(b *testing.B) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		ctx := context.Background()
		const people = 50
		var apps [people]harness.App
		for i := range apps {
			made, err := a.SignUps.Create(ctx, admit.SignUpParams{Email: fmt.Sprintf("ann%d@example.test", i), Password: "quiet-harbour-lamp", Name: "Ann"})
			if err != nil {
				b.Fatal(err)
			}
			setup, err := a.MFA.Enable(ctx, admit.EnableMFAParams{UserID: made.SignedIn.User.ID, Password: "quiet-harbour-lamp"})
			if err != nil {
				b.Fatal(err)
			}
			apps[i].Secret = setup.Secret
			if _, err := a.MFA.Confirm(ctx, admit.ConfirmMFAParams{UserID: made.SignedIn.User.ID, Code: apps[i].Code(now)}); err != nil {
				b.Fatal(err)
			}
		}
		b.ResetTimer()
		for i := range b.N {
			b.StopTimer()
			if i%people == 0 {
				now = now.Add(30 * time.Second)
			}
			_, err := a.Passwords.SignIn(ctx, admit.SignInParams{Email: fmt.Sprintf("ann%d@example.test", i%people), Password: "quiet-harbour-lamp"})
			refusal, _ := err.(*admit.Error) //nolint:errorlint // nothing wraps it here
			if refusal == nil {
				b.Fatal(err)
			}
			ticket := refusal.Details["mfaToken"].(string)
			b.StartTimer()
			if _, err := a.MFA.Verify(ctx, admit.VerifyMFAParams{Ticket: ticket, Code: apps[i%people].Code(now)}); err != nil {
				b.Fatal(err)
			}
		}
	}, func(c *admit.Config) { c.Now = func() time.Time { return now } })
}

func BenchmarkProfile(b *testing.B) {
	onEachStore(b, func(b *testing.B, a *admit.Auth) {
		ctx, id := context.Background(), benchmarkUser(b, a).User.ID
		b.Run("change", func(b *testing.B) {
			for i := range b.N {
				if _, err := a.Profiles.Update(ctx, admit.UpdateProfileParams{UserID: id, Bio: admit.Some(fmt.Sprint(i))}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("read", func(b *testing.B) {
			for range b.N {
				if _, err := a.Profiles.Get(ctx, id); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
