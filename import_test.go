package admit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/admit-go/admit"
)

// bcryptOf is bcrypt of "correct horse battery staple".
const bcryptOf = "$2b$05$BXcZMvpAkOOLa7EzzZVkp.NY9t6CNNXqQ.V5c7NSzL2GFn/m4Ve3a"

const imported = "correct horse battery staple"

func (h *host) imports(in admit.ImportUserParams) admit.ImportedUser {
	h.t.Helper()
	got, err := h.Imports.User(context.Background(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

func (h *host) signsIn(email, password string) (admit.User, error) {
	signed, err := h.Passwords.SignIn(context.Background(), admit.SignInParams{Email: email, Password: password})
	if err != nil {
		return admit.User{}, err
	}
	return signed.User, nil
}

func TestS12_AnImportOfAVerifiedUserClaimsASquattersAccount(t *testing.T) {
	h, ctx := newHost(t), context.Background()
	squatter, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "owner@example.com", Name: "Squatter", Password: "quiet-harbour-lamp"})
	if err != nil {
		t.Fatal(err)
	}
	// An import that vouches for nothing leaves the account alone.
	record := admit.ImportUserParams{Email: "Owner@example.com", Name: "Owner", PasswordHash: bcryptOf}
	if got := h.imports(record); got.Outcome != admit.ImportUnchanged || got.User.Name != "Squatter" {
		t.Fatalf("an unverified record: %+v", got)
	}
	record.EmailVerified = true
	got := h.imports(record)
	if got.Outcome != admit.ImportClaimed || got.User.ID != squatter.SignedIn.User.ID || got.User.Name != "Owner" || got.User.EmailVerifiedAt.IsZero() {
		t.Fatalf("claimed as %+v", got)
	}
	if _, _, err := h.VerifyToken(ctx, squatter.SignedIn.Tokens.AccessToken); err == nil {
		t.Error("the squatter's access token is taken")
	}
	if _, err := h.Sessions.Refresh(ctx, squatter.SignedIn.Tokens.RefreshToken); err == nil {
		t.Error("the squatter's refresh token is taken")
	}
	if _, err := h.signsIn("owner@example.com", "quiet-harbour-lamp"); !errors.Is(err, admit.ErrInvalidCredentials) {
		t.Errorf("the squatter's password: %v", err)
	}
	if user, err := h.signsIn("owner@example.com", imported); err != nil || user.Name != "Owner" {
		t.Errorf("the owner: %+v, %v", user, err)
	}
	if again := h.imports(record); again.Outcome != admit.ImportUnchanged {
		t.Errorf("again: %+v", again)
	}
}

func TestImportingAgainMendsWhatTheFileNowSays(t *testing.T) {
	h := newHost(t)
	record := admit.ImportUserParams{Email: "ann@example.com"}
	if got := h.imports(record); got.Outcome != admit.ImportCreated || got.User.Name != "ann" {
		t.Fatalf("first: %+v", got)
	}
	for _, change := range []func(){
		func() { record.Name = "Ann Lee" },
		func() { record.EmailVerified = true },
		func() { record.Role = "editor" },
		func() { record.PasswordHash = bcryptOf },
		func() { record.Locale = "de" },
	} {
		change()
		if got := h.imports(record); got.Outcome != admit.ImportUpdated {
			t.Fatalf("%+v: %+v", record, got)
		}
		if got := h.imports(record); got.Outcome != admit.ImportUnchanged {
			t.Fatalf("%+v again: %+v", record, got)
		}
	}
	user, err := h.signsIn("ann@example.com", imported)
	if err != nil || user.Name != "Ann Lee" || user.EmailVerifiedAt.IsZero() || user.Role != "editor" || user.Locale != "de" {
		t.Fatalf("mended to %+v, %v", user, err)
	}
	// What a record no longer says stays.
	if got := h.imports(admit.ImportUserParams{Email: "ann@example.com"}); got.Outcome != admit.ImportUnchanged || got.User.Name != "Ann Lee" {
		t.Errorf("a record without facts: %+v", got)
	}
	record.Banned, record.BanReason = true, "disabled in phc"
	if got := h.imports(record); got.Outcome != admit.ImportUpdated || !got.User.Banned(h.Clock.Now()) {
		t.Errorf("banned: %+v", got)
	}
}

func TestImportingAgainLeavesWhatWasChangedSince(t *testing.T) {
	h, ctx := newHost(t), context.Background()
	record := admit.ImportUserParams{Email: "ann@example.com", Name: "Ann", EmailVerified: true, PasswordHash: bcryptOf}
	ann := h.imports(record).User
	if _, err := h.signsIn("ann@example.com", imported); err != nil { // the hash is one of ours from here on
		t.Fatal(err)
	}
	record.PasswordHash = "$2b$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO"
	h.imports(record)
	if _, err := h.signsIn("ann@example.com", imported); err != nil {
		t.Errorf("a password in use was replaced: %v", err)
	}
	if err := h.Users.SetRole(ctx, admit.SetRoleParams{UserID: ann.ID, Role: "editor"}); err != nil {
		t.Fatal(err)
	}
	record.Name, record.Role = "Somebody Else", "admin"
	if got := h.imports(record); got.Outcome != admit.ImportUnchanged || got.User.Name != "Ann" || got.User.Role != "editor" {
		t.Errorf("an account that an operator changed: %+v", got)
	}
}

func TestS21_AnImportedTimeOutsideTheYearsOfAnAccountIsRefused(t *testing.T) {
	h := newHost(t)
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(-1, 0), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(292277, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := h.Imports.User(context.Background(), admit.ImportUserParams{Email: "a@example.com", CreatedAt: at, EmailVerified: true})
		if !errors.Is(err, admit.ErrInvalidRequest) {
			t.Errorf("made at %v: %v", at, err)
		}
	}
}
