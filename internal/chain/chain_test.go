package chain

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// never is what is asked whether the work should stop.
func never() bool { return false }

// bench is one database with a clock.
type bench struct {
	*testing.T
	db   store.Store
	ring *sealed.Ring
	ids  uuid.Source
	at   time.Time
	log  bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ring, err := sealed.New([][]byte{[]byte("k3J9-vQ2x-77Lm-Zp0r-Wd4t-8sYc-N1bH")})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{T: t, db: memory.New(), ring: ring, at: start}
}

// process returns a chain as one process has it, over the store that the function
// makes of the database.
func (b *bench) process(holder string, set ...func(*Options)) *Chain {
	o := Options{
		Store: b.db, Holder: holder, Ring: b.ring, IDs: &b.ids, Now: func() time.Time { return b.at },
		Logger:   slog.New(slog.NewTextHandler(&b.log, nil)),
		Erasable: func(kind string) bool { return kind == "user.banned" }, Purged: "user.purged",
	}
	for _, f := range set {
		f(&o)
	}
	return New(o)
}

// append adds events as the transactions of requests do.
func (b *bench) append(c *Chain, kinds ...string) {
	b.Helper()
	for _, kind := range kinds {
		b.at = b.at.Add(time.Second)
		e := store.Event{
			ID: b.ids.New(b.at), Kind: kind, ActorID: "ann", SubjectID: "ann", IPAddress: "203.0.113.7", UserAgent: "Agent", RequestID: "r",
			Data: []byte(`{"reason":"spam"}`), At: b.at, Delivered: true,
		}
		c.Seal(&e)
		if err := b.db.AppendEvent(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

func (b *bench) advance(c *Chain) {
	b.Helper()
	if err := c.Advance(b.Context(), never); err != nil {
		b.Fatal(err)
	}
}

// verify reports the faults as one text.
func (b *bench) verify(c *Chain, checkpoint string) string {
	b.Helper()
	var from *Checkpoint
	if checkpoint != "" {
		parsed, err := ParseCheckpoint(checkpoint)
		if err != nil {
			b.Fatal(err)
		}
		from = &parsed
	}
	report, err := c.Verify(b.Context(), from)
	if err != nil {
		b.Fatal(err)
	}
	return strings.Join(report.Faults, "\n")
}

// tampered is a database that somebody has changed behind the library.
type tampered struct {
	store.Store
	events    func([]store.Event) []store.Event
	record    func(*store.Record)
	keys      func([]store.Key) []store.Key
	noRecords bool
}

func (s tampered) ChainedEvents(ctx context.Context, tenant string, after int64, limit int) ([]store.Event, error) {
	all, err := s.Store.ChainedEvents(ctx, tenant, 0, 10_000)
	if s.events != nil {
		all = s.events(all)
	}
	slices.SortStableFunc(all, func(a, b store.Event) int { return int(a.Seq - b.Seq) })
	all = slices.DeleteFunc(all, func(e store.Event) bool { return e.Seq <= after })
	return all[:min(len(all), limit)], err
}

func (s tampered) Record(ctx context.Context, tenant, kind, id string) (store.Record, error) {
	if s.noRecords {
		return store.Record{}, store.ErrNotFound
	}
	r, err := s.Store.Record(ctx, tenant, kind, id)
	if s.record != nil {
		s.record(&r)
	}
	return r, err
}

func (s tampered) ListKeys(ctx context.Context, tenant string) ([]store.Key, error) {
	keys, err := s.Store.ListKeys(ctx, tenant)
	if s.keys != nil {
		keys = s.keys(keys)
	}
	return keys, err
}

// Whatever a person with the database does to the log is found: edit, delete,
// reorder, cut off, forge.
func TestEveryChangeOfTheLogIsFound(t *testing.T) {
	b := newBench(t)
	c := b.process("one")
	kinds := []string{"a", "b", "c", "user.banned", "e", "f"}
	b.append(c, kinds...)
	b.advance(c)
	report, err := c.Verify(t.Context(), nil)
	if err != nil || len(report.Faults) > 0 || report.First != 1 || report.Last != 6 || report.Unsigned != 0 {
		t.Fatalf("the log as it is: %+v, %v", report, err)
	}
	old, err := b.db.Record(t.Context(), "", recordKind, headID)
	if err != nil {
		t.Fatal(err)
	}
	middle := report.Checkpoint
	b.append(c, "g", "h")
	b.advance(c)
	edit := func(i int, change func(*store.Event)) func([]store.Event) []store.Event {
		return func(all []store.Event) []store.Event { change(&all[i]); return all }
	}
	drop := func(from, to int) func([]store.Event) []store.Event {
		return func(all []store.Event) []store.Event { return slices.Delete(all, from, to) }
	}
	forged := store.Event{ID: b.ids.New(b.at), Kind: "forged", At: b.at}
	for name, tc := range map[string]struct {
		tampered
		want, wantFrom string
	}{
		"nothing":              {},
		"the kind":             {tampered{events: edit(2, func(e *store.Event) { e.Kind = "x" })}, "changed", ""},
		"the actor":            {tampered{events: edit(2, func(e *store.Event) { e.ActorID = "eve" })}, "changed", ""},
		"the subject":          {tampered{events: edit(2, func(e *store.Event) { e.SubjectID = "eve" })}, "changed", ""},
		"the time":             {tampered{events: edit(2, func(e *store.Event) { e.At = e.At.Add(time.Hour) })}, "changed", ""},
		"the id":               {tampered{events: edit(2, func(e *store.Event) { e.ID += "x" })}, "changed", ""},
		"the data":             {tampered{events: edit(2, func(e *store.Event) { e.Data = []byte(`{}`) })}, "changed", ""},
		"no data":              {tampered{events: edit(2, func(e *store.Event) { e.Data = nil })}, "changed", ""},
		"no data and no salt":  {tampered{events: edit(2, func(e *store.Event) { e.Data, e.DataSalt = nil, "" })}, "changed", ""},
		"the address":          {tampered{events: edit(7, func(e *store.Event) { e.IPAddress = "198.51.100.1" })}, "changed", "changed"},
		"no address":           {tampered{events: edit(7, func(e *store.Event) { e.IPAddress, e.UserAgent, e.RequestID = "", "", "" })}, "changed", "changed"},
		"erased without purge": {tampered{events: edit(7, func(e *store.Event) { e.IPAddress, e.UserAgent, e.RequestID, e.ClientSalt = "", "", "", "" })}, "erased", "erased"},
		"a reason erased":      {tampered{events: edit(3, func(e *store.Event) { e.Data, e.DataSalt = nil, "" })}, "erased", ""},
		"a salt":               {tampered{events: edit(2, func(e *store.Event) { e.ClientSalt = "x" })}, "changed", ""},
		"the first deleted":    {tampered{events: drop(0, 1)}, "missing: events 1 to 1", ""},
		"two deleted":          {tampered{events: drop(2, 4)}, "missing: events 3 to 4", ""},
		"one deleted later":    {tampered{events: drop(6, 7)}, "missing: events 7 to 7", "missing"},
		"one deleted, and the rest moved up": {tampered{events: func(all []store.Event) []store.Event {
			all = slices.Delete(all, 2, 3)
			for i := 2; i < len(all); i++ {
				all[i].Seq--
			}
			return all
		}}, "changed", "replaced"},
		"two in the other order": {tampered{events: func(all []store.Event) []store.Event {
			all[2].Seq, all[3].Seq = all[3].Seq, all[2].Seq
			return all
		}}, "changed", ""},
		"links in the other order": {tampered{events: func(all []store.Event) []store.Event {
			all[2].Seal, all[3].Seal = all[3].Seal, all[2].Seal
			return all
		}}, "changed", ""},
		"the end cut off":          {tampered{events: drop(7, 8)}, "cut off: events 8 to 8", "cut off"},
		"all cut off":              {tampered{events: drop(0, 8)}, "cut off", "cut off"},
		"cut off with an old head": {tampered{events: drop(5, 8), record: func(r *store.Record) { r.Data = bytes.Replace(r.Data, []byte(`"seq":8`), []byte(`"seq":5`), 1) }}, "head is forged", "head is forged"},
		"a forged event at the end": {tampered{events: func(all []store.Event) []store.Event {
			e := forged
			e.Seq, e.Seal = 9, all[7].Seal
			return append(all, e)
		}}, "forged", "forged"},
		"a forged event in the middle": {tampered{events: func(all []store.Event) []store.Event {
			e := forged
			e.Seq, e.Seal = 3, all[2].Seal
			all[2] = e
			return all
		}}, "changed or forged", ""},
		"an event without a link": {tampered{events: edit(2, func(e *store.Event) { e.Seal = "" })}, "no link", ""},
		"the head gone":           {tampered{noRecords: true}, "head is missing", "head is missing"},
		"the key gone":            {tampered{keys: func([]store.Key) []store.Key { return nil }}, "key is missing", "key is missing"},
		"head and key gone":       {tampered{noRecords: true, keys: func([]store.Key) []store.Key { return nil }}, "missing", "missing"},
	} {
		tc.Store = b.db
		mallory := b.process("two", func(o *Options) { o.Store = tc.tampered })
		for from, want := range map[string]string{"": tc.want, middle: tc.wantFrom} {
			if got := b.verify(mallory, from); (got == "") != (want == "") || !strings.Contains(got, want) {
				t.Errorf("%s, from %q: found %q, want %q", name, from, got, want)
			}
		}
	}

	// The whole log replaced by an older copy, head and all: only a checkpoint tells.
	last := b.verifyAll(c).Checkpoint
	copied := b.process("three", func(o *Options) {
		o.Store = tampered{Store: b.db, events: drop(6, 8), record: func(r *store.Record) { *r = old }}
	})
	if got := b.verify(copied, ""); got != "" {
		t.Errorf("an older copy as a whole: %q", got)
	}
	if got := b.verify(copied, last); !strings.Contains(got, "cut off: the chain ends at 6, the checkpoint is at 8") {
		t.Errorf("an older copy and a checkpoint: %q", got)
	}
	// A log that somebody has made anew is not the one of the checkpoint.
	other := newBench(t)
	theirs := other.process("one")
	other.append(theirs, kinds...)
	other.advance(theirs)
	if got := other.verify(theirs, middle); !strings.Contains(got, "not the one of the checkpoint") {
		t.Errorf("another log: %q", got)
	}
}

func (b *bench) verifyAll(c *Chain) Report {
	b.Helper()
	report, err := c.Verify(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	return report
}

// A copy of the database that goes its own way makes another branch of the log, whose
// links have the same key. An event of one branch does not follow an event of the other.
func TestAnEventOfAnotherBranchIsFound(t *testing.T) {
	b := newBench(t)
	c := b.process("one")
	b.append(c, "a", "b")
	b.advance(c)
	h, err := c.peek(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.append(c, "c", "d")
	b.advance(c)
	foreign := store.Event{ID: b.ids.New(b.at), Kind: "foreign", ActorID: "ann", At: b.at}
	c.Seal(&foreign)
	made := c.next(h, &foreign)
	foreign.Seq, foreign.Seal, foreign.ClientSalt, foreign.DataSalt = made.Seq, made.Seal, made.ClientSalt, made.DataSalt
	verify := func(change func(next *store.Event)) string {
		splice := func(all []store.Event) []store.Event {
			all[2] = foreign
			change(&all[3])
			return all
		}
		return b.verify(b.process("two", func(o *Options) { o.Store = tampered{Store: b.db, events: splice} }), "")
	}
	if got := verify(func(*store.Event) {}); !strings.Contains(got, "replaced: event 4") {
		t.Errorf("an event of another branch: %q", got)
	}
	got := verify(func(next *store.Event) {
		before, err := parseLink(foreign.Seal)
		if err != nil {
			t.Fatal(err)
		}
		l, err := parseLink(next.Seal)
		if err != nil {
			t.Fatal(err)
		}
		l.prev = before.mac
		next.Seal = l.String()
	})
	if !strings.Contains(got, "changed or forged: event 4") {
		t.Errorf("a link that names the event of another branch: %q", got)
	}
}

// An event that somebody writes into the database, to be linked by the worker, has no
// proof of origin. Events from before the first event with one are only counted.
func TestAnEventWithoutProofOfOriginIsFound(t *testing.T) {
	b := newBench(t)
	c := b.process("one")
	plain := func(actor, address string) {
		b.at = b.at.Add(time.Second)
		e := store.Event{ID: b.ids.New(b.at), Kind: "old", ActorID: actor, IPAddress: address, At: b.at}
		if err := b.db.AppendEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	plain("ann", "203.0.113.7")
	plain("", "")
	b.append(c, "a")
	b.advance(c)
	if report := b.verifyAll(c); report.Unsigned != 2 || len(report.Faults) > 0 {
		t.Errorf("events of an older version: %+v", report)
	}
	// The admit command may have no secret. What it does has neither actor nor client.
	plain("", "")
	b.advance(c)
	if report := b.verifyAll(c); report.Unsigned != 3 || len(report.Faults) > 0 {
		t.Errorf("an event of the command: %+v", report)
	}
	plain("ann", "")
	plain("", "203.0.113.7")
	b.advance(c)
	for _, seq := range []string{"event 5", "event 6"} {
		if got := b.verify(c, ""); !strings.Contains(got, seq) || !strings.Contains(got, "appended without the secret") {
			t.Errorf("found %q", got)
		}
	}
	// A proof for other content is none.
	e := store.Event{ID: b.ids.New(b.at), Kind: "a", At: b.at}
	c.Seal(&e)
	for _, change := range []func(*store.Event){
		func(e *store.Event) { e.Kind = "b" }, func(e *store.Event) { e.ActorID = "b" }, func(e *store.Event) { e.SubjectID = "b" },
		func(e *store.Event) { e.ID = "b" }, func(e *store.Event) { e.At = start }, func(e *store.Event) { e.Data = []byte(`{}`) },
	} {
		other := e
		if change(&other); c.genuine(&other) {
			t.Errorf("the proof holds for %+v too", other)
		}
	}
	if !c.genuine(&e) {
		t.Error("the proof does not hold")
	}
}

// A purge removes the person from the log, before or after the events are linked, and
// the chain stays whole.
func TestAPurgeLeavesTheChainWhole(t *testing.T) {
	for _, linked := range []bool{true, false} {
		b := newBench(t)
		c := b.process("one")
		u := store.User{ID: "ann", Email: "a@x.test", EmailKey: "a@x.test", CreatedAt: start, UpdatedAt: start}
		if err := b.db.CreateUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		b.append(c, "a", "user.banned", "c")
		if linked {
			b.advance(c)
		}
		if _, err := b.db.DeleteUser(t.Context(), "", "ann", start, time.Time{}); err != nil {
			t.Fatal(err)
		}
		purged, err := b.db.PurgeUser(t.Context(), store.UserPurge{UserID: "ann", Now: b.at, Blank: []string{"user.banned"}})
		if err != nil || !purged {
			t.Fatal(purged, err)
		}
		b.append(c, "user.purged")
		// The event of the purge counts while it waits, too.
		if got := b.verify(c, ""); got != "" {
			t.Errorf("before the event of the purge is linked: %q", got)
		}
		b.advance(c)
		if got := b.verify(c, ""); got != "" {
			t.Errorf("linked before the purge %v: %q", linked, got)
		}
		left, err := b.db.ListEvents(t.Context(), store.EventQuery{Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range left {
			if e.IPAddress+e.UserAgent+e.RequestID+e.ClientSalt != "" {
				t.Errorf("left of the person is %+v", e)
			}
		}
		if left[1].Data != nil || left[1].DataSalt != "" {
			t.Errorf("the reason is left: %+v", left[1])
		}
	}
}

// Old events go from the start of the chain. The rest is verified from there.
func TestTheChainIsVerifiedFromTheLastCut(t *testing.T) {
	b := newBench(t)
	c := b.process("one", func(o *Options) { o.Retention = time.Hour })
	b.append(c, slices.Repeat([]string{"old"}, batch+3)...)
	b.advance(c)
	before := b.verifyAll(c).Checkpoint
	b.at = b.at.Add(2 * time.Hour)
	waiting := store.Event{ID: b.ids.New(b.at.Add(-90 * time.Minute)), Kind: "not delivered", At: b.at}
	c.Seal(&waiting)
	if err := b.db.AppendEvent(t.Context(), waiting); err != nil {
		t.Fatal(err)
	}
	b.append(c, "new", "new")
	for range 2 {
		if err := c.Expire(t.Context(), never); err != nil {
			t.Fatal(err)
		}
	}
	report := b.verifyAll(c)
	if len(report.Faults) > 0 || report.First != batch+4 || report.Last != batch+6 {
		t.Errorf("after the cut: %+v", report)
	}
	if got := b.verify(c, before); got != "" {
		t.Errorf("the checkpoint at the cut: %q", got)
	}
	// What was cut cannot be cut by somebody else.
	mallory := b.process("two", func(o *Options) {
		o.Store = tampered{Store: b.db, events: func(all []store.Event) []store.Event { return all[1:] }}
	})
	if got := b.verify(mallory, ""); !strings.Contains(got, "missing") {
		t.Errorf("one more is gone: %q", got)
	}
	if err := b.db.DeliverEvents(t.Context(), "", []string{waiting.ID}); err != nil {
		t.Fatal(err)
	}
	if err := c.Expire(t.Context(), never); err != nil {
		t.Fatal(err)
	}
	if report := b.verifyAll(c); len(report.Faults) > 0 || report.First != batch+5 {
		t.Errorf("after the delivery: %+v", report)
	}
	forever := b.process("three")
	if err := forever.Expire(t.Context(), never); err != nil || b.verifyAll(c).First != batch+5 {
		t.Errorf("without a retention: %v", err)
	}
}

// A checkpoint is given out every hour with new events, and again after an error.
func TestACheckpointIsGivenOutEveryHour(t *testing.T) {
	b := newBench(t)
	var got []string
	var refuse error
	c := b.process("one", func(o *Options) {
		o.OnCheckpoint = func(_ context.Context, text string) error {
			got = append(got, text)
			if refuse != nil && refuse.Error() == "panic" {
				panic(refuse)
			}
			return refuse
		}
	})
	pass := func(d time.Duration, calls int, err bool) {
		t.Helper()
		b.at = b.at.Add(d)
		if failed := c.Advance(t.Context(), never); (failed != nil) != err || len(got) != calls {
			t.Errorf("%d calls, %v; want %d", len(got), failed, calls)
		}
	}
	pass(time.Hour, 0, false)
	b.append(c, "a", "b")
	pass(0, 0, false)
	pass(59*time.Minute, 0, false)
	refuse = errors.New("down")
	pass(2*time.Minute, 1, true)
	refuse = errors.New("panic")
	pass(2*time.Minute, 2, true)
	refuse = nil
	pass(2*time.Minute, 3, false)
	pass(2*time.Hour, 3, false) // nothing is new
	b.append(c, "c")
	pass(2*time.Hour, 4, false)
	if b.verify(c, got[0]) != "" || b.verify(c, got[3]) != "" || !strings.HasPrefix(got[3], "audit1.3.") {
		t.Errorf("the checkpoints %q", got)
	}
	if !strings.Contains(b.log.String(), got[3]) {
		t.Errorf("the log has no checkpoint: %s", b.log.String())
	}
	for _, text := range []string{"", "audit1", "audit1.1", "audit1.0." + got[0][9:], "audit2" + got[0][6:], got[0] + "x", "audit1.x.y"} {
		if _, err := ParseCheckpoint(text); err == nil {
			t.Errorf("%q is a checkpoint", text)
		}
	}
}

// Two processes never fork the chain, with the lease and without it, and a process
// that dies in the middle of a batch leaves nothing behind.
func TestTwoProcessesMakeOneChain(t *testing.T) {
	b := newBench(t)
	one, two := b.process("one"), b.process("two")
	b.append(one, "a", "b")
	b.advance(one)
	b.append(two, "c")
	b.advance(two) // one has the lease
	if report := b.verifyAll(two); report.Last != 2 || report.Waiting != 1 {
		t.Errorf("while another process has the lease: %+v", report)
	}
	b.at = b.at.Add(lease)
	b.advance(two)
	// The lease ran out while one was at work: its batch is not committed.
	stale := b.process("one", func(o *Options) {
		o.Count = func(ctx context.Context, tx store.Store, events []store.Event) error {
			r, err := tx.Record(ctx, "", recordKind, headID)
			if err != nil {
				return err
			}
			_, err = tx.SwapRecord(ctx, r) // what another process has done
			return err
		}
	})
	b.append(one, "d")
	b.at = b.at.Add(lease)
	b.advance(stale)
	if report := b.verifyAll(one); report.Last != 3 || report.Waiting != 1 {
		t.Errorf("after a batch that was lost: %+v", report)
	}
	dying := b.process("one", func(o *Options) {
		o.Count = func(context.Context, store.Store, []store.Event) error { return errors.New("killed") }
	})
	if err := dying.Advance(t.Context(), never); err == nil {
		t.Error("a batch without its count was committed")
	}
	b.advance(b.process("one"))
	if report := b.verifyAll(one); report.Last != 4 || len(report.Faults) > 0 {
		t.Errorf("after a kill: %+v", report)
	}
	// A chain without its head is not begun anew.
	broken := b.process("one", func(o *Options) { o.Store = tampered{Store: b.db, noRecords: true} })
	if _, err := broken.open(t.Context(), broken.Store); !errors.Is(err, ErrBroken) {
		t.Errorf("a chain without a head: %v", err)
	}
	gone := b.process("one", func(o *Options) {
		o.Store = tampered{Store: b.db, noRecords: true, keys: func([]store.Key) []store.Key { return nil }}
	})
	if _, err := gone.open(t.Context(), gone.Store); !errors.Is(err, ErrBroken) {
		t.Errorf("a chain without a head and a key: %v", err)
	}
}

// Each event is counted once, in batches, whatever the number.
func TestEachEventIsLinkedAndCountedOnce(t *testing.T) {
	b := newBench(t)
	counted := 0
	c := b.process("one", func(o *Options) {
		o.Count = func(_ context.Context, _ store.Store, events []store.Event) error {
			counted += len(events)
			return nil
		}
	})
	b.append(c, slices.Repeat([]string{"a"}, 2*batch+1)...)
	b.advance(c)
	b.advance(c)
	if report := b.verifyAll(c); counted != 2*batch+1 || report.Last != 2*batch+1 || report.Waiting != 0 {
		t.Errorf("%d are counted, %+v", counted, report)
	}
	prev := map[string]bool{}
	all, err := b.db.ChainedEvents(t.Context(), "", 0, 3*batch)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		prev[Prev(&all[i])] = true
	}
	if len(prev) != len(all) || Prev(&store.Event{}) != "" {
		t.Errorf("%d links before %d events", len(prev), len(all))
	}
}
