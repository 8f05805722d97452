package outbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/store/memory"
)

func TestTheFirstRetryComesWithinFiveSeconds(t *testing.T) {
	for range 20 { // the pauses are drawn
		synctest.Test(t, func(t *testing.T) {
			var began []time.Time
			r := newRig(t, memory.New(), func(o *Options[note]) {
				o.Now = time.Now
				o.Send = func(context.Context, string, string, note) error {
					if began = append(began, time.Now()); len(began) == 1 {
						return errBusy
					}
					return nil
				}
			})
			r.add("hello", note{To: "a"})
			r.Wake()
			<-time.After(time.Minute)
			synctest.Wait()
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if len(began) != 2 || began[1].Sub(began[0]) > 5*time.Second || began[1].Sub(began[0]) < time.Second {
				t.Errorf("tried at %v", began)
			}
		})
	}
}

func TestMessagesOfOtherProcessesAreSentWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		r := newRig(t, s, func(o *Options[note]) { o.Now = time.Now })
		r.WakeOnce()
		synctest.Wait()
		r.add("hello", note{To: "a"}) // nobody wakes the worker
		<-time.After(5*time.Second + time.Millisecond)
		synctest.Wait()
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(r.sent) != 1 {
			t.Errorf("sent %v", r.sent)
		}
	})
}

func TestAMessageThatFailsIsTriedAgainAndThenGivenUp(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	ids := map[string]bool{}
	r.answer = func(_ context.Context, id string, _ note) error {
		ids[id] = true
		return errBusy
	}
	r.add("hello", note{To: "a"})
	began := r.at
	for len(r.stored(false)) > 0 && len(r.tries) <= maxTries {
		r.sendDue(t.Context())
		if waiting := r.stored(false); len(waiting) == 1 {
			if waiting[0].LastError != "the server is busy and says so on two lines" {
				t.Fatalf("the reason is %q", waiting[0].LastError)
			}
			before := len(r.tries)
			r.pass(waiting[0].NextAt.Sub(r.at) - time.Microsecond)
			r.sendDue(t.Context())
			if len(r.tries) != before {
				t.Fatal("tried before it was due")
			}
			r.pass(time.Microsecond)
		}
	}
	if took := r.at.Sub(began); len(r.tries) != maxTries || len(ids) != 1 || took < 30*time.Hour || took > 70*time.Hour {
		t.Errorf("%d tries in %v with the ids %v", len(r.tries), took, ids)
	}
	for i, try := range r.tries {
		want := Deferred
		if i == maxTries-1 {
			want = Dead
		}
		if try.Outcome != want || try.Tries != i+1 {
			t.Errorf("try %d: told of %+v", i+1, try)
		}
	}
	if len(r.stored(true)) != 1 || !strings.Contains(r.log.String(), "level=ERROR") {
		t.Error("it was not given up with an error in the log")
	}
}

func TestTheBackOffGrowsToThreeHours(t *testing.T) {
	for tries, want := range map[int][2]time.Duration{
		0: {time.Second, 3 * time.Second}, 1: {time.Second, 3 * time.Second}, 2: {4 * time.Second, 8 * time.Second},
		5: {108 * time.Second, 216 * time.Second}, 9: {2 * time.Hour, 4 * time.Hour}, 1000: {2 * time.Hour, 4 * time.Hour},
	} {
		seen := map[time.Duration]bool{}
		for range 200 {
			wait := backOff(tries)
			if seen[wait] = true; wait < want[0] || wait > want[1] {
				t.Errorf("after %d tries: %v", tries, wait)
			}
		}
		if len(seen) < 100 {
			t.Errorf("after %d tries all wait the same: %v", tries, seen)
		}
	}
}

func TestAReasonIsShortAndOneLine(t *testing.T) {
	got := reason(errors.New("a\r\n\x00b\x7f\xff" + strings.Repeat("é", 400)))
	if !strings.HasPrefix(got, "a   b  é") || len([]rune(got)) != 300 {
		t.Errorf("got %q", got)
	}
}
