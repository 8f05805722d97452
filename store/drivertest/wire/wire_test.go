package wire_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/drivertest/wire"
)

func TestTheProxyCountsExchanges(t *testing.T) {
	proxy, err := wire.Start(pgtest.Open(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	db, err := pgx.Connect(ctx, proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		what string
		want int
		do   func() error
	}{
		{"a statement", 1, func() error { return exec(ctx, db, "SELECT 1") }},
		{"a statement that is prepared first", 2, func() error { return exec(ctx, db, "SELECT CAST($1 AS TEXT)", "a") }},
		{"the same once more", 1, func() error { return exec(ctx, db, "SELECT CAST($1 AS TEXT)", "b") }},
		{"a long statement with a long answer", 1, func() error { return exec(ctx, db, "SELECT repeat('x', 1000000) -- "+strings.Repeat("y", 1000000)) }},
		{"a transaction", 3, func() error {
			return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "SELECT 1")
				return err
			})
		}},
	} {
		before := proxy.Exchanges()
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if got := proxy.Exchanges() - before; got != c.want {
			t.Errorf("%s takes %d exchanges, want %d", c.what, got, c.want)
		}
	}
}

func exec(ctx context.Context, db *pgx.Conn, text string, args ...any) error {
	_, err := db.Exec(ctx, text, args...)
	return err
}
