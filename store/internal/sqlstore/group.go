package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// group is a transaction on SQLite that several writers share, one after the
// other. They also share its commit, because a commit waits for the disk and
// takes longer than the work of most writers.
//
// The writer that begins a group is its first member. Each later member runs
// inside a savepoint, so that its work can be undone alone. After its run, a
// member joins the queue of writers again, behind the waiting writers. The
// first member that gets a second turn commits for all members. So the members
// of a group are the writers that waited when its first member had run, and no
// member waits for more than these.
//
// No member gets its answer before the commit: a success is not durable before,
// and a refusal may be based on the work of another member. A single member
// commits at once and pays for none of this.
type group struct {
	tx      *sql.Tx
	release func()
	// members counts the writers that ran in the group, refused ones too.
	members int
	// done is closed when the group has ended. Then err is the reason why its
	// work was lost, or nil. The writer that has the turn owns both.
	done  chan struct{}
	ended bool
	err   error
}

// errGroupLost means that a group ended without a commit, because of another
// member. No work of this member remains.
var errGroupLost = errors.New("the transaction shared with other writers was lost")

// work is what a writer does in a transaction.
type work func(ctx context.Context, t *Store) error

// grouped runs fn in a transaction on SQLite, which it may share.
func (s *Store) grouped(ctx context.Context, fn work) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	if s.open == nil {
		s.prepareWanted(ctx)
	}
	return s.inTurn(ctx, fn)
}

// inTurn is grouped for a writer that has the turn, and gives the turn back. A
// member whose group was lost runs again in its own transaction.
func (s *Store) inTurn(ctx context.Context, fn work) error {
	err := s.takeTurn(ctx, fn)
	if !errors.Is(err, errGroupLost) {
		return err
	}
	if err := s.lockAlone(ctx); err != nil {
		return err
	}
	defer s.unlockWriter()
	return s.retrying(ctx, func() error {
		g, err := s.start(ctx, fn)
		if err != nil {
			return err
		}
		s.commit(g)
		return g.err
	})
}

// takeTurn runs fn in the group that is open, or in a new one, and gives the
// turn to write back.
func (s *Store) takeTurn(ctx context.Context, fn work) error {
	parked := false
	defer func() { // also on a panic
		if !parked {
			s.unlockWriter()
		}
	}()
	g := s.open
	if g == nil {
		err := s.retrying(ctx, func() (err error) {
			g, err = s.start(ctx, fn)
			return err
		})
		if err != nil {
			return err
		}
		parked = true
		s.await(g)
		if g.err != nil && (g.members > 1 || s.dialect.again(g.err)) {
			return fmt.Errorf("%w: %w", errGroupLost, g.err)
		}
		return g.err
	}
	err := s.follow(ctx, g, fn)
	switch {
	case s.dialect.again(err), g.ended && err == nil:
		return fmt.Errorf("%w: %w", errGroupLost, errors.Join(err, g.err))
	case g.ended, err != nil && ctx.Err() != nil:
		return err
	}
	parked = true
	s.await(g)
	if g.err != nil {
		return fmt.Errorf("%w: %w", errGroupLost, g.err)
	}
	return err
}

// start begins a group and runs its first member. The first member needs no
// savepoint, because there is no other work to keep if it fails.
func (s *Store) start(ctx context.Context, fn work) (*group, error) {
	tx, release, err := s.begin(ctx)
	if err != nil {
		return nil, s.fault(ctx, "begin", err)
	}
	g := &group{tx: tx, release: release, members: 1, done: make(chan struct{})}
	t := &Store{core: s.core, scope: &scope{tx: tx}}
	kept := false
	defer func() { // also on a panic
		t.scope.end()
		if !kept {
			s.lose(g, errGroupLost)
		}
	}()
	// The transaction may have begun without the write lock. The lock is taken
	// before anything is read, because a write after a read could fail.
	if _, err := t.exec(ctx, s.q.lock); err != nil {
		return nil, err
	}
	if err := t.do(ctx, fn); err != nil {
		return nil, err
	}
	kept = true
	return g, nil
}

// follow runs a later member of a group. If the member cannot be undone alone,
// for example because the database itself rolled back, the group is lost.
func (s *Store) follow(ctx context.Context, g *group, fn work) error {
	g.members++
	t := &Store{core: s.core, scope: &scope{tx: g.tx}}
	if err := t.savepoint(ctx, "SAVEPOINT admit_member"); err != nil {
		s.lose(g, err)
		return nil
	}
	kept := false
	defer func() { // also on a panic
		t.scope.end()
		if kept {
			return
		}
		_, err := g.tx.ExecContext(context.WithoutCancel(ctx), "ROLLBACK TO SAVEPOINT admit_member")
		if err == nil {
			_, err = g.tx.ExecContext(context.WithoutCancel(ctx), "RELEASE SAVEPOINT admit_member")
		}
		if err != nil {
			s.lose(g, err)
		}
	}()
	if err := t.do(ctx, fn); err != nil {
		return err
	}
	if err := t.savepoint(ctx, "RELEASE SAVEPOINT admit_member"); err != nil {
		return s.fault(ctx, "release", err)
	}
	kept = true
	return nil
}

// do runs fn on the store of a transaction. If the context is done after fn, do
// returns its error, so that the work of fn is undone.
func (s *Store) do(ctx context.Context, fn work) error {
	if err := fn(context.WithValue(ctx, inside{s.core}, true), s); err != nil {
		return err
	}
	if err := s.scope.broken(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return s.fault(ctx, "commit", err)
	}
	return nil
}

// await returns when the group has ended. If others wait to write, it leaves the
// group open for them and waits for the end of the group or for its second turn.
// In its second turn, or at once if nobody waits, it commits the group and gives
// the turn back. It ignores the context: this member has done its work, and the
// other members keep their own deadlines.
func (s *Store) await(g *group) {
	if s.queued.Load() > 0 {
		s.open = g
		s.unlockWriter()
		select {
		case <-g.done:
			return
		case s.writer <- struct{}{}:
		}
	}
	s.commit(g)
	s.unlockWriter()
}

// commit commits a group that has not ended. The turn to write is the caller's.
func (s *Store) commit(g *group) {
	if g.ended {
		return
	}
	err := g.tx.Commit()
	if err != nil {
		err = s.fault(context.Background(), "commit", err)
	}
	s.end(g, err)
}

// lose ends a group whose work is lost, with the reason.
func (s *Store) lose(g *group, err error) {
	// The error adds nothing: a connection that cannot roll back is given up.
	_ = g.tx.Rollback()
	s.end(g, err)
}

func (s *Store) end(g *group, err error) {
	g.release()
	g.err, g.ended = err, true
	if s.open == g {
		s.open = nil
	}
	close(g.done)
}

// single runs one statement that writes to SQLite: on its own if nobody else
// writes, otherwise as a member of a group.
func (s *Store) single(ctx context.Context, q *query, args []any, use func(call) error) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	if s.open != nil || s.queued.Load() > 0 {
		return s.inTurn(ctx, func(ctx context.Context, t *Store) error { return t.scope.run(ctx, t.core, q, args, use) })
	}
	defer s.unlockWriter()
	run := s.onPool
	if q.soft {
		run = s.softly
	}
	return s.retrying(ctx, func() error { return run(ctx, q, args, use) })
}

// lockWriter waits for the turn of the caller to write. After it has returned
// nil, the caller may write until unlockWriter.
func (c *core) lockWriter(ctx context.Context) error {
	select {
	case c.writer <- struct{}{}:
		return nil
	default:
	}
	c.queued.Add(1)
	defer c.queued.Add(-1)
	select {
	case c.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: waiting to write: %w", c.dialect, ctx.Err())
	}
}

// lockAlone is lockWriter for a writer that does not share its transaction.
func (s *Store) lockAlone(ctx context.Context) error {
	if s.writer == nil {
		return nil
	}
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	if s.open != nil {
		s.commit(s.open)
	}
	return nil
}

// unlockWriter gives the turn to the writer that has waited longest.
func (c *core) unlockWriter() {
	if c.writer != nil {
		<-c.writer
	}
}
