package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
)

func (a *app) eventsCommand() *cobra.Command {
	var who string
	var q admit.ListEventsParams
	limit := 100
	c := &cobra.Command{
		Use:   "events",
		Short: "List what happened: the audit log, the oldest first",
		Example: `  admit events --user ann@example.com
  admit events --kind user.banned --after 0198c0de-0000-7000-8000-000000000000 --json`,
		Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&who, "user", "", "only about this `user`, an address or id; the id of one who is deleted works too")
	c.Flags().StringVar(&q.Kind, "kind", "", "only of this `kind`, such as session.created (docs/event.md lists them)")
	c.Flags().StringVar(&q.After, "after", "", "only after this `id`, the last one of the list before")
	c.Flags().IntVar(&limit, "limit", limit, "greatest `number` to list")
	c.RunE = a.does(func(ctx context.Context, _ []string) (result, error) {
		if limit < 1 {
			return nil, usagef("--limit must be at least 1")
		}
		if q.After != "" && !isID(q.After) {
			return nil, usagef("--after %q is no id; give the last id of the list before", q.After)
		}
		return a.withRecords(ctx, nil, func(r records) (result, error) {
			if who != "" {
				if q.UserID = who; !isID(who) {
					user, err := r.find(ctx, who)
					if err != nil {
						return nil, err
					}
					q.UserID = user.ID
				}
			}
			events, next, err := r.events(ctx, q, limit)
			if err != nil {
				return nil, err
			}
			list := eventList{Events: []eventBody{}, More: next != "", kind: q.Kind}
			for _, e := range events {
				list.Events = append(list.Events, eventBody{
					e.ID, e.Kind, instant(e.At), e.ActorID, e.SubjectID, e.IPAddress, e.UserAgent, e.RequestID, json.RawMessage(e.Data),
				})
			}
			return list, nil
		})
	})
	return c
}

// eventBody is an event as a JSON document.
type eventBody struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	At        instant         `json:"at"`
	ActorID   string          `json:"actorId"`
	SubjectID string          `json:"subjectId"`
	IPAddress string          `json:"ipAddress"`
	UserAgent string          `json:"userAgent"`
	RequestID string          `json:"requestId"`
	Data      json.RawMessage `json:"data,omitempty"`
}

// eventList is one page of the audit log.
type eventList struct {
	Events []eventBody `json:"events"`
	More   bool        `json:"more"`

	kind string
}

func (l eventList) write(w io.Writer) {
	if len(l.Events) == 0 && l.kind != "" {
		fmt.Fprintf(w, "There are no such events of the kind %q; docs/event.md lists the kinds.\n", l.kind)
		return
	}
	if len(l.Events) == 0 {
		fmt.Fprintln(w, "There are no such events.")
		return
	}
	rows := make([][]string, len(l.Events))
	for i, e := range l.Events {
		rows[i] = []string{e.At.String(), e.Kind, e.SubjectID, e.ActorID, e.IPAddress, string(e.Data)}
	}
	table(w, "AT KIND USER BY ADDRESS DATA", rows)
	if l.More {
		fmt.Fprintf(w, "There are more: --after %s\n", l.Events[len(l.Events)-1].ID)
	}
}
