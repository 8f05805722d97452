package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
)

func (a *app) auditCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "audit",
		Short: "Find out whether the audit log is whole",
	}, a.auditVerifyCommand())
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var checkpoint string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Look for events that were changed, removed, moved, cut off or forged",
		Long: `Look for events that were changed, removed, put in another order, cut off or
forged. Nothing is changed. It needs the secret of the application.

With --checkpoint it starts at a checkpoint that was kept elsewhere, and finds
out whether the log was cut off before it. It prints the checkpoint of the end
of the log, to be kept for the next time.`,
		Example: `  admit audit verify
  admit audit verify --checkpoint audit1.1204.Jk3...`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&checkpoint, "checkpoint", "", "start at this `checkpoint`, from the log of the application or an earlier verify")
	c.RunE = a.does(func(ctx context.Context, _ []string) (result, error) {
		secrets, _, err := a.secrets()
		if err != nil {
			return nil, err
		}
		return a.withAuth(ctx, admit.Secrets(secrets[0], secrets[1:]...), func(auth *admit.Auth) (result, error) {
			found, err := auth.Events.Verify(ctx, checkpoint)
			if errors.Is(err, admit.ErrInvalidRequest) {
				return nil, usagef("--checkpoint %.60q is no checkpoint", checkpoint)
			}
			if err != nil {
				return nil, err
			}
			verified := auditVerified{
				Whole: len(found.Faults) == 0, First: found.First, Last: found.Last, Waiting: found.Waiting, Unsigned: found.Unsigned,
				Checkpoint: found.Checkpoint, Faults: append([]string{}, found.Faults...),
			}
			if !verified.Whole {
				return verified, errors.New("the audit log is not whole")
			}
			return verified, nil
		})
	})
	return c
}

// auditVerified is what a walk through the audit log has found.
type auditVerified struct {
	Whole      bool     `json:"whole"`
	First      int64    `json:"first"`
	Last       int64    `json:"last"`
	Waiting    int      `json:"waiting"`
	Unsigned   int      `json:"unsigned"`
	Checkpoint string   `json:"checkpoint"`
	Faults     []string `json:"faults"`
}

func (v auditVerified) write(w io.Writer) {
	if v.Whole {
		fmt.Fprintf(w, "The audit log is whole: events %d to %d.\n", v.First, v.Last)
	} else {
		fmt.Fprintf(w, "The audit log is not whole:\n  %s\n", strings.Join(v.Faults, "\n  "))
	}
	if v.Waiting > 0 {
		fmt.Fprintf(w, "%s for the application to link them.\n", count(v.Waiting, "event waits", "events wait"))
	}
	if v.Unsigned > 0 {
		fmt.Fprintf(w, "%s no proof of origin: from an older version, or from a command without the secret.\n", count(v.Unsigned, "event has", "events have"))
	}
	if v.Checkpoint != "" {
		fmt.Fprintf(w, "Checkpoint: %s\n", v.Checkpoint)
	}
}
