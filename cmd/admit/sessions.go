package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) sessionsCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "sessions",
		Short: "End sessions of everybody",
	}, a.revokeBeforeCommand())
}

// revokeBeforeCommand refuses a time in the future, because sessions that are
// made after the command would not be revoked, against what the operator
// expects.
func (a *app) revokeBeforeCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "revoke-before TIME",
		Short: "End every session and pending one-time token made before a time",
		Long: `End every session and remove every pending one-time token (reset link, magic
link, code, confirmation) made before TIME, of everybody.

Run it after the restore of a backup, with the time of the restore: what was
signed out, changed or used since the backup was made lives again in it. TIME is
such as 2027-01-31T12:00:00Z, or "now". It says how many that are and asks;
without a terminal it needs --yes.`,
		Example: `  admit sessions revoke-before now --yes
  admit sessions revoke-before 2027-01-31T12:00:00Z`,
		Args: exactly(1),
		RunE: a.does(func(ctx context.Context, args []string) (result, error) {
			before := a.now()
			if args[0] != "now" {
				var err error
				if before, err = time.Parse(time.RFC3339, args[0]); err != nil {
					return nil, usagef(`%q is neither a time such as 2027-01-31T12:00:00Z nor "now"`, args[0])
				}
				if before.After(a.now()) {
					return nil, usagef("%s is in the future", args[0])
				}
			}
			return a.withRecords(ctx, nil, func(r records) (result, error) {
				if err := a.confirmRevoke(ctx, r, before, yes); err != nil {
					return nil, err
				}
				revoked, err := r.auth.Sessions.RevokeIssuedBefore(ctx, before)
				return ended{instant(before), revoked.Sessions, revoked.Tokens}, err
			})
		}),
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return c
}

// confirmRevoke prints what the command will revoke, and asks for confirmation.
func (a *app) confirmRevoke(ctx context.Context, r records, before time.Time, yes bool) error {
	if yes {
		return nil
	}
	sessions, people, tokens, err := r.madeBefore(ctx, before)
	if err != nil || sessions+tokens == 0 {
		return err
	}
	return a.confirm("This ends %s of %s and removes %s.", count(sessions, "session", "sessions"),
		count(people, "person", "people"), count(tokens, "one-time token", "one-time tokens"))
}

// ended counts the sessions and tokens that were revoked because they were made
// before a time.
type ended struct {
	Before   instant `json:"before"`
	Sessions int     `json:"sessions"`
	Tokens   int     `json:"tokens"`
}

func (e ended) write(w io.Writer) {
	fmt.Fprintf(w, "Ended %s and removed %s made before %s.\n",
		count(e.Sessions, "session", "sessions"), count(e.Tokens, "one-time token", "one-time tokens"), e.Before)
}
