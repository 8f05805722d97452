package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/uuid"
)

// isID says that a text is the id of a record, not an address.
func isID(text string) bool { return uuid.Valid(text) && !strings.Contains(text, "@") }

func (a *app) exportCommand() *cobra.Command {
	var without bool
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write all users to a file, with their password hashes",
		Long: `Write all users to a file, one JSON object a line, with their password hashes. The
file is made with mode 0600 and never written over. 'admit import --from phc' reads
it, with --roles for the roles.

It holds what an import takes: no sessions, keys, events or mail. To move a whole
database, use 'admit copy'.`,
		Example: `  admit export users.jsonl
  admit export users.jsonl --no-passwords`,
		Args: exactly(1),
	}
	c.Flags().BoolVar(&without, "no-passwords", false, "leave password hashes out")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		return a.withRecords(ctx, nil, func(r records) (result, error) {
			file, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return nil, fmt.Errorf("%s: file exists, and an export writes over nothing; give the name of a new file", args[0])
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%s cannot be made: its folder does not exist; make the folder first", args[0])
			}
			if err != nil {
				return nil, unusable(args[0], err)
			}
			n, err := r.export(ctx, file, without)
			if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
				return nil, errors.Join(err, os.Remove(args[0])) // a partial export looks like a complete one
			}
			return exported{args[0], n}, nil
		})
	})
	return c
}

// exportedUser has the names that the format phc reads.
type exportedUser struct {
	ID            string  `json:"id"`
	Email         string  `json:"email"`
	Name          string  `json:"name"`
	PasswordHash  string  `json:"passwordHash,omitempty"`
	EmailVerified bool    `json:"emailVerified"`
	Role          string  `json:"role"`
	Locale        string  `json:"locale,omitempty"`
	Banned        bool    `json:"banned"`
	CreatedAt     instant `json:"createdAt"`
}

// export writes every user that is not deleted, page by page.
func (r records) export(ctx context.Context, file io.Writer, without bool) (int, error) {
	out := bufio.NewWriter(file)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	n := 0
	for one, err := range r.auth.Users.Export(ctx, admit.ExportUsersParams{NoPasswords: without}) {
		if err != nil {
			return n, err
		}
		u := one.User
		err = encoder.Encode(exportedUser{
			ID: u.ID, Email: u.Email, Name: u.Name, PasswordHash: one.PasswordHash, EmailVerified: !u.EmailVerifiedAt.IsZero(), Role: u.Role,
			Locale: u.Locale, Banned: u.Banned(r.app.now()), CreatedAt: instant(u.CreatedAt.Truncate(time.Millisecond)),
		})
		if err != nil {
			return n, err
		}
		n++
	}
	return n, out.Flush()
}

// exported is the result of export: the number of users that were written.
type exported struct {
	File  string `json:"file"`
	Users int    `json:"users"`
}

func (e exported) write(w io.Writer) {
	fmt.Fprintf(w, "Wrote %s to %s. The file holds password hashes: keep it from others.\n", count(e.Users, "user", "users"), printable(e.File))
}
