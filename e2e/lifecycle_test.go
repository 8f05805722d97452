package e2e_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// TestUsersOfAnotherAuthAreStrangers: a host with one Auth for its customers and
// one for its staff may put the guards of both before a handler.
func TestUsersOfAnotherAuthAreStrangers(t *testing.T) {
	staff, customers := harness.New(t), harness.New(t)
	customer := customers.SignUp("a@x.test")
	reached := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, guard := range map[string]func(http.Handler) http.Handler{
		"RequireUser":      staff.Auth.RequireUser,
		"OptionalUser":     staff.Auth.OptionalUser,
		"RequireVerified":  staff.Auth.RequireVerified,
		"RequireKey":       staff.Auth.RequireKey("posts:write"),
		"RequireUserOrKey": staff.Auth.RequireUserOrKey("posts:write"),
		"RequireRecent":    staff.Auth.RequireRecent,
		"RequireRole":      staff.Auth.RequireRole("user"),
		"RequirePolicy":    staff.Auth.RequirePolicy("user", nil),
	} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Authorization", "Bearer "+customer.Access)
		answer := httptest.NewRecorder()
		customers.Auth.OptionalUser(guard(reached)).ServeHTTP(answer, request)
		if answer.Code != http.StatusUnauthorized {
			t.Errorf("%s of the staff lets a customer pass: %d", name, answer.Code)
		}
	}
}

// TestAC216_WhatIsMissingIsNamed: every problem of a configuration stands on a
// line of its own, after the name of its field.
func TestAC216_WhatIsMissingIsNamed(t *testing.T) {
	_, err := admit.New(admit.Config{})
	if err == nil {
		t.Fatal("a configuration without anything is taken")
	}
	for _, field := range []string{"BaseURL", "Secrets", "Store", "Mailer"} {
		if !strings.Contains(err.Error(), "\n"+field+" is missing") {
			t.Errorf("%s is not named", field)
		}
	}
	_, err = admit.New(admit.Config{
		BaseURL: "http://app.example", Secrets: admit.Secrets("changeme"), AllowedOrigins: []string{"*"}, AllowedRedirects: []string{"*"},
		Sessions: admit.SessionConfig{Algorithm: "none"}, Passwords: admit.PasswordConfig{MinLength: 4},
	})
	if err == nil {
		t.Fatal("a configuration without anything good is taken")
	}
	lines := strings.Split(err.Error(), "\n")[1:]
	for _, line := range lines {
		field, _, _ := strings.Cut(line, " ")
		switch strings.TrimSuffix(field, ":") {
		case "BaseURL", "Secrets", "Store", "Mailer", "AllowedOrigins", "AllowedRedirects", "Sessions.Algorithm", "Passwords.MinLength":
		default:
			t.Errorf("this line names no field: %s", line)
		}
	}
	if got := strings.Count(err.Error(), "http is "); got != 1 {
		t.Errorf("the base URL is told of %d times", got)
	}
}

// TestAC216_ClosingTwiceAndCallingAfterwardsIsNoFault: what was acknowledged
// after Close is in the store, and its mail waits there for another process.
func TestAC216_ClosingTwiceAndCallingAfterwardsIsNoFault(t *testing.T) {
	mail, records := &mailer.Recorder{}, memory.New()
	config := admit.Config{
		BaseURL: harness.BaseURL, Secrets: admit.Secrets(harness.Secret), Store: records, Mailer: mail, // no Logger, no Now
		OnEvent:   func(context.Context, admit.Event) error { return nil },
		Passwords: admit.PasswordConfig{InsecureFastHash: true},
	}
	auth, err := admit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	signUp := func(email string) *admit.SignedIn {
		signed, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: email, Password: harness.Password, Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		return signed.SignedIn
	}
	const waiting = 30 // more than the worker sends before it is told to stop
	for i := range waiting {
		signUp(fmt.Sprintf("a%d@x.test", i))
	}
	var closing sync.WaitGroup
	for range 4 {
		closing.Go(func() {
			if err := auth.Close(context.Background()); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	closing.Wait()
	sent := len(mail.Messages())
	if sent != waiting {
		t.Errorf("%d of %d mails were sent before the end", sent, waiting)
	}
	signed := signUp("b@x.test")
	if _, _, err := auth.VerifyToken(t.Context(), signed.Tokens.AccessToken); err != nil {
		t.Errorf("a token after Close: %v", err)
	}
	auth.Start()
	if err := auth.Close(context.Background()); err != nil {
		t.Errorf("close again: %v", err)
	}
	if got := len(mail.Messages()); got != sent {
		t.Errorf("a closed Auth sent %d mails", got-sent)
	}

	next, err := admit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	next.Start()
	if err := next.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if got := len(mail.Messages()); got != sent+1 {
		t.Errorf("the next process sent %d mails, want the one that waited", got-sent)
	}
}

// TestAC216_ProcessesThatStartTogetherAgreeOnTheSecret: the file is missing, and
// all of them make it.
func TestAC216_ProcessesThatStartTogetherAgreeOnTheSecret(t *testing.T) {
	path, records := filepath.Join(t.TempDir(), "admit.secret"), memory.New()
	auths := make([]*admit.Auth, 16)
	var starting sync.WaitGroup
	for i := range auths {
		starting.Go(func() {
			var err error
			auths[i], err = admit.New(admit.Config{
				BaseURL: harness.BaseURL, Secrets: admit.SecretFile(path), Store: records, Mailer: &mailer.Recorder{},
				Passwords: admit.PasswordConfig{InsecureFastHash: true},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	if t.Failed() {
		return
	}
	if file, err := os.Stat(path); err != nil || file.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", file, err)
	}
	signed, err := auths[0].SignUps.Create(t.Context(), admit.SignUpParams{Email: "a@x.test", Password: harness.Password, Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	defer auths[0].Close(context.Background())
	for _, auth := range auths[1:] {
		if _, err := auth.Sessions.Refresh(t.Context(), signed.SignedIn.Tokens.RefreshToken); err != nil {
			t.Errorf("another process refuses the token: %v", err)
		}
		if err := auth.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestAC218_WithoutRandomnessNothingIsIssued: a random source that fails ends
// the process (crypto/rand), so it runs in one of its own.
func TestAC218_WithoutRandomnessNothingIsIssued(t *testing.T) {
	if os.Getenv("ADMIT_TEST_BROKEN_RANDOM") != "" {
		signUpWithoutRandomness(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestAC218_WithoutRandomnessNothingIsIssued$", "-test.v")
	child.Env = append(os.Environ(), "ADMIT_TEST_BROKEN_RANDOM=1")
	out, err := child.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) || !strings.Contains(string(out), "failed to read random data") {
		t.Errorf("the process ended with %v:\n%s", err, out)
	}
	if strings.Contains(string(out), issued) {
		t.Errorf("something was issued:\n%s", out)
	}
	if !strings.Contains(string(out), "ready") {
		t.Errorf("it did not come as far as the failure:\n%s", out)
	}
}

const issued = "signed up without randomness"

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the random source is broken") }

func signUpWithoutRandomness(t *testing.T) {
	auth, err := admit.New(admit.Config{
		BaseURL: harness.BaseURL, Secrets: admit.Secrets(harness.Secret), Store: memory.New(), Mailer: &mailer.Recorder{},
		Passwords: admit.PasswordConfig{InsecureFastHash: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close(context.Background())
	if _, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "a@x.test", Password: harness.Password, Name: "Ada"}); err != nil {
		t.Fatal(err)
	}
	t.Log("ready")
	rand.Reader = brokenReader{}
	signed, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "b@x.test", Password: harness.Password, Name: "Ada"})
	t.Log(issued, signed, err)
}
