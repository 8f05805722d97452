package passhash

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func mustHash(t testing.TB, h *Hasher, password string) string {
	t.Helper()
	encoded, err := h.Hash(context.Background(), "", password)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestPW09_DefaultHashIsArgon2idWithItsParameters(t *testing.T) {
	h := New(Params{}, Limits{})
	first, second := mustHash(t, h, "correct horse"), mustHash(t, h, "correct horse")
	shape := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	if !shape.MatchString(first) {
		t.Errorf("%s is not a PHC string with the default parameters", first)
	}
	if first == second {
		t.Error("two hashes share a salt")
	}
	if ok, upgrade, err := h.Verify(context.Background(), "", first, "correct horse"); !ok || upgrade || err != nil {
		t.Errorf("own hash: ok %v, upgrade %v, %v", ok, upgrade, err)
	}
}

func TestPW04_PasswordsAreComparedAsSentAndInNFC(t *testing.T) {
	h := New(InsecureParams(), Limits{})
	const composed, decomposed = "Zo\u00eb ist da", "Zoe\u0308 ist da"
	for _, c := range []struct {
		name, hashed, sent string
		want               bool
	}{
		{"the same", composed, composed, true},
		{"hashed in NFC, sent in NFD", composed, decomposed, true},
		{"hashed in NFD, sent in NFC", decomposed, composed, true},
		{"compatibility forms stay apart", "ﬁsh & chips", "fish & chips", false},
		{"AC-027 blank in front", "horse battery", " horse battery", false},
		{"AC-027 blank behind", "horse battery ", "horse battery", false},
		{"line break behind", "horse battery", "horse battery\n", false},
		{"case", "horse battery", "Horse battery", false},
		{"inner blanks", "horse  battery", "horse battery", false},
		{"NUL does not end it", "horse\x00battery", "horse\x00", false},
		{"bytes that are not UTF-8", "horse\xff", "horse\xff", true},
		{"other bytes that are not UTF-8", "horse\xff", "horse\xfe", false},
		{"emoji", "🔑🔑🔑🔑", "🔑🔑🔑🔑", true},
		{"empty", "horse", "", false},
	} {
		if ok, _, err := h.Verify(context.Background(), "", mustHash(t, h, c.hashed), c.sent); ok != c.want || err != nil {
			t.Errorf("%s: %v, %v", c.name, ok, err)
		}
	}
}

func TestPW02_LongPasswordsCountWholeOrAreRefusedUnhashed(t *testing.T) {
	h := New(InsecureParams(), Limits{})
	longest := strings.Repeat("0123456789abcdef", MaxPasswordBytes/16)
	encoded := mustHash(t, h, longest)
	for _, length := range []int{8, 64, 72, 128, 1000, MaxPasswordBytes - 1} {
		if ok, _, err := h.Verify(context.Background(), "", encoded, longest[:length]); ok || err != nil {
			t.Errorf("AC-024: the first %d bytes are enough: %v, %v", length, ok, err)
		}
	}
	if ok, _, err := h.Verify(context.Background(), "", encoded, longest); !ok || err != nil {
		t.Errorf("the whole is not: %v, %v", ok, err)
	}
	// AC-023
	before := h.Runs()
	for _, length := range []int{MaxPasswordBytes + 1, 1 << 20, 10 << 20} {
		tooLong := strings.Repeat("x", length)
		_, hashErr := h.Hash(context.Background(), "", tooLong)
		_, _, verifyErr := h.Verify(context.Background(), "", encoded, tooLong)
		_, _, foreignErr := h.Verify(context.Background(), "", "no hash", tooLong)
		wasteErr := h.Waste(context.Background(), "", tooLong)
		for _, err := range []error{hashErr, verifyErr, foreignErr, wasteErr} {
			if !errors.Is(err, ErrTooLong) {
				t.Errorf("%d bytes: %v", length, err)
			}
		}
	}
	if h.Runs() != before {
		t.Errorf("%d derivations of passwords that are too long", h.Runs()-before)
	}
}

func TestAE02_EveryPathRunsExactlyOneDerivation(t *testing.T) {
	h := New(InsecureParams(), Limits{})
	ctx := context.Background()
	own := mustHash(t, h, "right")
	older := mustHash(t, New(Params{MemoryKiB: 16, Time: 1}, Limits{}), "right")
	for name, path := range map[string]func() error{
		"hash":             func() error { _, err := h.Hash(ctx, "", "right"); return err },
		"right password":   func() error { _, _, err := h.Verify(ctx, "", own, "right"); return err },
		"wrong password":   func() error { _, _, err := h.Verify(ctx, "", own, "wrong"); return err },
		"empty password":   func() error { _, _, err := h.Verify(ctx, "", own, ""); return err },
		"other parameters": func() error { _, _, err := h.Verify(ctx, "", older, "right"); return err },
		"unknown account":  func() error { return h.Waste(ctx, "", "right") },
		"no password set":  func() error { _, _, err := h.Verify(ctx, "", "", "right"); return is(err, ErrUnrecognised) },
		"damaged hash":     func() error { _, _, err := h.Verify(ctx, "", own[:40], "right"); return is(err, ErrUnrecognised) },
		"foreign hash": func() error {
			_, _, err := h.Verify(ctx, "", "$pbkdf2-sha256$1$c2FsdHNhbHQ$n+fXTNXDiWhpvGt4I15ZsFRZjidPgo5KbWdwv5dhCsU", "right")
			return err
		},
	} {
		before := h.Runs()
		if err := path(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if runs := h.Runs() - before; runs != 1 {
			t.Errorf("%s: %d derivations", name, runs)
		}
	}
}

func is(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return errors.Join(errors.New("not what was expected"), err)
}

func TestPW10_UpgradeIsAskedForWeakerHashesOnly(t *testing.T) {
	current := New(Params{MemoryKiB: 64, Time: 2}, Limits{})
	for _, c := range []struct {
		name   string
		stored Params
		want   bool
	}{
		{"the same", Params{MemoryKiB: 64, Time: 2}, false},
		{"more memory", Params{MemoryKiB: 128, Time: 2}, false},
		{"more passes", Params{MemoryKiB: 64, Time: 3}, false},
		{"more lanes", Params{MemoryKiB: 64, Time: 2, Threads: 2}, false},
		{"twice the memory, half the passes", Params{MemoryKiB: 128, Time: 1}, false},
		{"less memory", Params{MemoryKiB: 32, Time: 2}, true},
		{"fewer passes", Params{MemoryKiB: 64, Time: 1}, true},
		{"more work in less memory", Params{MemoryKiB: 32, Time: 8}, true},
		{"more memory, less work", Params{MemoryKiB: 65, Time: 1}, true},
	} {
		encoded := mustHash(t, New(c.stored, Limits{}), "right")
		if ok, upgrade, err := current.Verify(context.Background(), "", encoded, "right"); !ok || upgrade != c.want || err != nil {
			t.Errorf("%s: ok %v, upgrade %v, %v", c.name, ok, upgrade, err)
		}
		if _, upgrade, _ := current.Verify(context.Background(), "", encoded, "wrong"); upgrade {
			t.Errorf("%s: a wrong password asks for an upgrade", c.name)
		}
	}
}

func TestValidateRefusesParametersThatAreWeakOrStopTheServer(t *testing.T) {
	for _, good := range []Params{{}, {MemoryKiB: 19456}, {MemoryKiB: 7168, Time: 5}, {MemoryKiB: 47104, Time: 1}, {MemoryKiB: 256 * 1024, Time: 3, Threads: 4}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, bad := range []Params{InsecureParams(), {MemoryKiB: 8192, Time: 2}, {MemoryKiB: 19456, Time: 1}, {MemoryKiB: 1024, Time: 100}, {MemoryKiB: 1 << 20}, {Time: 1 << 20}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// occupied returns a Hasher of which every place is taken, and how to free them.
func occupied(limits Limits) (*Hasher, func()) {
	h := New(InsecureParams(), limits)
	for range h.queue.parallel {
		if err := h.queue.take(context.Background(), "", time.Minute); err != nil {
			panic(err)
		}
	}
	return h, func() {
		for range h.queue.parallel {
			h.queue.leave()
		}
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true")
		}
		runtime.Gosched()
	}
}

func TestPW11_BeyondTheQueueWorkIsRefusedAtOnce(t *testing.T) {
	h, release := occupied(Limits{Parallel: 2, Queue: 3, Wait: 10 * time.Minute})
	var wait sync.WaitGroup
	var done atomic.Int64
	for range 3 {
		wait.Go(func() {
			if h.Waste(context.Background(), "", "x") == nil {
				done.Add(1)
			}
		})
	}
	waitFor(t, func() bool { return waiting(h) == 3 })

	// Whoever waited for its turn here would wait for ten minutes.
	start := time.Now()
	for range 1000 {
		var busy *BusyError
		if err := h.Waste(context.Background(), "", "x"); !errors.Is(err, ErrBusy) || !errors.As(err, &busy) || busy.RetryAfter < time.Second {
			t.Fatalf("the fourth in the queue: %v", err)
		}
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("refusing a thousand took %v", took)
	}
	if h.Runs() != 0 {
		t.Errorf("%d derivations ran", h.Runs())
	}
	release()
	wait.Wait()
	if done.Load() != 3 || h.Runs() != 3 {
		t.Errorf("%d of three in the queue were served, %d runs", done.Load(), h.Runs())
	}
	if err := h.Waste(context.Background(), "", "x"); err != nil {
		t.Errorf("after the rush: %v", err)
	}
}

// Sixty-four at once are all served, whatever the number of processors, and of a
// hundred and twenty-nine the last is not even asked to wait.
func TestPW11_ACrowdOfSixtyFourIsServed(t *testing.T) {
	h, release := occupied(Limits{Parallel: 2, Wait: time.Minute})
	results := make(chan error)
	for range 64 {
		go func() { results <- h.Waste(context.Background(), "", "x") }()
	}
	waitFor(t, func() bool { return waiting(h) == 64 })
	for range 65 {
		if err := h.Waste(context.Background(), "", "x"); !errors.Is(err, ErrBusy) {
			t.Fatalf("behind a full queue: %v", err)
		}
	}
	release()
	for range 64 {
		if err := <-results; err != nil {
			t.Errorf("one of sixty-four: %v", err)
		}
	}
}

func TestWaitingEndsAfterItsTimeOrWithTheRequest(t *testing.T) {
	h, release := occupied(Limits{Parallel: 1, Wait: time.Millisecond})
	if _, err := h.Hash(context.Background(), "", "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("a queue that stands still: %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	h.wait = time.Minute
	result := make(chan error)
	go func() { result <- h.Waste(cancelled, "", "x") }()
	waitFor(t, func() bool { return waiting(h) == 1 })
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("a request that went away: %v", err)
	}
	release()
	if err := h.Waste(cancelled, "", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that was gone before: %v", err)
	}
	if h.Runs() != 0 || waiting(h) != 0 || running(h) != 0 {
		t.Errorf("left behind: %d runs, %d waiting, %d running", h.Runs(), waiting(h), running(h))
	}
	if err := h.Waste(context.Background(), "", "x"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestNoQueueMeansNoWaiting(t *testing.T) {
	h, release := occupied(Limits{Parallel: 1, Queue: -1, Wait: time.Minute})
	defer release()
	if err := h.Waste(context.Background(), "", "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("waited: %v", err)
	}
}

// AC-044: five hundred at once stay within the memory of two, what is beyond
// the queue is refused, and whoever was taken gets an answer. The memory is what
// is in use, as the garbage collector counts it, so that a collector that a busy
// machine runs late changes nothing.
func TestAC044_MemoryByParallelHashing(t *testing.T) {
	h := New(Params{}, Limits{Parallel: 2, Queue: 64, Wait: 5 * time.Minute})
	encoded := mustHash(t, h, "right")
	inUse := func() uint64 {
		runtime.GC()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		return live[0].Value.Uint64()
	}
	before := inUse()

	const attempts = 500
	var wait sync.WaitGroup
	var right, busy atomic.Int64
	for range attempts {
		wait.Go(func() {
			switch ok, _, err := h.Verify(context.Background(), "", encoded, "right"); {
			case ok && err == nil:
				right.Add(1)
			case errors.Is(err, ErrBusy):
				busy.Add(1)
			}
		})
	}
	finished := make(chan struct{})
	go func() { wait.Wait(); close(finished) }()
	var peak uint64
	for more := true; more; {
		select {
		case <-finished:
			more = false
		case <-time.After(time.Millisecond):
		}
		peak = max(peak, inUse())
		if n := running(h); n > 2 {
			t.Fatalf("%d run at once", n)
		}
	}
	if right.Load() < 66 || right.Load()+busy.Load() != attempts {
		t.Errorf("%d right, %d busy, of %d", right.Load(), busy.Load(), attempts)
	}
	const bound = 120 << 20
	if grown := int64(peak) - int64(before); grown > bound {
		t.Errorf("the heap in use grew by %d MiB", grown>>20)
	}
	t.Logf("%d hashed, %d refused, heap in use at most %d MiB", right.Load(), busy.Load(), peak>>20)
}

func FuzzVerify(f *testing.F) {
	h := New(InsecureParams(), Limits{})
	encoded := mustHash(f, h, "right")
	f.Add("right")
	f.Add("Zoe\u0308\xff")
	f.Fuzz(func(t *testing.T, password string) {
		ok, _, err := h.Verify(context.Background(), "", encoded, password)
		if ok != (password == "right") && string(normal(password)) != "right" || (err != nil) != (len(password) > MaxPasswordBytes) {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
		if once := normal(password); string(normal(string(once))) != string(once) {
			t.Errorf("%q has no stable form", password)
		}
	})
}

func BenchmarkVerifyDefault(b *testing.B) {
	h := New(Params{}, Limits{})
	encoded := mustHash(b, h, "right")
	b.ReportAllocs()
	for b.Loop() {
		h.Verify(context.Background(), "", encoded, "right")
	}
}

func BenchmarkVerifyDefault64AtOnce(b *testing.B) {
	h := New(Params{}, Limits{Wait: time.Minute})
	encoded := mustHash(b, h, "right")
	b.SetParallelism(32)
	b.RunParallel(func(each *testing.PB) {
		for each.Next() {
			if ok, _, err := h.Verify(context.Background(), "", encoded, "right"); !ok {
				b.Error(err)
			}
		}
	})
}

func BenchmarkRefuseWhenBusy(b *testing.B) {
	h, release := occupied(Limits{Queue: -1})
	defer release()
	b.ReportAllocs()
	for b.Loop() {
		h.Waste(context.Background(), "", "x")
	}
}

func waiting(h *Hasher) int { return h.Waiting() }

func running(h *Hasher) int {
	running, _ := h.queue.counts()
	return running
}
