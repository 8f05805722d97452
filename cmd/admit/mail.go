package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
)

func (a *app) mailCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "mail",
		Short: "See and retry mail that was given up",
		Long: `See and retry mail that was given up, because a server refused it for good or
because it failed for days. Messages are sealed: neither text nor recipient is
shown.`,
	}, a.mailDeadCommand(), a.mailRetryCommand(), a.mailTestCommand())
}

func (a *app) mailDeadCommand() *cobra.Command {
	limit := 100
	c := &cobra.Command{
		Use:     "dead",
		Short:   "List mail that was given up, with the reason",
		Example: "  admit mail dead --limit 20",
		Args:    cobra.NoArgs,
	}
	c.Flags().IntVar(&limit, "limit", limit, "greatest `number` to list at most, the oldest first")
	c.RunE = a.does(func(ctx context.Context, _ []string) (result, error) {
		if limit < 1 {
			return nil, usagef("--limit must be at least 1")
		}
		return a.withAuth(ctx, nil, func(auth *admit.Auth) (result, error) {
			dead, err := auth.Outbox.Dead(ctx, admit.PageParams{Number: 1, Limit: limit})
			if err != nil {
				return nil, err
			}
			list := mailList{Mail: make([]mailBody, len(dead.Items)), Total: dead.Total}
			for i, m := range dead.Items {
				list.Mail[i] = mailBody{m.ID, m.Kind, m.Tries, instant(m.CreatedAt), instant(m.DeadAt), m.LastError}
			}
			return list, nil
		})
	})
	return c
}

func (a *app) mailRetryCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "retry [ID...]",
		Short: "Let the application try mail again that was given up",
		Long: `Let the application try mail again that was given up. The application sends it
within seconds, if it runs. Links in a message keep the lifetime they were made
with; one that has run out is given up again.`,
		Example: `  admit mail retry 0198c0de-0000-7000-8000-000000000000
  admit mail retry --all`,
		Args: cobra.ArbitraryArgs,
	}
	c.Flags().BoolVar(&all, "all", false, "retry all that is dead now")
	c.RunE = a.does(func(ctx context.Context, ids []string) (result, error) {
		if all == (len(ids) > 0) {
			return nil, usagef("name the messages to retry, or give --all")
		}
		return a.withAuth(ctx, nil, func(auth *admit.Auth) (result, error) {
			var done retried
			if !all {
				for _, id := range ids {
					err := auth.Outbox.Retry(ctx, id)
					if errors.Is(err, admit.ErrNotFound) {
						err = fmt.Errorf("no mail with the id %q was given up; 'admit mail dead' lists what was", id)
					}
					switch {
					case err == nil:
						done.Retried++
					case done.Retried == 0:
						return nil, err
					default:
						return done, err
					}
				}
				return done, nil
			}
			err := a.retryAll(ctx, auth, &done)
			return done, err
		})
	})
	return c
}

// retryAll revives the mail that is dead now. It always reads the first page,
// because revived mail leaves the list. It does not revive mail that dies again
// meanwhile.
func (a *app) retryAll(ctx context.Context, auth *admit.Auth, done *retried) error {
	start := a.now()
	for {
		page, err := auth.Outbox.Dead(ctx, admit.PageParams{Number: 1, Limit: pageSize})
		if err != nil {
			return err
		}
		before := done.Retried
		for _, mail := range page.Items {
			if mail.DeadAt.After(start) {
				continue
			}
			err := auth.Outbox.Retry(ctx, mail.ID)
			if errors.Is(err, admit.ErrNotFound) {
				continue // another process has revived it
			}
			if err != nil {
				return fmt.Errorf("%s: %w", mail.ID, err)
			}
			done.Retried++
		}
		if done.Retried == before {
			return nil
		}
	}
}

// mailBody is a queued message without its sealed content.
type mailBody struct {
	ID        string  `json:"id"`
	Kind      string  `json:"kind"`
	Tries     int     `json:"tries"`
	CreatedAt instant `json:"createdAt"`
	DeadAt    instant `json:"deadAt"`
	Reason    string  `json:"reason"`
}

// mailList is the oldest dead mail, and the number of all dead mail.
type mailList struct {
	Mail  []mailBody `json:"mail"`
	Total int        `json:"total"`
}

func (l mailList) write(w io.Writer) {
	if l.Total == 0 {
		fmt.Fprintln(w, "No mail was given up.")
		return
	}
	rows := make([][]string, len(l.Mail))
	for i, m := range l.Mail {
		rows[i] = []string{m.ID, m.Kind, strconv.Itoa(m.Tries), m.DeadAt.String(), m.Reason}
	}
	table(w, "ID KIND TRIES SINCE REASON", rows)
	if more := l.Total - len(l.Mail); more > 0 {
		fmt.Fprintf(w, "and %s more\n", grouped(more))
	}
}

// retried counts the messages that the application will try again.
type retried struct {
	Retried int `json:"retried"`
}

func (r retried) write(w io.Writer) {
	fmt.Fprintf(w, "%s will be tried again.\n", count(r.Retried, "message", "messages"))
}
