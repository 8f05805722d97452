package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// junk returns a token with a header that looks like one of this package.
func junk(tokens *Tokens, i int) string {
	return tokens.headerOf("ES256", fmt.Sprint(i)) + ".e30.AAAA"
}

// asking verifies many junk tokens at once, while the store waits.
func asking(t *testing.T, tokens *Tokens, s store.Keys, now time.Time) []error {
	t.Helper()
	errs := make([]error, 300)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = tokens.Verify(t.Context(), s, junk(tokens, i), now) })
	}
	all.Wait()
	return errs
}

// Many junk tokens with a plausible header read the keys from the store at most
// once a second, also if the store fails.
func TestS22_JunkTokensReadTheKeysOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var down error
		s := asked{Keys: memory.New(), list: func(context.Context) error {
			calls.Add(1)
			<-time.After(time.Second) // the clock of the bubble: every goroutine waits by then
			return down
		}}
		tokens := New(options(t))
		tokens.issueTo(t, s.Keys, nil, start)
		for _, step := range []struct {
			after time.Duration
			want  int64
		}{
			{0, 0}, {time.Second - 1, 0}, {time.Second, 1}, {2*time.Second - 1, 0}, {2 * time.Second, 1},
			{1500 * time.Millisecond, 0}, // a request that began earlier
		} {
			calls.Store(0)
			for _, err := range asking(t, tokens, s, start.Add(step.after)) {
				if !errors.Is(err, ErrInvalid) {
					t.Fatalf("after %v: got %v", step.after, err)
				}
			}
			if n := calls.Load(); n != step.want {
				t.Errorf("after %v: the keys were read %d times, want %d", step.after, n, step.want)
			}
		}
		calls.Store(0)
		down = errors.New("the store is down")
		for _, err := range asking(t, tokens, &s, start.Add(time.Minute)) {
			if !errors.Is(err, down) {
				t.Fatalf("got %v, want the error of the store", err)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("a store that is down was asked %d times at once, want 1", n)
		}
	})
}

// If the client of a loading request hangs up, the waiting requests load by
// themselves.
func TestALoadThatIsBrokenOffIsNoAnswerForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := asked{Keys: memory.New(), list: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		}}
		raw := New(options(t)).issueTo(t, s.Keys, nil, start)
		tokens := New(options(t))
		ctx, hangUp := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := tokens.Verify(ctx, &s, raw, start); !errors.Is(err, context.Canceled) {
				t.Errorf("who hung up got %v", err)
			}
		})
		synctest.Wait()
		both.Go(func() { tokens.expect(t, &s, raw, start, nil) })
		synctest.Wait()
		hangUp()
		both.Wait()
	})
}

// A request that waits for the load of another request gives up when its own
// context ends.
func TestWhoWaitsForALoadMayHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		s := asked{Keys: memory.New(), list: func(context.Context) error { <-proceed; return nil }}
		tokens := New(options(t))
		var loader sync.WaitGroup
		loader.Go(func() { tokens.expect(t, &s, junk(tokens, 1), start, ErrInvalid) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := tokens.Verify(ctx, &s, junk(tokens, 2), start); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(proceed)
		loader.Wait()
	})
}

// An error in the transaction of one request of a host is not shared: other
// requests ask again.
func TestAFailureInATransactionIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		raw := New(options(t)).issueTo(t, s, nil, start)
		broken := errors.New("the transaction is aborted")
		tokens := New(options(t))
		var loader sync.WaitGroup
		loader.Go(func() {
			tokens.expect(t, &asked{Keys: s, list: func(context.Context) error { <-time.After(time.Second); return broken }}, raw, start, broken)
		})
		synctest.Wait()
		tokens.expect(t, s, raw, start, nil)
		loader.Wait()
	})
}

func TestManyFirstRequestsMakeOneKey(t *testing.T) {
	s := memory.New()
	processes := []*Tokens{New(options(t)), New(options(t))}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			now := start.Add(-rand.N(time.Second))
			raw := processes[i%2].issueTo(t, s, nil, now)
			processes[i%2].expect(t, s, raw, now, nil)
		})
	}
	all.Wait()
	if keys, err := s.ListKeys(t.Context(), ""); err != nil || len(keys) != 1 {
		t.Errorf("%d keys were made, %v", len(keys), err)
	}
	var calls atomic.Int64
	count := asked{Keys: s, list: func(context.Context) error { calls.Add(1); return nil }}
	for i := range 40 {
		processes[i%2].issueTo(t, count, nil, start.Add(-rand.N(time.Second)))
	}
	if n := calls.Load(); n > 0 {
		t.Errorf("the keys were loaded %d times more within a second", n)
	}
}

// The next key is published before it signs. If a key is removed, its tokens
// are refused.
func TestAKeyIsPublishedBeforeItSignsAndItsRemovalKills(t *testing.T) {
	s, tokens := memory.New(), New(options(t))
	kid := func(raw string) string { id, _ := part(t, raw, 0)["kid"].(string); return id }
	published := func(now time.Time) (ids []string) {
		keys, err := tokens.JWKS(t.Context(), s, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			ids = append(ids, key["kid"])
		}
		return ids
	}
	old := kid(tokens.issueTo(t, s, nil, start))
	now := start.Add(keyLife - 6*time.Minute)
	before := tokens.issueTo(t, s, nil, now)
	ids := published(now)
	if len(ids) != 2 || kid(before) != old {
		t.Errorf("%s signed while %v are published", kid(before), ids)
	}
	now = now.Add(11 * time.Minute)
	after := tokens.issueTo(t, s, nil, now)
	if kid(after) == old || !slices.Contains(ids, kid(after)) {
		t.Errorf("%s signs, %v were published before", kid(after), ids)
	}
	tokens.expect(t, s, before, now, nil)
	// The operator removes the old key from the table.
	removed := without{s, old}
	now = now.Add(2 * keyCheck)
	tokens.expect(t, removed, after, now, nil) // this reads the keys again
	tokens.expect(t, removed, before, now, ErrInvalid)
	if ids := published(start.Add(2*keyLife + keyOverlap + time.Hour)); slices.Contains(ids, kid(after)) {
		t.Errorf("%v are published, %s of which has expired", ids, kid(after))
	}
}

// without is a store from which one key was removed.
type without struct {
	store.Store
	id string
}

func (w without) ListKeys(ctx context.Context, tenant string) ([]store.Key, error) {
	keys, err := w.Store.ListKeys(ctx, tenant)
	return slices.DeleteFunc(keys, func(k store.Key) bool { return k.ID == w.id }), err
}

// A key that was made in the transaction of a host may be rolled back with it.
func TestExpireForgetsAKeyThatWasRolledBack(t *testing.T) {
	s, tokens := memory.New(), New(options(t))
	var raw string
	back := errors.New("rolled back")
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Store) error {
		key, err := tokens.Signer(ctx, tx, start)
		if err != nil {
			return err
		}
		session, user := ann(start)
		raw, err = tokens.Issue(key, session, user, nil, start)
		return errors.Join(err, back)
	})
	if !errors.Is(err, back) || raw == "" {
		t.Fatal(raw, err)
	}
	tokens.Expire()
	tokens.expect(t, s, raw, start, ErrInvalid)
	again := tokens.issueTo(t, s, nil, start)
	tokens.expect(t, s, again, start, nil)
	New(options(t)).expect(t, s, again, start, nil)
}

func TestAKeyUnderAnotherSecretIsLeftOut(t *testing.T) {
	s, o := memory.New(), options(t)
	raw := New(o).issueTo(t, s, nil, start)
	o.Ring = ring(t, "Zq7mR4xW9kT2vN6pL8sB3yH5cF1jD0gAaEuI")
	other := New(o)
	other.expect(t, s, raw, start, ErrInvalid)
	other.expect(t, s, other.issueTo(t, s, nil, start), start, nil) // with a key of its own
}

// A time more than a minute ahead is wrong. After a clock jumped ahead and
// back, its tokens are refused, its keys do not sign and do not prevent other
// keys, and its proofs of identity are not recent.
func TestS20_TimesOfAClockThatJumpedAheadAreWrong(t *testing.T) {
	for _, c := range map[string]struct {
		ahead time.Duration
		want  error
	}{
		"a minute":        {time.Minute, nil},
		"over a minute":   {time.Minute + time.Second, ErrInvalid},
		"within its life": {time.Hour, ErrInvalid},
		"years":           {3000 * 24 * time.Hour, ErrInvalid},
	} {
		s, o := memory.New(), options(t)
		tokens := New(o)
		raw := tokens.issueTo(t, s, nil, start.Add(c.ahead))
		tokens.expect(t, s, raw, start, c.want)
		New(o).expect(t, s, raw, start, c.want)
	}
	s, tokens := memory.New(), New(options(t))
	keys := func() []store.Key {
		records, err := s.ListKeys(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return records
	}
	tokens.issueTo(t, s, nil, start)
	tokens.issueTo(t, s, nil, start.Add(3*keyLife)) // the first key has expired by then
	raw := tokens.issueTo(t, s, nil, start)
	if records := keys(); len(records) != 2 || part(t, raw, 0)["kid"] != records[0].ID {
		t.Errorf("%v signed, the keys are %+v", part(t, raw, 0), records)
	}
	// The next key is made before the current key ends, and not only after it.
	tokens.issueTo(t, s, nil, start.Add(keyLife-keyLead+time.Second))
	if records := keys(); len(records) != 3 || records[2].ActiveAt.After(start.Add(keyLife+time.Minute)) {
		t.Errorf("the keys are %+v, want the next one too", records)
	}
	session, user := ann(start)
	key, err := tokens.Signer(t.Context(), s, start)
	if err != nil {
		t.Fatal(err)
	}
	for ahead, want := range map[time.Duration]int64{time.Minute: start.Add(time.Minute).Unix(), time.Minute + time.Second: 0} {
		session.AuthTime = start.Add(ahead)
		raw, err := tokens.Issue(key, session, user, nil, start)
		if err != nil {
			t.Fatal(err)
		}
		if got := part(t, raw, 1)["auth_time"]; got != float64(want) {
			t.Errorf("%v ahead: auth_time %v, want %d", ahead, got, want)
		}
	}
}

// If twice as many tokens are in use as fit, some are still found: the cost
// grows slowly with the number of tokens.
func TestTheCacheOfTokensHasNoCliff(t *testing.T) {
	const room = 1000
	seen := seenTokens{size: room, tokens: map[digest]*remembered{}}
	found := 0
	for range 10 {
		for i := range 2 * room {
			sum := digestOf(fmt.Sprint(i))
			if seen.find(sum) != nil {
				found++
				continue
			}
			seen.add(sum, &remembered{})
		}
	}
	if found < room { // of 20,000; a cache that drops the oldest finds none
		t.Errorf("%d were found", found)
	}
	if len(seen.tokens) != room {
		t.Errorf("%d are remembered, there is room for %d", len(seen.tokens), room)
	}
}

// Options.Remembered and the docs promise about 250 bytes for each token.
func TestARememberedTokenIsSmall(t *testing.T) {
	const tokens = 20000
	seen := seenTokens{size: tokens, tokens: map[digest]*remembered{}}
	template := New(options(t))
	body := func(i int) []byte {
		return fmt.Appendf(nil, `{"iss":%q,"aud":%q,"sub":"0194f000-0000-7000-8000-%012x","sid":"0194f000-0000-7000-8001-%012x","iat":1,"exp":2,"jti":"1.x","amr":["pwd"]}`, issuer, issuer, i, i)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range tokens {
		token, err := template.read(body(i))
		if err != nil {
			t.Fatal(err)
		}
		seen.add(digestOf(fmt.Sprint(i)), &remembered{token: *token})
	}
	each := (heap() - before) / tokens
	runtime.KeepAlive(&seen)
	if each > 300 {
		t.Errorf("a remembered token takes %d bytes", each)
	}
	t.Logf("%d bytes each", each)
}

func TestASeenTokenIsVerifiedWithoutAllocating(t *testing.T) {
	s, tokens := memory.New(), New(options(t))
	raw := tokens.issueTo(t, s, nil, start)
	if n := testing.AllocsPerRun(1000, func() { _, _ = tokens.Verify(t.Context(), s, raw, start) }); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
}

// BenchmarkVerify compares, on tokens that were not seen, with what golang-jwt
// itself takes. Both take turns with a few tokens each, so that what else the
// machine does falls on both; the metric is the median of the ratios.
func BenchmarkVerify(b *testing.B) {
	s, o := memory.New(), options(b)
	tokens := New(o)
	b.Run("seen", func(b *testing.B) {
		raw := tokens.issueTo(b, s, nil, start)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := tokens.Verify(b.Context(), s, raw, start); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unseen", func(b *testing.B) {
		raws := make([]string, 1000)
		for i := range raws {
			raws[i] = tokens.issueTo(b, s, nil, start)
		}
		keys, err := tokens.JWKS(b.Context(), s, start)
		if err != nil {
			b.Fatal(err)
		}
		key := public(b, keys[0])
		parser := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer),
			jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return start }))
		o.Remembered = -1
		forgetful := New(o)
		const turn = 20
		var ratios []float64
		for round := 0; b.Loop(); round++ {
			at := round * turn % len(raws)
			begun := time.Now()
			for _, raw := range raws[at : at+turn] {
				if _, err := parser.ParseWithClaims(raw, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
					b.Fatal(err)
				}
			}
			theirs := time.Since(begun)
			begun = time.Now()
			for _, raw := range raws[at : at+turn] {
				if _, err := forgetful.Verify(b.Context(), s, raw, start); err != nil {
					b.Fatal(err)
				}
			}
			ratios = append(ratios, float64(time.Since(begun))/float64(theirs))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "ours/theirs")
	})
}

func TestOnlyKnownAlgorithmsAreSupported(t *testing.T) {
	for name, want := range map[string]bool{"ES256": true, "EdDSA": true, "RS256": true, "HS256": true, "none": false, "": false, "es256": false} {
		if Supports(name) != want {
			t.Errorf("%q: got %v", name, !want)
		}
	}
	o := options(t)
	o.Algorithm = "none"
	if _, err := New(o).Signer(t.Context(), memory.New(), start); !errors.Is(err, ErrNotIssued) || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v", err)
	}
}
