package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
)

func (a *app) userFactorsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "factors USER",
		Short:   "List the second factors of a user",
		Example: "  admit user factors ann@example.com",
		Args:    exactly(1),
		RunE: a.does(a.onRecords(func(ctx context.Context, r records, user admit.User, _ []string) (result, error) {
			factors, err := r.auth.MFA.Factors(ctx, user.ID)
			if err != nil {
				return nil, err
			}
			list := factorList{Factors: []factorBody{}}
			for _, f := range factors {
				list.Factors = append(list.Factors, factorBody{f.ID, f.Type, instant(f.CreatedAt), instant(f.ConfirmedAt), f.RecoveryCodesLeft})
			}
			return list, nil
		})),
	}
}

func (a *app) userResetFactorsCommand() *cobra.Command {
	var at site
	var reason string
	var yes bool
	c := &cobra.Command{
		Use:   "reset-factors USER",
		Short: "Remove every second factor of a user who has lost them",
		Long: `Remove every second factor of a user who has lost them: the authenticator app, the
recovery codes, the passkeys and the remembered devices. Every session of the user
ends. Be sure that whoever asks is the owner: after that a password, or the mailbox,
is enough to sign in.

The reason stands in the audit log. The user is told by mail, which is queued,
sealed under the secret of --secret-file or ADMIT_SECRET; the application sends it
within seconds, if it runs.

It asks before; without a terminal it needs --yes.`,
		Example: `  admit user reset-factors ann@example.com --reason lost-phone --base-url https://app.example --yes`,
		Args:    exactly(1),
	}
	c.Flags().StringVar(&reason, "reason", "", "`why`, for the audit log")
	at.flags(c, "the mail names its host")
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	_ = c.MarkFlagRequired("reason") // the flag is defined above
	_ = c.MarkFlagRequired("base-url")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		return a.mailing(at)(ctx, nil, func(r records) (result, error) {
			user, err := r.find(ctx, args[0])
			if err != nil {
				return nil, err
			}
			if !yes {
				if err := a.confirm("This removes the authenticator app, the recovery codes, the passkeys and the remembered devices of %s, and ends every session.", printable(user.Email)); err != nil {
					return nil, err
				}
			}
			if err := r.auth.MFA.Reset(ctx, admit.ResetMFAParams{UserID: user.ID, Reason: reason}); err != nil {
				return nil, err
			}
			return factorsReset{user.Email}, nil
		})
	})
	return c
}

// factorBody has the names of the HTTP API.
type factorBody struct {
	ID              string  `json:"id"`
	Type            string  `json:"type"`
	CreatedAt       instant `json:"createdAt"`
	ConfirmedAt     instant `json:"confirmedAt"`
	BackupCodesLeft int     `json:"backupCodesLeft"`
}

// factorList is every second factor of a user.
type factorList struct {
	Factors []factorBody `json:"factors"`
}

func (l factorList) write(w io.Writer) {
	if len(l.Factors) == 0 {
		fmt.Fprintln(w, "There is no second factor.")
		return
	}
	rows := make([][]string, len(l.Factors))
	for i, f := range l.Factors {
		rows[i] = []string{f.ID, f.Type, f.CreatedAt.String(), f.ConfirmedAt.orNever(), strconv.Itoa(f.BackupCodesLeft)}
	}
	table(w, "ID TYPE CREATED CONFIRMED CODES", rows)
}

// factorsReset says whose second factor was removed.
type factorsReset struct {
	Email string `json:"email"`
}

func (f factorsReset) write(w io.Writer) {
	fmt.Fprintf(w, "Every second factor of %s was removed, passkeys and remembered devices included. Every session has ended.\n", printable(f.Email))
}
