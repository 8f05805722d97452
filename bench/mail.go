package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/sqlite"
)

// mail measures what is asked of the mailbox, as rules in this process: without
// hash, HTTP and sending, which a worker does at another time.
func mail(l *lab) error {
	db, done, err := l.file()
	if err != nil {
		return err
	}
	defer done()
	ctx := context.Background()
	records := sqlite.New(db)
	if err := records.Migrate(ctx); err != nil {
		return err
	}
	users := l.calls / 40
	box := &mailer.Recorder{Limit: 10 * users}
	process := func() (*admit.Auth, error) {
		return admit.New(admit.Config{
			BaseURL: "http://127.0.0.1:8080", Secrets: admit.Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"),
			Store: records, Mailer: box, Logger: slog.New(slog.DiscardHandler), InsecureNoLimits: true,
			Passwords: admit.PasswordConfig{InsecureFastHash: true},
		})
	}
	// One that is closed answers, but leaves the mail to others.
	quiet, err := process()
	if err != nil {
		return err
	}
	if err := quiet.Close(ctx); err != nil {
		return err
	}
	email := func(i int) string { return fmt.Sprintf("user%d@example.test", i) }
	for i := range users {
		if _, err := quiet.Users.Create(ctx, admit.CreateUserParams{Email: email(i), InsecurePassword: "quiet-harbour-lamp", Name: "Ann"}); err != nil {
			return err
		}
	}
	var resets, requests, redemptions []cost
	for pair := range l.pairs + 1 {
		reset, err := self(users, func(i int) error { return quiet.PasswordResets.Request(ctx, admit.LinkParams{Email: email(i)}) })
		if err != nil {
			return err
		}
		request, err := self(users, func(i int) error {
			_, err := quiet.MagicLinks.Request(ctx, admit.MagicLinkParams{Email: email(i), CallbackURL: "http://127.0.0.1:8080/in"})
			return err
		})
		if err != nil {
			return err
		}
		links, err := collect(ctx, process, box, users)
		if err != nil {
			return err
		}
		redeemed, err := self(users, func(i int) error {
			_, err := quiet.MagicLinks.Redeem(ctx, links[i])
			return err
		})
		if err != nil {
			return err
		}
		if pair > 0 {
			resets, requests, redemptions = append(resets, reset), append(requests, request), append(redemptions, redeemed)
		}
	}
	rows("reset request, sqlite", resets)
	rows("magic-link request, sqlite", requests)
	rows("magic-link redemption, sqlite", redemptions)
	return nil
}

// collect has the waiting mail sent, and returns the tokens of so many links.
func collect(ctx context.Context, process func() (*admit.Auth, error), box *mailer.Recorder, n int) ([]string, error) {
	sender, err := process()
	if err != nil {
		return nil, err
	}
	defer sender.Close(ctx)
	sender.Start()
	var tokens []string
	for deadline := time.Now().Add(time.Minute); len(tokens) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return nil, errors.New("the mail was not sent")
		}
		tokens = tokens[:0]
		for _, m := range box.Messages() {
			if m.Kind != mailer.MagicLink {
				continue
			}
			link, err := url.Parse(m.Values.Link)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, link.Query().Get("token"))
		}
	}
	box.Clear()
	return tokens, nil
}
