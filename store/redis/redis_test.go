package redis_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/redis"
)

// now lies far from the clock of any Redis, and has microseconds.
var now = time.Date(2031, 2, 3, 4, 5, 6, 789012000, time.UTC)

func after(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }

func counter(key string, limit int) store.Counter {
	return store.Counter{Key: key, Limit: limit, Window: 10 * time.Minute}
}

var ok = store.Counted{OK: true}

// scene is a test on Counters that begin empty.
type scene struct {
	*testing.T
	*redis.Counters
}

func newScene(t *testing.T) scene { return scene{t, open(t, redis.Options{})} }

func (s scene) hit(at time.Time, want store.Counted, counters ...store.Counter) {
	s.Helper()
	got, err := s.Hit(s.Context(), at, counters...)
	if err != nil {
		s.Fatal(err)
	}
	if got.OK != want.OK || got.Full != want.Full || !got.ResetAt.Equal(want.ResetAt) {
		s.Errorf("answered %+v, should be %+v", got, want)
	}
}

func (s scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func TestHitLetsLimitThroughInAWindowThatStartsWithTheFirst(t *testing.T) {
	s, c := newScene(t), counter("a", 2)
	s.hit(now, ok, c)
	s.hit(after(9), ok, c)
	s.hit(after(9), store.Counted{ResetAt: after(10)}, c)
	s.hit(after(10).Add(-time.Microsecond), store.Counted{ResetAt: after(10)}, c)
	s.hit(after(10), ok, c)
	s.hit(after(19), ok, c)
	s.hit(after(19), store.Counted{ResetAt: after(20)}, c)
}

func TestHitRaisesAllCountersOrNone(t *testing.T) {
	s, wide, narrow := newScene(t), counter("wide", 3), counter("narrow", 1)
	s.hit(now, ok, wide, narrow)
	s.hit(after(1), store.Counted{Full: 1, ResetAt: after(10)}, wide, narrow)
	s.hit(after(1), store.Counted{ResetAt: after(10)}, narrow, wide)
	s.hit(after(1), ok, wide)
	s.hit(after(1), ok, wide)
	s.hit(after(1), store.Counted{ResetAt: after(10)}, wide, narrow)
}

func TestHitOfNothingIsFineAndALimitOfZeroLetsNobodyThrough(t *testing.T) {
	s := newScene(t)
	s.hit(now, ok)
	s.hit(now, store.Counted{ResetAt: after(10)}, counter("none", 0))
	s.hit(after(1), store.Counted{Full: 1, ResetAt: after(11)}, counter("fresh", 1), counter("none", 0))
	s.hit(after(2), ok, counter("fresh", 1))
	if _, err := s.Hit(t.Context(), now, counter("b", 9), counter("b", 9)); err == nil {
		t.Error("a key that stands in a call twice was counted once")
	}
}

func TestTheLimitThatCountsIsTheOneThatIsGiven(t *testing.T) {
	s := newScene(t)
	s.hit(now, ok, counter("a", 1))
	s.hit(now, ok, counter("a", 2))
	s.hit(now, store.Counted{ResetAt: after(10)}, counter("a", 1))
}

func TestAC209_AClockThatStepsBackFreesNoCounter(t *testing.T) {
	s := newScene(t)
	s.hit(now, ok, counter("a", 1))
	s.hit(after(-60), store.Counted{ResetAt: after(10)}, counter("a", 1))
}

func TestCountersKeepApartByKeyTenantAndPrefix(t *testing.T) {
	s := newScene(t)
	s.hit(now, ok, counter("b:c", 1))
	s.hit(now, ok, counter("B:c", 1))
	for _, c := range []store.Counter{{Tenant: "a", Key: "b:c"}, {Tenant: "a:b", Key: "c"}, {Tenant: "", Key: "a:b:c"}} {
		c.Limit, c.Window = 1, 10*time.Minute
		s.hit(now, ok, c)
		s.hit(now, store.Counted{ResetAt: after(10)}, c)
	}
	newScene(t).hit(now, ok, counter("b:c", 1))
}

func TestUnhitTakesOneHitBackAndNeverMoreThanThereWere(t *testing.T) {
	s, c := newScene(t), counter("a", 2)
	s.must(s.Unhit(t.Context(), "", "a"))
	s.hit(now, ok, c)
	s.hit(after(1), ok, c)
	s.must(s.Unhit(t.Context(), "elsewhere", "a"))
	s.must(s.Unhit(t.Context(), ""))
	s.hit(after(2), store.Counted{ResetAt: after(10)}, c)
	s.must(s.Unhit(t.Context(), "", "unknown", "a"))
	s.hit(after(3), ok, c)
	s.hit(after(4), store.Counted{ResetAt: after(10)}, c)
	for range 5 {
		s.must(s.Unhit(t.Context(), "", "a"))
	}
	s.hit(after(5), ok, c)
	s.hit(after(6), ok, c)
	s.hit(after(7), store.Counted{ResetAt: after(10)}, c)
}

func TestClearCountersForgetsTheKeysGiven(t *testing.T) {
	s, a, b, c := newScene(t), counter("a", 1), counter("b", 1), counter("c", 1)
	s.hit(now, ok, a, b, c)
	s.must(s.ClearCounters(t.Context(), "elsewhere", "a", "b", "c"))
	s.must(s.ClearCounters(t.Context(), ""))
	s.hit(now, store.Counted{ResetAt: after(10)}, a)
	s.must(s.ClearCounters(t.Context(), "", "a", "c", "unknown"))
	s.hit(after(1), ok, a)
	s.hit(after(1), ok, c)
	s.hit(after(1), store.Counted{ResetAt: after(10)}, b)
}

func TestRedisKeepsACounterLongerThanItsWindowAndNotForEver(t *testing.T) {
	prefix := "{admit-test-life}:"
	c := open(t, redis.Options{Prefix: prefix})
	if _, err := c.Hit(t.Context(), now, store.Counter{Key: "a", Limit: 1, Window: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := c.Unhit(t.Context(), "", "a"); err != nil {
		t.Fatal(err)
	}
	direct := client(t, shared(t))
	keys, err := direct.Keys(t.Context(), prefix+"*").Result()
	if err != nil || len(keys) != 2 {
		t.Fatalf("there are %q, %v; should be a counter and the mark of Unhit", keys, err)
	}
	for _, key := range keys {
		left, err := direct.PTTL(t.Context(), key).Result()
		most := 49 * time.Hour
		if strings.Contains(key, "done:") {
			most = time.Minute
		}
		if err != nil || left > most || left < most-time.Minute/2 {
			t.Errorf("%s is kept for %v, %v; should be %v", key, left, err, most)
		}
	}
}

// together calls from 64 goroutines at one moment, over two clients, and fails
// the test on an error.
func together(t *testing.T, act func(racer int, c *redis.Counters) error) {
	t.Helper()
	prefix := t.Name() + "{x}"
	clients := [2]*redis.Counters{open(t, redis.Options{Prefix: prefix}), open(t, redis.Options{Prefix: prefix})}
	var racers, warm sync.WaitGroup
	start := make(chan struct{})
	for i := range 64 {
		warm.Add(1)
		racers.Go(func() {
			c := clients[i%2]
			err := c.ClearCounters(t.Context(), "", "warm")
			warm.Done()
			<-start
			if err == nil {
				err = act(i, c)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	warm.Wait()
	close(start)
	racers.Wait()
}

func TestAE05_NoMoreRacersThanLimitGetThroughAndNoCounterIsRaisedAlone(t *testing.T) {
	const rounds = 30
	var won, wideWon [rounds]atomic.Int64
	together(t, func(racer int, c *redis.Counters) error {
		for round := range rounds {
			suffix := string(rune('A' + round))
			counters := []store.Counter{counter("narrow"+suffix, 3), counter("wide"+suffix, 5)}
			if racer%2 == 1 {
				slices.Reverse(counters)
			}
			got, err := c.Hit(t.Context(), now, counters...)
			if err != nil {
				return err
			}
			if got.OK {
				won[round].Add(1)
			}
			if racer < 8 {
				// What was raised with the narrow one is taken from the wide one, and
				// nothing else is.
				got, err = c.Hit(t.Context(), now, counter("wide"+suffix, 5))
				if err != nil {
					return err
				}
				if got.OK {
					wideWon[round].Add(1)
				}
			}
		}
		return nil
	})
	for round := range rounds {
		if both, wide := won[round].Load(), wideWon[round].Load(); both > 3 || both+wide != 5 {
			t.Errorf("round %d: %d got both counters of 3 and 5, and %d the second alone", round, both, wide)
		}
	}
}

func TestAWindowThatStartsAnewStartsOnce(t *testing.T) {
	var won atomic.Int64
	together(t, func(_ int, c *redis.Counters) error {
		if _, err := c.Hit(t.Context(), after(-10), counter("old", 1)); err != nil {
			return err
		}
		got, err := c.Hit(t.Context(), now, counter("old", 3))
		if got.OK {
			won.Add(1)
		}
		return err
	})
	if won.Load() != 3 {
		t.Errorf("%d got through, should be 3", won.Load())
	}
}

func TestAC217_AVerbWhoseContextIsDoneDoesNothing(t *testing.T) {
	s, c := newScene(t), counter("a", 1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer stop()
	for ctx, want := range map[context.Context]error{cancelled: context.Canceled, late: context.DeadlineExceeded} {
		if got, err := s.Hit(ctx, now, c); !errors.Is(err, want) || got.OK {
			t.Errorf("Hit: %+v, %v, should be %v", got, err, want)
		}
		if got, err := s.Hit(ctx, now); !errors.Is(err, want) || got.OK {
			t.Errorf("Hit of nothing: %+v, %v, should be %v", got, err, want)
		}
	}
	s.hit(now, ok, c)
	for ctx, want := range map[context.Context]error{cancelled: context.Canceled, late: context.DeadlineExceeded} {
		if err := s.Unhit(ctx, "", "a"); !errors.Is(err, want) {
			t.Errorf("Unhit: %v, should be %v", err, want)
		}
		if err := s.ClearCounters(ctx, "", "a"); !errors.Is(err, want) {
			t.Errorf("ClearCounters: %v, should be %v", err, want)
		}
	}
	s.hit(now, store.Counted{ResetAt: after(10)}, c)
}

func TestTextThatNoStoreHoldsIsRefusedAndTheRestIsKept(t *testing.T) {
	longest := strings.Repeat("k", store.MaxKeyBytes)
	s := scene{t, open(t, redis.Options{FailOpen: true})}
	for _, bad := range []string{"a\x00b", "a\xffb", longest + "k"} {
		for _, at := range []store.Counter{{Key: bad, Limit: 1}, {Tenant: bad, Key: "a", Limit: 1}} {
			good := counter("good", 1)
			if got, err := s.Hit(t.Context(), now, good, at); !errors.Is(err, store.ErrInvalidText) || got.OK {
				t.Errorf("Hit with %.9q: %+v, %v", bad, got, err)
			}
			if err := s.Unhit(t.Context(), at.Tenant, "good", at.Key); !errors.Is(err, store.ErrInvalidText) {
				t.Errorf("Unhit with %.9q: %v", bad, err)
			}
			if err := s.ClearCounters(t.Context(), at.Tenant, "good", at.Key); !errors.Is(err, store.ErrInvalidText) {
				t.Errorf("ClearCounters with %.9q: %v", bad, err)
			}
		}
	}
	s.hit(now, ok, counter("good", 1))
	for _, key := range []string{longest, "", "Zoë 李 🦊", "a\tb\n\x01", "*?[a]", "{other}tag"} {
		s.hit(now, ok, counter(key, 1))
		s.hit(now, store.Counted{ResetAt: after(10)}, counter(key, 1))
		s.must(s.ClearCounters(t.Context(), "", key))
		s.hit(now, ok, counter(key, 1))
	}
}

// twice runs every script two times, as a client does that did not get the
// first answer.
type twice struct{ *goredis.Client }

func (c twice) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *goredis.Cmd {
	if first := c.Client.EvalSha(ctx, sha, keys, args...); first.Err() != nil {
		return first // not known to this Redis yet
	}
	return c.Client.EvalSha(ctx, sha, keys, args...)
}

func TestACommandThatIsRepeatedGivesNoFurtherTry(t *testing.T) {
	prefix := "{admit-test-twice}:"
	s := scene{t, open(t, redis.Options{Prefix: prefix})}
	repeating := redis.New(twice{client(t, shared(t))}, redis.Options{Prefix: prefix})
	s.must(repeating.Unhit(t.Context(), "", "make the script known"))
	for range 3 {
		s.hit(now, ok, counter("a", 3))
	}
	s.must(repeating.Unhit(t.Context(), "", "a"))
	s.hit(now, ok, counter("a", 3))
	s.hit(now, store.Counted{ResetAt: after(10)}, counter("a", 3))
}

func TestRL04_ARedisThatIsGoneIsAnErrorUnlessFailOpenIsSet(t *testing.T) {
	redisServer := startServer(t)
	var log bytes.Buffer
	closed := openAt(t, redisServer.url, redis.Options{})
	opened := openAt(t, redisServer.url, redis.Options{FailOpen: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, c := range []*redis.Counters{closed, opened} {
		if got, err := c.Hit(t.Context(), now, counter("a", 0)); err != nil || got.OK {
			t.Fatalf("with Redis: %+v, %v", got, err)
		}
	}
	redisServer.kill()
	verbs := func(c *redis.Counters, ctx context.Context) (bool, []error) {
		got, hit := c.Hit(ctx, now, counter("a", 0))
		return got.OK, []error{hit, c.Unhit(ctx, "", "a"), c.ClearCounters(ctx, "", "a")}
	}
	if passed, errs := verbs(closed, t.Context()); passed || slices.Contains(errs, nil) {
		t.Errorf("fail closed: passed is %v, errors are %v", passed, errs)
	}
	if passed, errs := verbs(opened, t.Context()); !passed || errors.Join(errs...) != nil {
		t.Errorf("fail open: passed is %v, errors are %v", passed, errs)
	}
	if lines := strings.Count(log.String(), "let pass without Redis"); lines != 3 {
		t.Errorf("fail open said %d times that it let something pass: %s", lines, &log)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if passed, errs := verbs(opened, cancelled); passed || slices.Contains(errs, nil) {
		t.Errorf("fail open let a caller pass that had given up: %v, %v", passed, errs)
	}
	redisServer.start()
	for _, c := range []*redis.Counters{closed, opened} {
		eventually(t, "Redis is used again", func() bool {
			got, err := c.Hit(t.Context(), now, counter("a", 0))
			return err == nil && !got.OK
		})
	}
}

func TestRL04_ARedisThatHangsIsGivenUpAfterTheTimeout(t *testing.T) {
	redisServer := startServer(t)
	c := openAt(t, redisServer.url, redis.Options{Timeout: 200 * time.Millisecond})
	if err := redisServer.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got, err := c.Hit(t.Context(), now, counter("a", 1))
	if took := time.Since(began); err == nil || got.OK || took > time.Minute {
		t.Errorf("answered %+v, %v after %v", got, err, took)
	}
	// Whoever gives up first is refused, also where Redis may be passed over.
	lenient := openAt(t, redisServer.url, redis.Options{FailOpen: true})
	impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got, err := lenient.Hit(impatient, now, counter("a", 1)); !errors.Is(err, context.DeadlineExceeded) || got.OK {
		t.Errorf("a caller out of time got %+v, %v", got, err)
	}
	if err := redisServer.process.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Redis is used again", func() bool {
		_, err := c.Hit(t.Context(), now, counter("b", 1))
		return err == nil
	})
}

func TestOpenRefusesAURLWithoutRepeatingItsPassword(t *testing.T) {
	for _, url := range []string{"", "http://x.test", "redis://user:hunter2@x.test/notanumber", "redis://user:hunter2@x .test"} {
		_, err := redis.Open(url, redis.Options{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
