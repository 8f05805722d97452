package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"syscall"
	"time"
)

// self measures what a call costs this process, collecting garbage included.
func self(calls int, call func(i int) error) (c cost, err error) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err = syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return 0
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	for i := range calls {
		if err := call(i); err != nil {
			return c, err
		}
	}
	c.all = (used() - before) / time.Duration(calls)
	return c, err
}

// floor measures what no sign-in and no refresh can do without, on the same
// machine at the same time: a signature, and a commit of one row.
func floor(l *lab) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte("what is signed"))
	err = l.figure("floor: a signature with ES256", func() (cost, error) {
		return self(l.calls/4, func(int) error {
			_, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
			return err
		})
	})
	if err != nil {
		return err
	}
	db, done, err := l.file()
	if err != nil {
		return err
	}
	defer done()
	ctx := context.Background()
	for _, text := range []string{"PRAGMA journal_mode=WAL", "CREATE TABLE rows (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO rows VALUES (1, 0)"} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	write, err := db.PrepareContext(ctx, "UPDATE rows SET n = n + 1 WHERE id = ?") //nolint:sqlclosecheck // closed below
	if err != nil {
		return err
	}
	defer write.Close()
	read, err := db.PrepareContext(ctx, "SELECT n FROM rows WHERE id = ?") //nolint:sqlclosecheck // closed below
	if err != nil {
		return err
	}
	defer read.Close()
	err = l.figure("floor: a commit of one row, sqlite FULL", func() (cost, error) {
		return self(l.calls/16, func(int) error {
			_, err := write.ExecContext(ctx, 1)
			return err
		})
	})
	if err != nil {
		return err
	}
	return l.figure("floor: a read by primary key, sqlite", func() (cost, error) {
		return self(l.calls/4, func(int) error {
			var n int
			return read.QueryRowContext(ctx, 1).Scan(&n)
		})
	})
}
