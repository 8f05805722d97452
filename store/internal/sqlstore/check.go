package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/admit-go/admit/store"
)

// The findings of Check.
const (
	findingPending     = "schema-pending"
	findingNewer       = "schema-newer"
	findingIndex       = "index-missing"
	findingSynchronous = "synchronous-off"
	findingJournal     = "journal-not-wal"
	findingIdle        = "idle-connections"
	findingClock       = "clock-apart"
)

// clockTolerance is the greatest difference between the clocks of the program
// and of the database that is not a finding.
const clockTolerance = 2 * time.Second

// Check returns what an operator should repair. It changes nothing. An error
// means that Check could not read the database.
func (s *Store) Check(ctx context.Context) (findings []store.Finding, err error) {
	defer func() {
		// Behind the pooler nothing else can be checked. Any statement may be the one that
		// it loses.
		if lost, ok := errors.AsType[poolerError](err); ok {
			findings, err = []store.Finding{lost.finding()}, nil
		}
	}()
	if err := s.usableAnywhere(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if s.dialect == Postgres {
		if err := s.checkPooler(ctx); err != nil {
			return nil, s.fault(ctx, "check", err)
		}
	}
	for _, look := range []func(context.Context) ([]store.Finding, error){s.checkSchema, s.checkSafety, s.checkPool} {
		found, err := look(ctx)
		if err != nil {
			return nil, s.fault(ctx, "check", err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

var indexNames = regexp.MustCompile(`(?m)^CREATE (?:UNIQUE )?INDEX (\w+)`)

// checkSchema compares the schema with what this program knows.
func (s *Store) checkSchema(ctx context.Context) ([]store.Finding, error) {
	pending, err := s.Pending(ctx)
	if errors.Is(err, store.ErrNewerSchema) {
		return []store.Finding{{
			Code: findingNewer, Message: "The database has a newer schema than this program knows.",
			Mend: "Deploy the newer program everywhere.",
		}}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(pending) > 0 {
		return []store.Finding{{
			Code: findingPending, Message: "The schema lacks " + strings.Join(pending, ", ") + ".",
			Mend: "Run the store's Migrate.",
		}}, nil
	}
	steps, err := s.migrations()
	if err != nil {
		return nil, err
	}
	var findings []store.Finding
	for _, step := range steps {
		for _, index := range indexNames.FindAllStringSubmatch(step.text, -1) {
			there, err := s.hasTable(ctx, s.db, index[1])
			if err != nil {
				return nil, err
			}
			if !there {
				findings = append(findings, store.Finding{
					Code: findingIndex, Message: "The index " + index[1] + " is missing: what should be a look-up reads a whole table.",
					Mend: "Create it as " + step.name + ".sql does.",
				})
			}
		}
	}
	return findings, nil
}

// checkSafety looks for settings under which a power cut can undo commits, and
// for a wrong clock.
func (s *Store) checkSafety(ctx context.Context) ([]store.Finding, error) {
	if s.dialect == SQLite {
		return s.checkSQLite(ctx)
	}
	var commit, fsync string
	var now int64
	if err := s.db.QueryRowContext(ctx, `SELECT current_setting('synchronous_commit'), current_setting('fsync')`).Scan(&commit, &fsync); err != nil {
		return nil, err
	}
	var findings []store.Finding
	if commit == "off" || fsync == "off" {
		findings = append(findings, store.Finding{
			Code:    findingSynchronous,
			Message: "synchronous_commit is " + commit + " and fsync is " + fsync + ": a crash or power cut could revive a session that was signed out.",
			Mend:    "Set both to on.",
		})
	}
	before := time.Now()
	if err := s.db.QueryRowContext(ctx, `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`).Scan(&now); err != nil {
		return nil, err
	}
	apart := time.UnixMicro(now).Sub(before.Add(time.Since(before) / 2)).Round(time.Millisecond)
	if apart.Abs() > clockTolerance {
		findings = append(findings, store.Finding{
			Code: findingClock, Message: fmt.Sprintf("The database's clock is %v ahead of this machine's (negative is behind).", apart),
			Mend: "Synchronise both clocks; expiry is judged by the program's.",
		})
	}
	return findings, nil
}

func (s *Store) checkSQLite(ctx context.Context) ([]store.Finding, error) {
	var synchronous int64
	var journal string
	if err := s.db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return nil, err
	}
	if err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return nil, err
	}
	var findings []store.Finding
	const full = 2
	if synchronous < full {
		findings = append(findings, store.Finding{
			Code: findingSynchronous, Message: fmt.Sprintf("PRAGMA synchronous is %d: a power cut could revive a session that was signed out.", synchronous),
			Mend: "Open the file with sqlite.Open, or set synchronous=FULL on every connection.",
		})
	}
	if !strings.EqualFold(journal, "wal") {
		findings = append(findings, store.Finding{
			Code: findingJournal, Message: "The journal mode is " + journal + ": readers and writers wait for each other.",
			Mend: "Run the store's Migrate, on a file system that can share memory.",
		})
	}
	return findings, nil
}

// checkPool takes several connections at once and gives them back. If the pool
// then closes some, it keeps fewer idle connections than it opens, and must
// connect again.
func (s *Store) checkPool(ctx context.Context) ([]store.Finding, error) {
	const several = 8
	before := s.db.Stats()
	want := several
	if before.MaxOpenConnections > 0 {
		// One connection is left for other work.
		want = min(want, before.MaxOpenConnections-1)
	}
	taken := make([]*sql.Conn, 0, several)
	for range want {
		c, err := s.db.Conn(ctx)
		if err != nil {
			break
		}
		taken = append(taken, c)
	}
	for _, c := range taken {
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	if s.db.Stats().MaxIdleClosed == before.MaxIdleClosed {
		return nil, nil
	}
	return []store.Finding{{
		Code: findingIdle, Message: "The pool keeps fewer connections idle than it opens, so that busy times are spent on connecting.",
		Mend: "Give db.SetMaxOpenConns and db.SetMaxIdleConns the same number.",
	}}, nil
}
