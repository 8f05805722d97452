package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
)

func (a *app) userListCommand() *cobra.Command {
	var f admit.ListUsersParams
	limit := 100
	c := &cobra.Command{
		Use:   "list",
		Short: "List users, the oldest first",
		Example: `  admit user list --search example.com --unverified
  admit user list --role admin --json`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&f.Search, "search", "", "only those with this `text` in address or name")
	c.Flags().StringVar(&f.Role, "role", "", "only those with this `role`")
	c.Flags().BoolVar(&f.Unverified, "unverified", false, "only those whose address is not verified")
	c.Flags().BoolVar(&f.Banned, "banned", false, "only those who are banned now")
	c.Flags().StringVar(&f.After, "after", "", "only those after this `id`, the last one of the list before")
	c.Flags().IntVar(&limit, "limit", limit, "greatest `number` to list")
	c.RunE = a.does(func(ctx context.Context, _ []string) (result, error) {
		if limit < 1 {
			return nil, usagef("--limit must be at least 1")
		}
		if f.After != "" && !isID(f.After) {
			return nil, usagef("--after %q is no id; give the last id of the list before", f.After)
		}
		return a.withRecords(ctx, nil, func(r records) (result, error) {
			users, next, err := r.users(ctx, f, limit)
			if err != nil {
				return nil, err
			}
			list := userList{Users: []userBody{}, More: next != ""}
			for _, user := range users {
				list.Users = append(list.Users, showUser(user, a.now()))
			}
			return list, nil
		})
	})
	return c
}

// userList is one page of users.
type userList struct {
	Users []userBody `json:"users"`
	More  bool       `json:"more"`
}

func (l userList) write(w io.Writer) {
	if len(l.Users) == 0 {
		fmt.Fprintln(w, "There are no such users.")
		return
	}
	rows := make([][]string, len(l.Users))
	for i, u := range l.Users {
		banned := ""
		if u.Banned {
			banned = "banned"
		}
		rows[i] = []string{u.ID, u.Email, u.Name, u.Role, u.EmailVerifiedAt.orNever(), u.CreatedAt.String(), banned}
	}
	table(w, "ID EMAIL NAME ROLE VERIFIED CREATED STATE", rows)
	if l.More {
		fmt.Fprintf(w, "There are more: --after %s\n", l.Users[len(l.Users)-1].ID)
	}
}

func (a *app) userVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "verify USER",
		Short:   "Vouch for the address of a user",
		Example: "  admit user verify ann@example.com",
		Args:    exactly(1),
		RunE: a.does(a.onRecords(func(ctx context.Context, r records, user admit.User, _ []string) (result, error) {
			return a.changed(ctx, r.auth, user, r.auth.Users.Verify(ctx, user.ID))
		})),
	}
}

func (a *app) userRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rename USER NAME",
		Short:   "Give a user another name",
		Example: `  admit user rename ann@example.com "Ann Lee"`,
		Args:    exactly(2),
		RunE: a.does(a.onRecords(func(ctx context.Context, r records, user admit.User, args []string) (result, error) {
			return a.changed(ctx, r.auth, user, r.auth.Users.Rename(ctx, admit.RenameUserParams{UserID: user.ID, Name: args[1]}))
		})),
	}
}

func (a *app) userDeleteCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "delete USER",
		Short: "Delete a user, and end its sessions, links and API keys at once",
		Long: `Delete a user, and end its sessions, pending links and API keys at once. Its
address is free again, unless the user is banned: then it stays reserved as long as
the ban would have held. No mail is sent. 'admit user restore' takes it back until
the application purges the user. To keep somebody out, ban them.

No hook of the application is called, because the command does not run its code.

It asks before; without a terminal it needs --yes.`,
		Example: "  admit user delete eve@example.com --yes",
		Args:    exactly(1),
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.RunE = a.does(a.onRecords(func(ctx context.Context, r records, user admit.User, _ []string) (result, error) {
		if !yes {
			live, err := r.auth.Sessions.List(ctx, user.ID, admit.PageParams{Number: 1, Limit: 1})
			if err != nil {
				return nil, err
			}
			if err := a.confirm("This deletes %s (%s), who has %s.", user.Email, user.Name, count(live.Total, "live session", "live sessions")); err != nil {
				return nil, err
			}
		}
		if err := r.auth.Users.Delete(ctx, admit.DeleteUserParams{UserID: user.ID, NoMail: true}); err != nil {
			return nil, err
		}
		return deletedUser{user.ID, user.Email}, nil
	}))
	return c
}

// deletedUser names the user that was deleted.
type deletedUser struct {
	Deleted string `json:"deleted"`
	Email   string `json:"email"`
}

func (d deletedUser) write(w io.Writer) {
	fmt.Fprintf(w, "Deleted %s (%s).\n", printable(d.Email), d.Deleted)
}

func (a *app) userSessionsCommand() *cobra.Command {
	var end bool
	var one string
	c := &cobra.Command{
		Use:   "sessions USER",
		Short: "List the live sessions of a user, or end them",
		Example: `  admit user sessions ann@example.com
  admit user sessions ann@example.com --end-all`,
		Args: exactly(1),
	}
	c.Flags().BoolVar(&end, "end-all", false, "end all of them")
	c.Flags().StringVar(&one, "end", "", "end the session with this `id`")
	c.MarkFlagsMutuallyExclusive("end", "end-all")
	c.RunE = a.does(a.onUser(func(ctx context.Context, auth *admit.Auth, user admit.User, _ []string) (result, error) {
		switch {
		case end:
			n, err := auth.Sessions.EndOthers(ctx, admit.EndOtherSessionsParams{UserID: user.ID})
			if err != nil {
				return nil, err
			}
			return endedSessions{n}, nil
		case one != "":
			if err := auth.Sessions.End(ctx, admit.EndSessionParams{UserID: user.ID, SessionID: one}); err != nil {
				return nil, fmt.Errorf("%q: %w", one, err)
			}
			return endedSessions{1}, nil
		}
		list := sessionList{Sessions: []sessionBody{}}
		for number := 1; ; number++ {
			page, err := auth.Sessions.List(ctx, user.ID, admit.PageParams{Number: number, Limit: pageSize})
			if err != nil {
				return nil, err
			}
			for _, s := range page.Items {
				list.Sessions = append(list.Sessions, sessionBody{s.ID, s.UserAgent, s.IPAddress, s.AMR, instant(s.CreatedAt), instant(s.LastActivityAt), instant(s.ExpiresAt)})
			}
			if len(page.Items) < pageSize || len(list.Sessions) >= page.Total {
				return list, nil
			}
		}
	}))
	return c
}

// endedSessions counts the sessions that were ended.
type endedSessions struct {
	Ended int `json:"ended"`
}

func (e endedSessions) write(w io.Writer) {
	fmt.Fprintf(w, "Ended %s.\n", count(e.Ended, "session", "sessions"))
}

// sessionBody has the names of the HTTP API.
type sessionBody struct {
	ID             string  `json:"id"`
	UserAgent      string  `json:"userAgent"`
	IPAddress      string  `json:"ipAddress"`
	AMR            string  `json:"amr"`
	CreatedAt      instant `json:"createdAt"`
	LastActivityAt instant `json:"lastActivityAt"`
	ExpiresAt      instant `json:"expiresAt"`
}

// sessionList is every live session of a user.
type sessionList struct {
	Sessions []sessionBody `json:"sessions"`
}

func (l sessionList) write(w io.Writer) {
	if len(l.Sessions) == 0 {
		fmt.Fprintln(w, "There are no live sessions.")
		return
	}
	rows := make([][]string, len(l.Sessions))
	for i, s := range l.Sessions {
		rows[i] = []string{s.ID, s.AMR, s.IPAddress, s.CreatedAt.String(), s.LastActivityAt.String(), s.UserAgent}
	}
	table(w, "ID BY ADDRESS CREATED ACTIVE CLIENT", rows)
}

func (a *app) userSendResetCommand() *cobra.Command {
	var at site
	var callback string
	c := &cobra.Command{
		Use:   "send-reset USER",
		Short: "Let the application mail a user a link to set a password",
		Long: `Let the application mail a user a link to set a password. The mail is queued,
sealed under the secret of --secret-file or ADMIT_SECRET; the application sends it
within seconds, if it runs. The budget of mails to an address holds here too.`,
		Example: "  admit user send-reset ann@example.com --base-url https://app.example",
		Args:    exactly(1),
	}
	at.flags(c, "the link leads there")
	c.Flags().StringVar(&callback, "callback-url", "", "`URL` of the application's own page for the new password")
	_ = c.MarkFlagRequired("base-url") // the flag is defined above
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		return a.mailing(at)(ctx, nil, func(r records) (result, error) {
			user, err := r.find(ctx, args[0])
			if err != nil {
				return nil, err
			}
			if user.Banned(a.now()) {
				return nil, errors.New("the account is banned; lift the ban first with 'admit user unban'")
			}
			if err := r.auth.PasswordResets.Request(ctx, admit.LinkParams{Email: user.Email, CallbackURL: callback}); err != nil {
				return nil, err
			}
			return queuedMail{user.Email}, nil
		})
	})
	return c
}

// mailing is withRecords for commands that queue mail. The mail is about a site, and it
// is sealed under the application's own secret.
func (a *app) mailing(about site) func(context.Context, admit.SecretSource, func(r records) (result, error)) (result, error) {
	return func(ctx context.Context, _ admit.SecretSource, work func(r records) (result, error)) (result, error) {
		secrets, _, err := a.secrets()
		if err != nil {
			return nil, err
		}
		p, err := a.place()
		if err != nil {
			return nil, err
		}
		return a.openUp(ctx, p, func(d database, db *sql.DB) (result, error) {
			if err := opens(ctx, d, secrets); err != nil {
				return nil, err
			}
			auth, err := a.authAt(about, newMailingGuest(d), admit.Secrets(secrets[0], secrets[1:]...))
			if err != nil {
				return nil, err
			}
			defer func() { _ = auth.Close(context.WithoutCancel(ctx)) }()
			return work(records{app: a, place: p, database: d, db: db, auth: auth})
		})
	}
}

// queuedMail names the recipient of the mail that the application will send.
type queuedMail struct {
	To string `json:"to"`
}

func (q queuedMail) write(w io.Writer) {
	fmt.Fprintf(w, "A link for %s waits in the outbox; the application sends it.\n", printable(q.To))
}

// mailingGuest is a guest that may queue mail, because it has the application's
// own secret and address. app is the store of the application.
type mailingGuest struct {
	store.Store
	app store.Store
}

func newMailingGuest(app store.Store) store.Store {
	return mailingGuest{newGuest(app, true), app}
}

// Write implements store.Batches. Mail and the tokens in it are sealed with the
// application's secret.
func (g mailingGuest) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	return guest{app: g.app, tell: true}.write(ctx, b)
}

// Hit implements store.Counters.
func (g mailingGuest) Hit(ctx context.Context, now time.Time, counters ...store.Counter) (store.Counted, error) {
	return g.app.Hit(ctx, now, counters...)
}

// Tx implements store.Store.
func (g mailingGuest) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return g.app.Tx(ctx, func(ctx context.Context, tx store.Store) error { return fn(ctx, newMailingGuest(tx)) })
}
