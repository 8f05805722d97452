package drivertest

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

// The benchmarks report the processor time of this process beside the wall
// clock, because that is what a server pays and what a busy machine does not
// change. The share of a PostgreSQL server is not in it.

// busy is the processor time that this process has used.
func busy() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// eachBench runs a benchmark on each driver with a pool of many, on a store with
// a thousand accounts, each with a session, under the context of a request.
func eachBench(b *testing.B, run func(ctx context.Context, s store.Store, i int) error) {
	for _, d := range databases() {
		if d.conns == 1 {
			continue
		}
		d.durable = true
		b.Run(d.short(), func(b *testing.B) {
			s := d.open(b)
			fill(b, s, 0, 1000)
			ctx := b.Context()
			b.ReportAllocs()
			b.ResetTimer()
			before := busy()
			for i := range b.N {
				if err := run(ctx, s, i); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((busy()-before).Nanoseconds())/float64(b.N)/1000, "cpu-µs/op")
		})
	}
}

var epoch = time.Date(2030, 1, 2, 3, 4, 5, 678901000, time.UTC)

func userID(i int) string    { return fmt.Sprintf("0194f000-0000-7000-8000-%012x", i) }
func sessionID(i int) string { return fmt.Sprintf("0194f001-0000-7000-8000-%012x", i) }

func secretHash(i, generation int) []byte { return fmt.Appendf(nil, "%016x%016x", i, generation) }

func someUser(i int) store.User {
	email := fmt.Sprintf("user%d@example.com", i)
	return store.User{
		ID: userID(i), Email: email, EmailKey: email, EmailVerifiedAt: epoch, Name: fmt.Sprintf("User %d", i), Locale: "en",
		Role: "user", Onboarding: "completed", CreatedAt: epoch, UpdatedAt: epoch,
	}
}

func someSession(i int) store.Session {
	return store.Session{
		ID: sessionID(i), UserID: userID(i), Generation: 1, SecretHash: secretHash(i, 1), Confirmed: 1, RotatedAt: epoch, AuthTime: epoch,
		AMR: "pwd", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", IPAddress: "203.0.113.7",
		CreatedAt: epoch, LastActivityAt: epoch, ExpiresAt: epoch.AddDate(0, 0, 30), AbsoluteExpiresAt: epoch.AddDate(0, 6, 0),
	}
}

// fill adds the accounts from first to last-1, a session each.
func fill(t testing.TB, s store.Store, first, last int) {
	t.Helper()
	for first < last {
		batch := min(first+500, last)
		err := s.Tx(context.Background(), func(ctx context.Context, tx store.Store) error {
			for i := first; i < batch; i++ {
				if err := tx.CreateUser(ctx, someUser(i)); err != nil {
					return err
				}
				if err := tx.CreateSession(ctx, someSession(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		first = batch
	}
}

func BenchmarkSessionUser(b *testing.B) {
	eachBench(b, func(ctx context.Context, s store.Store, i int) error {
		_, _, err := s.SessionUser(ctx, "", sessionID(i*7%1000))
		return err
	})
}

func BenchmarkRotateSession(b *testing.B) {
	generations := map[store.Store][]int{}
	eachBench(b, func(ctx context.Context, s store.Store, i int) error {
		if generations[s] == nil {
			generations[s] = make([]int, 1000)
		}
		i = i * 7 % 1000
		generations[s][i]++
		g := generations[s][i]
		rotated, err := s.RotateSession(ctx, store.Rotation{
			ID: sessionID(i), Generation: int64(g), SecretHash: secretHash(i, g), NextHash: secretHash(i, g+1),
			Now: epoch.Add(time.Minute), ExpiresAt: epoch.AddDate(0, 1, 0),
		})
		if err == nil && !rotated {
			return fmt.Errorf("session %d was not rotated", i)
		}
		return err
	})
}

func BenchmarkSignInRecords(b *testing.B) {
	eachBench(b, func(ctx context.Context, s store.Store, i int) error {
		user := i * 7 % 1000
		return s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
			if _, err := tx.LockUser(ctx, "", userID(user)); err != nil {
				return err
			}
			n := someSession(user)
			n.ID = sessionID(i + 1000)
			if err := tx.CreateSession(ctx, n); err != nil {
				return err
			}
			return tx.AppendEvent(ctx, store.Event{ID: sessionID(i), Kind: "session.created", SubjectID: userID(user), At: epoch})
		})
	})
}

func BenchmarkHit(b *testing.B) {
	eachBench(b, func(ctx context.Context, s store.Store, i int) error {
		counted, err := s.Hit(ctx, epoch,
			store.Counter{Key: userID(i % 1000), Limit: 1 << 30, Window: time.Hour},
			store.Counter{Key: "203.0.113.7", Limit: 1 << 30, Window: time.Hour})
		if err == nil && !counted.OK {
			return fmt.Errorf("counter %d is full", counted.Full)
		}
		return err
	})
}
