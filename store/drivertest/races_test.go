package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/sqlite"

	"github.com/admit-go/admit/store/internal/sqlstore"
)

// contest is something of which there is only so much, wanted by the racers of
// two processes at once.
type contest struct {
	name string
	// setUp makes what round i is about.
	setUp func(ctx context.Context, s store.Store, i int) error
	// act is what a racer does; it returns how much it got.
	act func(ctx context.Context, s store.Store, i int, racer string) (int, error)
	// want is what all racers of both processes together get.
	want int
}

const (
	// crossRounds are rounds of each contest, crossRacers the goroutines of each
	// process in it.
	crossRounds = 20
	crossRacers = 16
)

func contests() []contest {
	got := func(ok bool, err error) (int, error) {
		if ok {
			return 1, err
		}
		return 0, err
	}
	won := func(err error) (int, error) {
		if errors.Is(err, store.ErrConflict) {
			return 0, nil
		}
		return 1, err
	}
	token := func(ctx context.Context, s store.Store, i int) error {
		return s.CreateToken(ctx, store.Token{Kind: "k", Hash: secretHash(i, 0), MaxTries: 5, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)})
	}
	user := func(ctx context.Context, s store.Store, i int) error { return s.CreateUser(ctx, someUser(i)) }
	nothing := func(context.Context, store.Store, int) error { return nil }
	return []contest{
		{"an address goes to one account", nothing, func(ctx context.Context, s store.Store, i int, racer string) (int, error) {
			u := someUser(i)
			u.ID += racer
			return won(s.CreateUser(ctx, u))
		}, 1},
		{"a refresh token is accepted once", func(ctx context.Context, s store.Store, i int) error {
			return errors.Join(user(ctx, s, i), s.CreateSession(ctx, someSession(i)))
		}, func(ctx context.Context, s store.Store, i int, racer string) (int, error) {
			return got(s.RotateSession(ctx, store.Rotation{
				ID: sessionID(i), Generation: 1, SecretHash: secretHash(i, 1), NextHash: []byte(racer), Now: epoch, ExpiresAt: epoch.Add(time.Hour),
			}))
		}, 1},
		{"a one-time token is consumed once", token, func(ctx context.Context, s store.Store, i int, _ string) (int, error) {
			_, ok, err := s.ConsumeToken(ctx, "", "k", secretHash(i, 0), epoch)
			return got(ok, err)
		}, 1},
		{"a code is tried no oftener than allowed", token, func(ctx context.Context, s store.Store, i int, _ string) (int, error) {
			_, ok, err := s.TryToken(ctx, "", "k", secretHash(i, 0), epoch)
			return got(ok, err)
		}, 5},
		{"counters let their limit through, all or none", nothing, func(ctx context.Context, s store.Store, i int, _ string) (int, error) {
			counted, err := s.Hit(ctx, epoch,
				store.Counter{Key: fmt.Sprint("wide ", i), Limit: 100, Window: time.Hour},
				store.Counter{Key: fmt.Sprint("narrow ", i), Limit: 7, Window: time.Hour})
			return got(counted.OK, err)
		}, 7},
		{"a password is swapped once", func(ctx context.Context, s store.Store, i int) error {
			return s.PutPassword(ctx, store.Password{UserID: userID(i), Hash: "old"})
		}, func(ctx context.Context, s store.Store, i int, racer string) (int, error) {
			return got(s.SwapPassword(ctx, "old", store.Password{UserID: userID(i), Hash: racer}))
		}, 1},
		{"a message is claimed once", func(ctx context.Context, s store.Store, i int) error {
			for n := range 8 {
				if err := s.AddMail(ctx, store.Mail{ID: fmt.Sprint(i, " ", n), CreatedAt: epoch, NextAt: epoch}); err != nil {
					return err
				}
			}
			return nil
		}, func(ctx context.Context, s store.Store, _ int, racer string) (int, error) {
			claimed, err := s.ClaimMail(ctx, "", store.QueueMail, racer, epoch, epoch.Add(time.Hour), 3)
			return len(claimed), err
		}, 8},
		{"a lease has one holder", nothing, func(ctx context.Context, s store.Store, i int, racer string) (int, error) {
			return got(s.AcquireLease(ctx, "", fmt.Sprint(i), racer, epoch, epoch.Add(time.Hour)))
		}, 1},
		{"a locked account is changed by one after the other", user, func(ctx context.Context, s store.Store, i int, _ string) (int, error) {
			return won(s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
				u, err := tx.LockUser(ctx, "", userID(i))
				if err != nil {
					return err
				}
				u.Name += "x"
				return tx.UpdateUser(ctx, u)
			}))
		}, 2 * crossRacers},
	}
}

// race lets the goroutines of this process act and returns what they got.
func (c contest) race(ctx context.Context, s store.Store, i int, process string) (int, error) {
	got, errs := make([]int, crossRacers), make([]error, crossRacers)
	var group sync.WaitGroup
	for racer := range crossRacers {
		group.Go(func() { got[racer], errs[racer] = c.act(ctx, s, i, fmt.Sprint(process, racer)) })
	}
	group.Wait()
	total := 0
	for _, n := range got {
		total += n
	}
	return total, errors.Join(errs...)
}

// racing is the other process of a race: it tells what it got in each round.
func racing(ctx context.Context, db *sql.DB, o order, turn func() bool) (any, error) {
	var s store.Store = sqlite.New(db)
	if o.Dialect == sqlstore.Postgres {
		s = postgres.New(db)
	}
	c := contests()[o.Contest]
	var got []int
	for i := 0; turn(); i++ {
		n, err := c.race(ctx, s, i, "other")
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i, err)
		}
		got = append(got, n)
	}
	return got, nil
}

func TestTwoProcessesShareOneDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		for n, c := range contests() {
			t.Run(c.name, func(t *testing.T) {
				ctx := context.Background()
				source := d.source(t)
				s := d.store(d.connect(t, source))
				if err := s.Migrate(ctx); err != nil {
					t.Fatal(err)
				}
				other := d.another(t, source, order{Role: "race", Contest: n, Workers: d.conns})
				var mine, theirs []int
				for i := range crossRounds {
					if err := c.setUp(ctx, s, i); err != nil {
						t.Fatal(err)
					}
					other.goOn(t)
					got, err := c.race(ctx, s, i, "mine")
					if err != nil {
						t.Fatalf("round %d: %v", i, err)
					}
					mine = append(mine, got)
					other.ready(t)
				}
				if err := other.result(&theirs); err != nil {
					t.Fatal(err)
				}
				for i := range crossRounds {
					if mine[i]+theirs[i] != c.want {
						t.Errorf("round %d: one process got %d and the other %d, together it should be %d", i, mine[i], theirs[i], c.want)
					}
				}
			})
		}
	})
}
