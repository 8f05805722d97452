// Package storetest tests whether an implementation of store.Store keeps the
// contract, with one call:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return open(t) })
//	}
//
// No test can be left out: the rules of every role, races between many
// goroutines, transactions, time, paging, text, cancellation and sweeping.
// Admit works with every store that passes.
//
// [Failing], [Slow] and [Wrap] make any store fail on purpose, for tests of
// code that uses a store.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

// Run tests a store. Each call of open returns a new, empty store, and releases
// it with t.Cleanup. The checks of a section share one store and use different
// tenants, so that not every check needs its own database.
//
// The races run 20 rounds of 64 goroutines each. The environment variable
// STORETEST_ROUNDS sets another number: use 200 before a release. A store over
// a pool of connections should keep as many idle connections as it opens.
// Otherwise its races mostly open connections.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	rounds := 20
	if text := os.Getenv("STORETEST_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			t.Fatalf("STORETEST_ROUNDS is %q", text)
		}
	}
	run(t, open, rounds)
}

// run is Run with another number of rounds.
func run(t *testing.T, open func(t *testing.T) store.Store, rounds int) {
	for _, part := range sections(rounds) {
		t.Run(part.name, func(t *testing.T) {
			var shared store.Store
			if !part.alone {
				shared = open(t)
			}
			for i, c := range part.checks {
				t.Run(c.name, func(t *testing.T) {
					s := shared
					if part.alone {
						s = open(t)
					}
					c.run(newScene(t, s, fmt.Sprintf("tenant-%d", i)))
				})
			}
		})
	}
}

// section is a group of checks. A check tests one promise of the contract.
type section struct {
	name   string
	checks []check
	// alone gives each check its own store, for verbs that act on all tenants.
	alone bool
}

type check struct {
	name string
	run  func(*scene)
}

// sections are all that a store has to prove.
func sections(rounds int) []section {
	return []section{
		{name: "users", checks: userChecks},
		{name: "deletion", checks: deletionChecks},
		{name: "credentials", checks: credentialChecks},
		{name: "sessions", checks: sessionChecks},
		{name: "tokens", checks: tokenChecks},
		{name: "api keys", checks: apiKeyChecks},
		{name: "keys", checks: keyChecks},
		{name: "records", checks: recordChecks},
		{name: "organizations", checks: organizationChecks},
		{name: "events", checks: eventChecks},
		{name: "counters", checks: counterChecks},
		{name: "outbox", checks: outboxChecks},
		{name: "leases", checks: leaseChecks},
		{name: "batches", checks: batchChecks},
		{name: "transactions", checks: transactionChecks},
		{name: "races", checks: raceChecks(rounds)},
		{name: "time", checks: timeChecks},
		{name: "paging", checks: pagingChecks},
		{name: "text", checks: textChecks()},
		{name: "cancellation", checks: cancelChecks()},
		{name: "sweep", checks: sweepChecks(rounds), alone: true},
	}
}

// reporter is what a check needs of testing.TB, so that the checks can be
// tested too.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// scene is the environment of a check: a store, a tenant of its own, and fresh
// ids.
type scene struct {
	reporter
	store  store.Store
	ctx    context.Context
	tenant string
	// made counts the ids given out, over all scenes that come from one.
	made *atomic.Int64
}

// newScene makes a scene without records.
func newScene(t reporter, s store.Store, tenant string) *scene {
	return &scene{reporter: t, store: s, ctx: context.Background(), tenant: tenant, made: new(atomic.Int64)}
}

// elsewhere is the same store in another tenant.
func (s *scene) elsewhere() *scene {
	other := *s
	other.tenant += "-other"
	return &other
}

// now is the moment at which checks play; every time in a check is counted
// from it. It has microseconds, so that a store which drops them is found.
var now = time.Date(2031, 2, 3, 4, 5, 6, 789012000, time.UTC)

// after is the moment so many minutes after now.
func after(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }

// id returns an identifier greater than those before.
func (s *scene) id() string { return fmt.Sprintf("0194f000-0000-7000-8000-%012x", s.made.Add(1)) }

// hash returns 32 bytes that are different each time.
func (s *scene) hash() []byte {
	return fmt.Appendf(nil, "hash\x00\xff%26d", s.made.Add(1))
}

// must ends the check when a verb failed.
func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("failed: %v", err)
	}
}

// is reports a verb that did not fail with the error that the contract names.
func (s *scene) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("error is %v, should be %v", err, want)
	}
}

// yes reports a verb that did not do what it should have done.
func (s *scene) yes(done bool, err error) {
	s.Helper()
	if err != nil || !done {
		s.Errorf("answered %v, %v; should have done it", done, err)
	}
}

// no reports a verb that did what it must not, or made an error of a refusal.
func (s *scene) no(done bool, err error) {
	s.Helper()
	if err != nil || done {
		s.Errorf("answered %v, %v; should have refused without an error", done, err)
	}
}

// count returns a check of a verb that answers how many.
func (s *scene) count(want int) func(int, error) {
	return func(got int, err error) {
		s.Helper()
		if err != nil || got != want {
			s.Errorf("answered %d, %v; should be %d", got, err, want)
		}
	}
}

// equal reports a record that is not as it should be.
func equal[T any](s *scene, got, want T) {
	s.Helper()
	if !reflect.DeepEqual(plain(got), plain(want)) {
		s.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// equalAll reports a list of records that is not as it should be.
func equalAll[T any](s *scene, got, want []T) {
	s.Helper()
	if len(got) != len(want) {
		s.Errorf("got %d: %+v\nwant %d: %+v", len(got), got, len(want), want)
		return
	}
	for i := range got {
		equal(s, got[i], want[i])
	}
}

// plain returns a record with nil for empty bytes, which a store may give back
// either way.
func plain[T any](record T) T {
	if v := reflect.ValueOf(&record).Elem(); v.Kind() == reflect.Struct {
		for _, field := range v.Fields() {
			if b, ok := reflect.TypeAssert[[]byte](field); ok && len(b) == 0 {
				field.SetZero()
			}
		}
	}
	return record
}

// idsOf returns the ids of records, for checks of what is in a list.
func idsOf[T any](records []T, id func(T) string) []string {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = id(r)
	}
	return ids
}
