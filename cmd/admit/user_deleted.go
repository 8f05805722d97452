package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
)

func (a *app) userDeletedCommand() *cobra.Command {
	var in admit.ListDeletedParams
	c := &cobra.Command{
		Use:     "deleted",
		Short:   "List users that are deleted and not purged yet",
		Example: "  admit user deleted --json",
		Args:    cobra.NoArgs,
	}
	c.Flags().StringVar(&in.After, "after", "", "only those after this `id`, the last one of the list before")
	c.Flags().IntVar(&in.Limit, "limit", 100, "greatest `number` to list, at most 1000")
	c.RunE = a.does(func(ctx context.Context, _ []string) (result, error) {
		if in.Limit < 1 || in.Limit > 1000 {
			return nil, usagef("--limit must be from 1 to 1000")
		}
		if in.After != "" && !isID(in.After) {
			return nil, usagef("--after %q is no id; give the last id of the list before", in.After)
		}
		return a.withRecords(ctx, nil, func(r records) (result, error) {
			part, err := r.auth.Users.Deleted(ctx, in)
			if err != nil {
				return nil, err
			}
			list := deletedList{Users: []deletedBody{}, More: part.Next != ""}
			for _, user := range part.Items {
				list.Users = append(list.Users, deletedBody{user.ID, user.Email, user.Name, instant(user.DeletedAt)})
			}
			return list, nil
		})
	})
	return c
}

// deletedBody is a user that is deleted.
type deletedBody struct {
	ID        string  `json:"id"`
	Email     string  `json:"email"`
	Name      string  `json:"name"`
	DeletedAt instant `json:"deletedAt"`
}

// deletedList is one page of users that are deleted.
type deletedList struct {
	Users []deletedBody `json:"users"`
	More  bool          `json:"more"`
}

func (l deletedList) write(w io.Writer) {
	if len(l.Users) == 0 {
		fmt.Fprintln(w, "There are no such users.")
		return
	}
	rows := make([][]string, len(l.Users))
	for i, u := range l.Users {
		rows[i] = []string{u.ID, u.Email, u.Name, u.DeletedAt.String()}
	}
	table(w, "ID EMAIL NAME DELETED", rows)
	if l.More {
		fmt.Fprintf(w, "There are more: --after %s\n", l.Users[len(l.Users)-1].ID)
	}
}

func (a *app) userRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore ID",
		Short: "Take the deletion of a user back",
		Long: `Take the deletion of a user back, until the application purges the user. The user
has its password, second factors and profile again. Sessions, linked accounts and API
keys stay gone, and a ban is in force again. 'admit user deleted' lists the ids.`,
		Example: "  admit user restore 0198c0de-0000-7000-8000-000000000000",
		Args:    exactly(1),
		RunE: a.does(func(ctx context.Context, args []string) (result, error) {
			return a.withRecords(ctx, nil, func(r records) (result, error) {
				if err := r.auth.Users.Restore(ctx, args[0]); err != nil {
					return nil, noDeleted(args[0], err)
				}
				return a.changed(ctx, r.auth, admit.User{ID: args[0]}, nil)
			})
		}),
	}
}

// noDeleted says what is wrong with the id of a user that is not deleted.
func noDeleted(id string, err error) error {
	if errors.Is(err, admit.ErrUserNotFound) {
		return fmt.Errorf("%q is not the id of a user that is deleted; 'admit user deleted' lists them: %w", id, err)
	}
	return fmt.Errorf("%q: %w", id, err)
}

func (a *app) userPurgeCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "purge ID",
		Short: "Remove what is left of a deleted user at once",
		Long: `Remove what is left of a deleted user at once, and not when the application's
retention ends. It cannot be taken back. Nothing of the person stays but the audit
log, without addresses of clients.

It needs the secret of --secret-file or ADMIT_SECRET, to find the mail of the user
in the outbox. No hook of the application is called, because the command does not
run its code.

It asks before; without a terminal it needs --yes.`,
		Example: "  admit user purge 0198c0de-0000-7000-8000-000000000000 --yes",
		Args:    exactly(1),
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		secrets, _, err := a.secrets()
		if err != nil {
			return nil, err
		}
		return a.withDatabase(ctx, func(_ place, d database) (result, error) {
			if err := opens(ctx, d, secrets); err != nil {
				return nil, err
			}
			if !yes {
				if err := a.confirm("This purges the user %s. Nobody can take it back.", args[0]); err != nil {
					return nil, err
				}
			}
			auth, err := a.auth(newPurgingGuest(d), admit.Secrets(secrets[0], secrets[1:]...))
			if err != nil {
				return nil, err
			}
			defer func() { _ = auth.Close(context.WithoutCancel(ctx)) }()
			if err := auth.Users.Purge(ctx, args[0]); err != nil {
				return nil, noDeleted(args[0], err)
			}
			return purgedUser{args[0]}, nil
		})
	})
	return c
}

// purgingGuest is a guest that may clear counters, which a purge does. app is the
// store of the application.
type purgingGuest struct {
	store.Store
	app store.Store
}

func newPurgingGuest(app store.Store) store.Store { return purgingGuest{newGuest(app, true), app} }

// Write implements store.Batches.
func (g purgingGuest) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	if len(b.Clear) > 0 {
		if err := g.app.ClearCounters(ctx, b.CounterTenant, b.Clear...); err != nil {
			return store.Written{}, err
		}
		b.Clear = nil
	}
	return g.Store.Write(ctx, b)
}

// Tx implements store.Store.
func (g purgingGuest) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return g.app.Tx(ctx, func(ctx context.Context, tx store.Store) error { return fn(ctx, newPurgingGuest(tx)) })
}

// purgedUser names the user that was purged.
type purgedUser struct {
	Purged string `json:"purged"`
}

func (p purgedUser) write(w io.Writer) { fmt.Fprintf(w, "Purged %s.\n", p.Purged) }

func (a *app) userExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export USER FILE",
		Short: "Write everything that is held about a user to a file",
		Long: `Write everything that is held about a user to a file, as one JSON object without
hashes and secrets. The file is made with mode 0600 and never written over. What the
application itself holds is missing, because the command does not run its code.`,
		Example: "  admit user export ann@example.com ann.json",
		Args:    exactly(2),
		RunE: a.does(a.onRecords(func(ctx context.Context, r records, user admit.User, args []string) (result, error) {
			file, err := os.OpenFile(args[1], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return nil, fmt.Errorf("%s: file exists, and an export writes over nothing; give the name of a new file", args[1])
			}
			if err != nil {
				return nil, unusable(args[1], err)
			}
			err = r.auth.Exports.Write(ctx, user.ID, file)
			if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
				return nil, errors.Join(err, os.Remove(args[1])) // a partial export looks like a complete one
			}
			return exportedPerson{args[1], user.ID}, nil
		})),
	}
}

// exportedPerson names the file and the user.
type exportedPerson struct {
	File string `json:"file"`
	User string `json:"user"`
}

func (e exportedPerson) write(w io.Writer) {
	fmt.Fprintf(w, "Wrote what is held about %s to %s.\n", e.User, printable(e.File))
}
