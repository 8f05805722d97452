package admit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// kindsOf are the kinds of the events about an account, the oldest first.
func kindsOf(t *testing.T, h *host, userID string) (kinds []string) {
	t.Helper()
	events, err := h.Events.List(context.Background(), admit.ListEventsParams{UserID: userID})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestUsersAndEventsAreListedToTheirEnd(t *testing.T) {
	h, ctx := newHost(t), context.Background()
	var want []string
	for i := range 5 {
		user := h.imports(admit.ImportUserParams{Email: fmt.Sprintf("user%d@example.com", i), Name: "Ann", EmailVerified: i != 2, Role: []string{"user", "editor"}[i%2]}).User
		want = append(want, user.ID)
	}
	var got []string
	for in := (admit.ListUsersParams{Limit: 2}); ; {
		part, err := h.Users.List(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range part.Items {
			got = append(got, user.ID)
		}
		if in.After = part.Next; part.Next == "" {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("listed %v, want %v", got, want)
	}
	for _, c := range []struct {
		in   admit.ListUsersParams
		want int
	}{
		{admit.ListUsersParams{Search: "USER3"}, 1}, {admit.ListUsersParams{Role: "editor"}, 2}, {admit.ListUsersParams{Unverified: true}, 1},
		{admit.ListUsersParams{Banned: true}, 0}, {admit.ListUsersParams{}, 5},
	} {
		if part, err := h.Users.List(ctx, c.in); err != nil || len(part.Items) != c.want {
			t.Errorf("%+v lists %d, %v", c.in, len(part.Items), err)
		}
	}
	first, err := h.Events.List(ctx, admit.ListEventsParams{Kind: "user.created", Limit: 4})
	if err != nil || len(first.Items) != 4 || first.Next != first.Items[3].ID {
		t.Errorf("the first events: %+v, %v", first, err)
	}
	rest, err := h.Events.List(ctx, admit.ListEventsParams{Kind: "user.created", Limit: 4, After: first.Next})
	if err != nil || len(rest.Items) != 1 || rest.Next != "" {
		t.Errorf("the rest: %+v, %v", rest, err)
	}
	for _, limit := range []int{-1, 1001} {
		if _, err := h.Users.List(ctx, admit.ListUsersParams{Limit: limit}); !errors.Is(err, admit.ErrInvalidRequest) {
			t.Errorf("users, limit %d: %v", limit, err)
		}
		if _, err := h.Events.List(ctx, admit.ListEventsParams{Limit: limit}); !errors.Is(err, admit.ErrInvalidRequest) {
			t.Errorf("events, limit %d: %v", limit, err)
		}
	}
	if _, err := h.Users.List(ctx, admit.ListUsersParams{Search: "a\x00b"}); !errors.Is(err, admit.ErrInvalidRequest) {
		t.Errorf("text that no store takes: %v", err)
	}
}

func TestVerifyAndRenameAreRecorded(t *testing.T) {
	h, ctx := newHost(t), context.Background()
	user := h.imports(admit.ImportUserParams{Email: "ann@example.com", Name: "Ann"}).User
	for range 2 { // the second time there is nothing to do
		if err := h.Users.Verify(ctx, user.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Users.Rename(ctx, admit.RenameUserParams{UserID: user.ID, Name: "  Ann Lee "}); err != nil {
		t.Fatal(err)
	}
	now, err := h.Users.Get(ctx, user.ID)
	if err != nil || now.Name != "Ann Lee" || now.EmailVerifiedAt.IsZero() {
		t.Errorf("became %+v, %v", now, err)
	}
	if got := strings.Join(kindsOf(t, h, user.ID), " "); got != "user.created email.verified user.renamed" {
		t.Errorf("recorded are %s", got)
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("a", 101), "a\u202eb"} {
		if err := h.Users.Rename(ctx, admit.RenameUserParams{UserID: user.ID, Name: name}); !errors.Is(err, admit.ErrInvalidName) {
			t.Errorf("the name %q: %v", name, err)
		}
	}
	for _, id := range []string{"", "nobody", "0198c0de-0000-7000-8000-000000000000"} {
		for _, err := range []error{
			h.Users.Verify(ctx, id), h.Users.Rename(ctx, admit.RenameUserParams{UserID: id, Name: "Ann"}), h.Users.Delete(ctx, admit.DeleteUserParams{UserID: id}),
		} {
			if !errors.Is(err, admit.ErrUserNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
}

func TestADeletedAccountHasNoWayInAndItsAddressIsFree(t *testing.T) {
	records, ctx := memory.New(), context.Background()
	h := newHost(t, func(c *admit.Config) { c.Store = records })
	made, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Name: "Ann", Password: "quiet harbour lamp"})
	if err != nil {
		t.Fatal(err)
	}
	user := made.SignedIn.User
	if err := h.Users.Delete(ctx, admit.DeleteUserParams{UserID: user.ID, Reason: "asked for it", NoMail: true}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.VerifyToken(ctx, made.SignedIn.Tokens.AccessToken); err == nil {
		t.Error("the access token is taken")
	}
	if _, err := h.Sessions.Refresh(ctx, made.SignedIn.Tokens.RefreshToken); err == nil {
		t.Error("the refresh token is taken")
	}
	if _, err := h.signsIn("ann@example.com", "quiet harbour lamp"); !errors.Is(err, admit.ErrInvalidCredentials) {
		t.Errorf("the password: %v", err)
	}
	if live, _, err := records.ListSessions(ctx, "", user.ID, h.Clock.Now(), store.Page{Number: 1, Limit: 9}); err != nil || len(live) != 0 {
		t.Errorf("%d sessions live on, %v", len(live), err)
	}
	if err := h.Users.Delete(ctx, admit.DeleteUserParams{UserID: user.ID}); !errors.Is(err, admit.ErrUserNotFound) {
		t.Errorf("deleted again: %v", err)
	}
	if part, err := h.Users.List(ctx, admit.ListUsersParams{}); err != nil || len(part.Items) != 0 {
		t.Errorf("listed are %+v, %v", part, err)
	}
	events, err := h.Events.List(ctx, admit.ListEventsParams{UserID: user.ID, Kind: "user.deleted"})
	if err != nil || len(events.Items) != 1 || !strings.Contains(string(events.Items[0].Data), "asked for it") {
		t.Errorf("the event: %+v, %v", events, err)
	}
	if _, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Name: "Ann", Password: "quiet harbour lamp"}); err != nil {
		t.Errorf("the address is not free: %v", err)
	}
}

// A deletion does not lift a ban: the address comes free when the ban ends.
func TestTheAddressOfADeletedAccountThatIsBannedStaysReserved(t *testing.T) {
	for _, c := range []struct {
		name   string
		length time.Duration
		free   bool
	}{{"for good", 0, false}, {"for a day", 24 * time.Hour, true}} {
		t.Run(c.name, func(t *testing.T) {
			h, ctx := newHost(t), context.Background()
			user := h.imports(admit.ImportUserParams{Email: "eve@example.com", Name: "Eve", EmailVerified: true}).User
			ban := admit.BanParams{UserID: user.ID}
			if c.length > 0 {
				ban.Until = h.Clock.Now().Add(c.length)
			}
			if err := errors.Join(h.Users.Ban(ctx, ban), h.Users.Delete(ctx, admit.DeleteUserParams{UserID: user.ID, NoMail: true})); err != nil {
				t.Fatal(err)
			}
			again := func() error {
				_, err := h.Users.Create(ctx, admit.CreateUserParams{Email: "eve@example.com", Name: "Eve", NoMail: true})
				return err
			}
			if err := again(); !errors.Is(err, admit.ErrEmailAlreadyExists) {
				t.Errorf("at once: %v", err)
			}
			h.Clock.Advance(25 * time.Hour)
			if err := again(); (err == nil) != c.free {
				t.Errorf("a day later: %v", err)
			}
		})
	}
}

func TestAnExportIsRecordedAndHidesItsHashesFromPrint(t *testing.T) {
	h, ctx := newHost(t), context.Background()
	h.imports(admit.ImportUserParams{Email: "ann@example.com", Name: "Ann", PasswordHash: bcryptOf})
	h.imports(admit.ImportUserParams{Email: "bob@example.com", Name: "Bob"})
	for _, without := range []bool{false, true} {
		var hashes []string
		for one, err := range h.Users.Export(ctx, admit.ExportUsersParams{NoPasswords: without}) {
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, one.PasswordHash)
			if text := fmt.Sprintf("%v %+v %#v", one, one, one); strings.Contains(text, "$2b$") {
				t.Errorf("printed as %s", text)
			}
		}
		if want := []string{bcryptOf, ""}; len(hashes) != 2 || hashes[1] != "" || (hashes[0] == want[0]) == without {
			t.Errorf("without %v: %v", without, hashes)
		}
	}
	events, err := h.Events.List(ctx, admit.ListEventsParams{Kind: "users.exported"})
	if err != nil || len(events.Items) != 2 || string(events.Items[0].Data) != `{"passwords":true}` {
		t.Errorf("recorded: %+v, %v", events, err)
	}
	for one, err := range h.Users.Export(ctx, admit.ExportUsersParams{}) {
		t.Logf("%v, %v", one.User.Email, err)
		break // whoever stops reading stops the export
	}
}
