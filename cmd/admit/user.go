package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/admit-go/admit"
)

func (a *app) userCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "user",
		Short: "Create, list, show, change and delete users",
		Long: `Create, list, show, change and delete users.

USER is an e-mail address, however it is spelled, or an id.`,
	}, a.userCreateCommand(), a.userListCommand(), a.userShowCommand(), a.userVerifyCommand(), a.userRenameCommand(), a.userRoleCommand(),
		a.userBanCommand(), a.userUnbanCommand(), a.userSessionsCommand(), a.userSendResetCommand(), a.userFactorsCommand(), a.userResetFactorsCommand(),
		a.userDeleteCommand(), a.userDeletedCommand(), a.userRestoreCommand(), a.userPurgeCommand(), a.userExportCommand())
}

func (a *app) userCreateCommand() *cobra.Command {
	var in admit.CreateUserParams
	var password, isNew bool
	var at site
	c := &cobra.Command{
		Use:   "create EMAIL",
		Short: "Create a user",
		Long: `Create a user. Nobody but the owner ever knows the password: with --base-url the
application mails a link to set one, as 'admit user send-reset' does. Without it no
mail is sent, and the owner asks for a reset or signs in by mail.

--password is for development: whoever runs the command knows that password.`,
		Example: `  admit user create ann@example.com --name Ann --role admin --verified --base-url https://app.example
  admit user create bob@example.com --name "Bob Kane" --json`,
		Args: exactly(1),
	}
	c.Flags().StringVar(&in.Name, "name", "", "`name` of the user (default: the address before the @)")
	c.Flags().StringVar(&in.Role, "role", admit.RoleUser, "`role`, such as user or admin")
	c.Flags().BoolVar(&in.EmailVerified, "verified", false, "vouch for the address")
	c.Flags().BoolVar(&isNew, "new-role", false, "take a role that nobody has yet")
	c.Flags().BoolVar(&password, "password", false, "for development, set a password: asked for on a terminal, else the first line of standard input")
	at.flags(c, "mail a link to set a password that leads there")
	c.Flags().StringVar(&in.CallbackURL, "callback-url", "", "`URL` of the application's own page for the new password")
	c.MarkFlagsMutuallyExclusive("password", "base-url")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		in.Email = args[0]
		if in.Name == "" {
			in.Name, _, _ = strings.Cut(in.Email, "@")
		}
		if password {
			var err error
			if in.InsecurePassword, err = a.readPassword(); err != nil {
				return nil, err
			}
		}
		in.NoMail = at.base == ""
		with := a.withRecords
		if !in.NoMail {
			with = a.mailing(at)
		}
		return with(ctx, nil, func(r records) (result, error) {
			if err := r.knownRoles(ctx, []string{in.Role}, isNew); err != nil {
				return nil, err
			}
			user, err := r.auth.Users.Create(ctx, in)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", in.Email, err)
			}
			return account{User: showUser(user, a.now())}, nil
		})
	})
	return c
}

// readPassword reads a password. On a terminal it asks twice and does not show
// the password.
func (a *app) readPassword() (string, error) {
	file, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(a.in, 64<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.New("standard input holds no password")
		}
		return line, nil
	}
	var typed [2][]byte
	for i, prompt := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(a.err, prompt)
		var err error
		typed[i], err = term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(a.err)
		if err != nil {
			return "", err
		}
	}
	if string(typed[0]) != string(typed[1]) {
		return "", errors.New("these are two passwords")
	}
	return string(typed[0]), nil
}

func (a *app) userShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show USER",
		Short:   "Show a user and how many live sessions it has",
		Example: "  admit user show ann@example.com",
		Args:    exactly(1),
		RunE: a.does(a.onUser(func(ctx context.Context, auth *admit.Auth, user admit.User, _ []string) (result, error) {
			sessions, err := auth.Sessions.List(ctx, user.ID, admit.PageParams{Number: 1, Limit: 1})
			if err != nil {
				return nil, err
			}
			return account{User: showUser(user, a.now()), Sessions: &sessions.Total}, nil
		})),
	}
}

func (a *app) userBanCommand() *cobra.Command {
	var reason, until string
	c := &cobra.Command{
		Use:   "ban USER",
		Short: "Ban a user, and end its sessions and API keys at once",
		Example: `  admit user ban eve@example.com --reason "spam"
  admit user ban eve@example.com --until 3d`,
		Args: exactly(1),
	}
	c.Flags().StringVar(&reason, "reason", "", "`why`; administrators see it")
	c.Flags().StringVar(&until, "until", "", "end of the ban: a `time` such as 2027-01-31T12:00:00Z, or a duration such as 3d or 72h (default: for good)")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		ends, err := a.future("until", until)
		if err != nil {
			return nil, err
		}
		return a.onUser(func(ctx context.Context, auth *admit.Auth, user admit.User, _ []string) (result, error) {
			return a.changed(ctx, auth, user, auth.Users.Ban(ctx, admit.BanParams{UserID: user.ID, Reason: reason, Until: ends}))
		})(ctx, args)
	})
	return c
}

func (a *app) userUnbanCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "unban USER",
		Short:   "Lift a ban; what it ended stays ended",
		Example: "  admit user unban eve@example.com",
		Args:    exactly(1),
		RunE: a.does(a.onUser(func(ctx context.Context, auth *admit.Auth, user admit.User, _ []string) (result, error) {
			return a.changed(ctx, auth, user, auth.Users.Unban(ctx, user.ID))
		})),
	}
}

func (a *app) userRoleCommand() *cobra.Command {
	var isNew bool
	c := &cobra.Command{
		Use:   "role USER ROLE",
		Short: "Give a user another role, at once on its live sessions",
		Long: `Give a user another role, at once on its live sessions.

ROLE is user, admin, guest, or a role that somebody has. Any other may be a slip
of the hand and needs --new-role.`,
		Example: `  admit user role ann@example.com admin
  admit user role ann@example.com editor --new-role`,
		Args: exactly(2),
	}
	c.Flags().BoolVar(&isNew, "new-role", false, "take a role that nobody has yet")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		return a.withRecords(ctx, nil, func(r records) (result, error) {
			if err := r.knownRoles(ctx, []string{args[1]}, isNew); err != nil {
				return nil, err
			}
			user, err := r.find(ctx, args[0])
			if err != nil {
				return nil, err
			}
			return a.changed(ctx, r.auth, user, r.setRole(ctx, user, args[1]))
		})
	})
	return c
}

// onUser looks up the user that the first argument names.
func (a *app) onUser(work func(ctx context.Context, auth *admit.Auth, user admit.User, args []string) (result, error)) action {
	return a.onRecords(func(ctx context.Context, r records, user admit.User, args []string) (result, error) {
		return work(ctx, r.auth, user, args)
	})
}

// onRecords is onUser for commands that read other records too.
func (a *app) onRecords(work func(ctx context.Context, r records, user admit.User, args []string) (result, error)) action {
	return func(ctx context.Context, args []string) (result, error) {
		return a.withRecords(ctx, nil, func(r records) (result, error) {
			user, err := r.find(ctx, args[0])
			if err != nil {
				return nil, err
			}
			return work(ctx, r, user, args)
		})
	}
}

// changed returns the user after a change.
func (a *app) changed(ctx context.Context, auth *admit.Auth, user admit.User, err error) (result, error) {
	if err != nil {
		return nil, err
	}
	if user, err = auth.Users.Get(ctx, user.ID); err != nil {
		return nil, err
	}
	return account{User: showUser(user, a.now())}, nil
}

// future reads a flag with a time in the future, or with a duration from now.
// "" is the zero time.
func (a *app) future(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse("2006-01-02", text)
	}
	if length, ok := duration(text); ok {
		at, err = a.now().Add(length), nil
	}
	if err != nil {
		return time.Time{}, usagef("--%s %q is neither a time such as 2027-01-31T12:00:00Z or 2027-01-31 nor a duration such as 3d, 2w or 72h", flag, text)
	}
	if !at.After(a.now()) {
		return time.Time{}, usagef("--%s %q is in the past", flag, text)
	}
	return at, nil
}

// duration reads the syntax of time.ParseDuration, with days and weeks in
// front: 3d, 2w, 1d12h.
func duration(text string) (time.Duration, bool) {
	var total time.Duration
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, rest, found := strings.Cut(text, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || time.Duration(n) > (math.MaxInt64-total)/unit.length {
			return 0, false
		}
		total += time.Duration(n) * unit.length
		if text = rest; text == "" {
			return total, true
		}
	}
	length, err := time.ParseDuration(text)
	if err != nil || length > math.MaxInt64-total {
		return 0, false
	}
	return total + length, true
}

// account is the result of every command about one user.
type account struct {
	User     userBody `json:"user"`
	Sessions *int     `json:"sessions,omitempty"`
}

// userBody has the names of the HTTP API.
type userBody struct {
	ID              string  `json:"id"`
	Email           string  `json:"email"`
	EmailVerifiedAt instant `json:"emailVerifiedAt"`
	Name            string  `json:"name"`
	Role            string  `json:"role"`
	Banned          bool    `json:"banned"`
	BanReason       string  `json:"banReason"`
	BanExpiresAt    instant `json:"banExpiresAt"`
	CreatedAt       instant `json:"createdAt"`
	UpdatedAt       instant `json:"updatedAt"`
}

func showUser(u admit.User, now time.Time) userBody {
	return userBody{
		ID: u.ID, Email: u.Email, EmailVerifiedAt: instant(u.EmailVerifiedAt), Name: u.Name, Role: u.Role,
		Banned: u.Banned(now), BanReason: u.BanReason, BanExpiresAt: instant(u.BanExpiresAt),
		CreatedAt: instant(u.CreatedAt), UpdatedAt: instant(u.UpdatedAt),
	}
}

func (r account) write(w io.Writer) {
	u := r.User
	banned := ""
	if u.Banned {
		banned = "until " + u.BanExpiresAt.orNever()
		if banned == "until never" {
			banned = "for good"
		}
		if u.BanReason != "" {
			banned += ": " + u.BanReason
		}
	}
	sessions := ""
	if r.Sessions != nil {
		sessions = strconv.Itoa(*r.Sessions)
	}
	facts(w, "id", u.ID, "email", u.Email, "verified", u.EmailVerifiedAt.orNever(), "name", u.Name, "role", u.Role,
		"banned", banned, "sessions", sessions, "created", u.CreatedAt.String(), "changed", u.UpdatedAt.String())
}
