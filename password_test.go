package admit

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// TestAC030_EverySignInCostsOneHash counts derivations instead of measuring
// time: whoever an address belongs to, and whether or not there is a password,
// the work is the same (AE-02).
func TestAC030_EverySignInCostsOneHash(t *testing.T) {
	ctx := context.Background()
	s := memory.New()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	a, err := New(Config{
		BaseURL: "https://app.example", Secrets: Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"),
		Store: s, Mailer: &mailer.Recorder{}, Now: func() time.Time { return now },
		Passwords: PasswordConfig{InsecureFastHash: true}, InsecureNoLimits: true,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(ctx)
	const password = "Kupfer-Wolke-7319"
	create := func(email, password string) User {
		t.Helper()
		user, err := a.Users.Create(ctx, CreateUserParams{Email: email, Name: "Ada", InsecurePassword: password})
		if err != nil {
			t.Fatal(err)
		}
		return user
	}
	create("known@x.test", password)
	create("no-password@x.test", "")
	banned, deleted, older := create("banned@x.test", password), create("deleted@x.test", password), create("older@x.test", password)
	if err := a.Users.Ban(ctx, BanParams{UserID: banned.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteUser(ctx, "", deleted.ID, now, time.Time{}); err != nil {
		t.Fatal(err)
	}
	stored, err := s.Password(ctx, "", older.ID)
	if err != nil {
		t.Fatal(err)
	}
	weaker := passhash.New(passhash.Params{MemoryKiB: 8, Time: 2, Threads: 1}, passhash.Limits{})
	if stored.Hash, err = weaker.Hash(ctx, "", password); err != nil {
		t.Fatal(err)
	}
	if err := s.PutPassword(ctx, stored); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]struct {
		email, password string
		want            uint64
	}{
		"the right password":                  {"known@x.test", password, 1},
		"a wrong password":                    {"known@x.test", "Wrong-Wolke-7319", 1},
		"nobody":                              {"unknown@x.test", password, 1},
		"an account without password":         {"no-password@x.test", password, 1},
		"a banned account, right password":    {"banned@x.test", password, 1},
		"a banned account, wrong password":    {"banned@x.test", "Wrong-Wolke-7319", 1},
		"a deleted account":                   {"deleted@x.test", password, 1},
		"other parameters, wrong password":    {"older@x.test", "Wrong-Wolke-7319", 1},
		"no address":                          {"not an address", password, 0},
		"a password that is longer than any":  {"known@x.test", string(make([]byte, 200)), 0},
		"one character more than the longest": {"known@x.test", strings.Repeat("é", 129), 0},
		"ten megabytes":                       {"known@x.test", strings.Repeat("x", 10<<20), 0},
	} {
		before := a.hasher.Runs()
		_, _ = a.Passwords.SignIn(ctx, SignInParams{Email: try.email, Password: try.password})
		if got := a.hasher.Runs() - before; got != try.want {
			t.Errorf("%s: %d derivations, want %d", name, got, try.want)
		}
	}
}
