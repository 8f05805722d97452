package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the SQLite driver

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/sqlite"
)

// database is a store, how to bring its schema up to date, and how to let go of
// it.
type database struct {
	store   store.Store
	migrate func(context.Context) error
	close   func()
}

// openStore opens what -store names, without touching it. What it cannot open
// it answers with a store in memory, so that the rest can be checked.
func openStore(text string) (*database, error) {
	inMemory := &database{memory.New(), func(context.Context) error { return nil }, func() {}}
	path, isFile := strings.CutPrefix(text, "sqlite:")
	switch {
	case text == "memory:":
		return inMemory, nil
	case isFile && path != "":
		db, err := sqlite.Open(path)
		if err != nil {
			return inMemory, err
		}
		s := sqlite.New(db)
		return &database{s, s.Migrate, func() { _ = db.Close() }}, nil
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		config, err := pgx.ParseConfig(text)
		if err != nil {
			return inMemory, err
		}
		db := stdlib.OpenDB(*config)
		// Every connection that is opened for a burst is kept: reconnecting costs
		// far more than a connection that idles.
		db.SetMaxOpenConns(20)
		db.SetMaxIdleConns(20)
		s := postgres.New(db)
		return &database{s, s.Migrate, func() { _ = db.Close() }}, nil
	}
	return inMemory, errors.New(misnamed(text))
}

// misnamed says what came where a store was expected, and what was most likely
// meant. What may hold a password is not repeated.
func misnamed(text string) string {
	const must = "must be sqlite:file, memory: or a postgres:// URL"
	switch {
	case strings.ContainsAny(text, "@ ") || strings.Contains(text, "//"):
		return must
	case text == "memory":
		return `"memory" ` + must + "; did you mean memory:?"
	case strings.Contains(text, ":"):
		return fmt.Sprintf("%q %s", text, must)
	}
	return fmt.Sprintf("%q %s; did you mean sqlite:%s?", text, must, text)
}
