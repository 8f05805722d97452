package outbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/storetest"
)

type note struct {
	To      string    `json:"to"`
	Expires time.Time `json:"expires,omitzero"`
}

var (
	errBusy          = errors.New("the server is busy\nand says so on two lines")
	errMisconfigured = errors.New("the sender is not allowed")
	errNoBox         = errors.New("there is no such mailbox")
)

// rig is an outbox with a clock, on a store in memory.
type rig struct {
	*Outbox[note]
	t *testing.T

	mu    sync.Mutex
	at    time.Time
	sent  []string
	tries []Try
	// answer is the result of sending. Nil means success.
	answer func(ctx context.Context, id string, m note) error
	log    bytes.Buffer
}

func newRig(t *testing.T, s store.Outbox, change func(*Options[note])) *rig {
	t.Helper()
	secret := make([]byte, 32)
	rand.Read(secret)
	ring, err := sealed.New([][]byte{secret})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, at: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	o := Options[note]{
		Queue: "mail", Store: s, Holder: "process-1", Ring: ring, IDs: new(uuid.Source),
		Now: func() time.Time {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.at
		},
		Logger:        slog.New(slog.NewTextHandler(&r.log, nil)),
		Expires:       func(m note) time.Time { return m.Expires },
		Permanent:     func(err error) bool { return errors.Is(err, errNoBox) },
		NeedsOperator: func(err error) bool { return errors.Is(err, errMisconfigured) },
		Send: func(ctx context.Context, id, kind string, m note) error {
			if r.answer != nil {
				if err := r.answer(ctx, id, m); err != nil {
					return err
				}
			}
			r.sent = append(r.sent, kind+" to "+m.To)
			return nil
		},
		Tried: func(_ context.Context, t Try) { r.tries = append(r.tries, t) },
	}
	if change != nil {
		change(&o)
	}
	r.Outbox = New(o)
	return r
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func (r *rig) add(kind string, m note) {
	r.t.Helper()
	mail, err := r.Seal(kind, m)
	if err == nil {
		err = r.Store.AddMail(r.t.Context(), mail)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// stored returns the messages that wait, or those that were given up.
func (r *rig) stored(dead bool) []store.Mail {
	r.t.Helper()
	list, _, err := r.Store.ListMail(r.t.Context(), r.Tenant, r.Queue, dead, store.Page{Number: 1, Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func TestAMessageIsStoredSealedAndSentOnce(t *testing.T) {
	r := newRig(t, memory.New(), func(o *Options[note]) { o.Tenant = "tenant-a" })
	r.add("hello", note{To: "ann@example.test"})
	waiting := r.stored(false)
	if len(waiting) != 1 || waiting[0].Tenant != "tenant-a" || waiting[0].Kind != "hello" || bytes.Contains(waiting[0].Sealed, []byte("ann")) {
		t.Fatalf("stored %+v", waiting)
	}
	if plain, err := r.Ring.Open(Purpose, []byte(waiting[0].ID), waiting[0].Sealed); err != nil || string(plain) != `{"to":"ann@example.test"}` {
		t.Errorf("sealed %s, %v", plain, err)
	}
	r.pass(time.Second)
	for range 2 {
		r.sendDue(t.Context())
	}
	if !slices.Equal(r.sent, []string{"hello to ann@example.test"}) || len(r.stored(false))+len(r.stored(true)) != 0 {
		t.Errorf("sent %v, left %v", r.sent, r.stored(false))
	}
	if want := (Try{"hello", Sent, 1, time.Second}); !slices.Equal(r.tries, []Try{want}) {
		t.Errorf("told of %+v", r.tries)
	}
}

func TestADecoyCostsAMessageAndIsNeverSent(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	r.add("hello", note{To: "ann@example.test"})
	r.add(Decoy, note{To: "bob@example.test", Expires: r.at.Add(-time.Hour)})
	boxes := r.stored(false)
	if len(boxes) != 2 || len(boxes[1].Sealed) < len(boxes[0].Sealed) {
		t.Fatalf("stored %+v", boxes)
	}
	r.sendDue(t.Context())
	if !slices.Equal(r.sent, []string{"hello to ann@example.test"}) || len(r.tries) != 1 {
		t.Errorf("sent %v, told of %+v", r.sent, r.tries)
	}
	if left := len(r.stored(false)) + len(r.stored(true)); left != 0 {
		t.Errorf("%d messages are left", left)
	}
}

func TestAnOfferThatHasExpiredIsNeverSent(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	r.add("late", note{To: "a", Expires: r.at})
	r.add("in time", note{To: "b", Expires: r.at.Add(time.Microsecond)})
	r.sendDue(t.Context())
	if !slices.Equal(r.sent, []string{"in time to b"}) {
		t.Errorf("sent %v", r.sent)
	}
	dead := r.stored(true)
	if len(dead) != 1 || dead[0].Kind != "late" || dead[0].LastError != ErrExpired.Error() {
		t.Errorf("given up: %+v", dead)
	}
	if !strings.Contains(r.log.String(), "level=WARN") || strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("what nobody can mend is logged as %s", &r.log)
	}
}

func TestAMessageExpiresBetweenTwoTries(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	r.answer = func(context.Context, string, note) error { return errBusy }
	r.add("hello", note{To: "a", Expires: r.at.Add(time.Minute)})
	r.sendDue(t.Context())
	r.pass(time.Minute)
	r.answer = nil
	r.sendDue(t.Context())
	if len(r.sent) != 0 || len(r.stored(true)) != 1 {
		t.Errorf("sent %v, given up %v", r.sent, r.stored(true))
	}
}

func TestWhatIsPermanentIsGivenUpAtOnce(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	r.answer = func(context.Context, string, note) error { return errNoBox }
	r.add("hello", note{To: "a"})
	r.sendDue(t.Context())
	if dead := r.stored(true); len(dead) != 1 || dead[0].LastError != errNoBox.Error() {
		t.Errorf("given up: %+v", dead)
	}
}

func TestWhatCannotBeReadIsGivenUp(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	text, err := r.Ring.Seal(Purpose, []byte("id-1"), []byte("no JSON"))
	if err != nil {
		t.Fatal(err)
	}
	// The second message is sealed for another id. Somebody who can write to
	// the store must not have the content of one message sent as another.
	for _, id := range []string{"id-1", "id-2"} {
		if err := r.Store.AddMail(t.Context(), store.Mail{ID: id, Kind: "hello", Sealed: text, CreatedAt: r.at, NextAt: r.at}); err != nil {
			t.Fatal(err)
		}
	}
	r.sendDue(t.Context())
	if len(r.sent) != 0 || len(r.stored(true)) != 2 {
		t.Errorf("sent %v, given up %+v", r.sent, r.stored(true))
	}
}

func TestAPanicOfTheSenderIsAFailedTry(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	r.answer = func(_ context.Context, _ string, m note) error {
		if m.To == "a" {
			panic("out of range")
		}
		return nil
	}
	r.add("hello", note{To: "a"})
	r.add("hello", note{To: "b"})
	r.sendDue(t.Context())
	if waiting := r.stored(false); len(waiting) != 1 || waiting[0].LastError != "sending panicked: out of range" {
		t.Errorf("waiting: %+v", waiting)
	}
	if !slices.Equal(r.sent, []string{"hello to b"}) {
		t.Errorf("sent %v", r.sent)
	}
}

func TestASenderThatHangsIsLeftAfterItsTimeAndTheTryIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memory.New(), func(o *Options[note]) { o.Now = time.Now })
		r.answer = func(ctx context.Context, _ string, _ note) error {
			<-ctx.Done()
			return ctx.Err()
		}
		r.add("hello", note{To: "a"})
		began := time.Now()
		if _, err := r.sendBatch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != timeout || batch*timeout >= lease {
			t.Errorf("left after %v", took)
		}
		if waiting := r.stored(false); len(waiting) != 1 || waiting[0].Holder != "" || waiting[0].LastError == "" {
			t.Errorf("waiting: %+v", waiting)
		}
	})
}

func TestWhatCouldNotBeNotedIsSentAgainAfterItsLease(t *testing.T) {
	down := errors.New("the store is down")
	fail := true
	s := storetest.Wrap(memory.New(), func(ctx context.Context, verb string, call func(context.Context) error) error {
		if verb == "RemoveMail" && fail {
			return down
		}
		return call(ctx)
	})
	r := newRig(t, s, nil)
	r.add("hello", note{To: "a"})
	if wait := r.sendDue(t.Context()); wait != poll {
		t.Errorf("waits %v for the store", wait)
	}
	fail = false
	r.pass(lease - time.Microsecond)
	r.sendDue(t.Context())
	if len(r.sent) != 1 {
		t.Errorf("sent within the lease: %v", r.sent)
	}
	r.pass(time.Microsecond)
	r.sendDue(t.Context())
	if len(r.sent) != 2 || len(r.stored(false)) != 0 {
		t.Errorf("sent %v", r.sent)
	}
	if !strings.Contains(r.log.String(), "the outbox cannot be worked") {
		t.Errorf("the log is %s", &r.log)
	}
}

func TestTwoProcessesNeverSendTheSameMessage(t *testing.T) {
	s := memory.New()
	r := newRig(t, s, nil)
	other := newRig(t, s, func(o *Options[note]) { o.Holder, o.Ring = "process-2", r.Ring })
	const messages = 40
	for range messages {
		r.add("hello", note{To: "a"})
	}
	var both sync.WaitGroup
	for _, one := range []*rig{r, other} {
		both.Go(func() { one.sendDue(t.Context()) })
	}
	both.Wait()
	if n := len(r.sent) + len(other.sent); n != messages {
		t.Errorf("%d of %d were sent", n, messages)
	}
}

func TestCloseSendsWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memory.New(), nil)
		release := make(chan struct{})
		r.answer = func(context.Context, string, note) error {
			<-release
			return nil
		}
		r.add("first", note{To: "a"})
		r.Wake()
		synctest.Wait() // the first is at work
		for range 2 * batch {
			r.add("second", note{To: "b"})
		}
		closed := make(chan error, 1)
		go func() { closed <- r.Close(t.Context()) }()
		synctest.Wait() // the worker is told to stop
		close(release)
		if err := <-closed; err != nil || len(r.sent) != 1+2*batch {
			t.Errorf("got %v, sent %v", err, r.sent)
		}
		r.add("after", note{To: "c"})
		r.Wake()
		if err := r.Close(t.Context()); err != nil || len(r.stored(false)) != 1 {
			t.Errorf("after the close: %v, waiting %v", err, r.stored(false))
		}
	})
}

func TestCloseOfAnOutboxThatNeverRanSendsNothing(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	r.add("hello", note{To: "a"})
	if err := r.Close(t.Context()); err != nil || len(r.sent) != 0 {
		t.Errorf("got %v, sent %v", err, r.sent)
	}
}

func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memory.New(), nil)
		r.answer = func(ctx context.Context, _ string, _ note) error {
			<-ctx.Done()
			return ctx.Err()
		}
		r.add("hello", note{To: "a"})
		r.Wake()
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := r.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the mail worker") || time.Since(began) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		<-time.After(timeout)
		synctest.Wait()
		if len(r.stored(false)) != 1 {
			t.Error("the message did not stay in the store")
		}
	})
}

func TestSealRefusesWhatIsNoJSON(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	if _, err := r.Seal("hello", note{To: "\xff"}); !errors.Is(err, ErrNotSealed) {
		t.Errorf("got %v", err)
	}
}
