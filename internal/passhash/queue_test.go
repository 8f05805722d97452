package passhash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// line starts waiters of clients one after the other, and records in which order
// they are served.
func line(t *testing.T, h *Hasher, clients ...string) (served *[]string, wait func()) {
	t.Helper()
	served = &[]string{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i, client := range clients {
		group.Go(func() {
			if err := h.queue.take(context.Background(), client, 10*time.Minute); err != nil {
				t.Errorf("%s: %v", client, err)
				return
			}
			mu.Lock()
			*served = append(*served, client)
			mu.Unlock()
			h.queue.leave()
		})
		waitFor(t, func() bool { return waiting(h) == i+1 })
	}
	return served, group.Wait
}

func TestS4_ClientsTakeTurns(t *testing.T) {
	h, release := occupied(Limits{Parallel: 1, Wait: 10 * time.Minute})
	served, wait := line(t, h, "flood", "flood", "flood", "flood", "other", "third", "other")
	release()
	wait()
	if want := []string{"flood", "other", "third", "flood", "other", "flood", "flood"}; !slices.Equal(*served, want) {
		t.Errorf("served in the order %v, want %v", *served, want)
	}
	if running(h) != 0 || waiting(h) != 0 || len(h.queue.lines)+len(h.queue.turns) != 0 {
		t.Errorf("left behind: %d running, %d waiting, lines %v, turns %v", running(h), waiting(h), h.queue.lines, h.queue.turns)
	}
}

func TestS4_AClientFillsAnEighthOfTheQueue(t *testing.T) {
	for _, c := range []struct{ queue, share, want int }{{64, 0, 8}, {8, 0, 2}, {64, 3, 3}, {64, -1, 64}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			h, release := occupied(Limits{Parallel: 1, Queue: c.queue, Share: c.share, Wait: 10 * time.Minute})
			_, wait := line(t, h, slices.Repeat([]string{"flood"}, c.want)...)
			if err := h.Waste(t.Context(), "flood", "x"); !errors.Is(err, ErrBusy) {
				t.Errorf("beyond its share: %v", err)
			}
			if c.want < c.queue {
				_, others := line2(t, h, c.want, "other", "")
				defer others()
			}
			release()
			wait()
		})
	}
}

// line2 is line behind others.
func line2(t *testing.T, h *Hasher, before int, clients ...string) (served []string, wait func()) {
	t.Helper()
	var group sync.WaitGroup
	for i, client := range clients {
		group.Go(func() {
			if err := h.Waste(context.Background(), client, "x"); err != nil {
				t.Errorf("%q behind a flood: %v", client, err)
			}
		})
		waitFor(t, func() bool { return waiting(h) == before+i+1 })
	}
	return nil, group.Wait
}

// Whoever gives up takes nobody's place with it.
func TestS4_APlaceThatComesTooLateIsPassedOn(t *testing.T) {
	h, release := occupied(Limits{Parallel: 1, Wait: 10 * time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- h.queue.take(ctx, "gone", time.Minute) }()
	waitFor(t, func() bool { return waiting(h) == 1 })
	w := h.queue.lines["gone"][0]
	release() // the place is given to the waiter
	if err := <-gone; err == nil {
		if err := h.queue.giveUp("gone", w, context.Canceled); !errors.Is(err, context.Canceled) {
			t.Errorf("giving up answers %v", err)
		}
	}
	cancel()
	if running(h) != 0 || waiting(h) != 0 {
		t.Errorf("%d running, %d waiting", running(h), waiting(h))
	}
}

// S7: a refusal answers no sooner than the slowest format takes, whatever was
// verified. A derivation takes no time on the clock of the test, so what is
// measured is the wait alone.
func TestS7_ARefusalTakesAsLongAsTheSlowestFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(InsecureParams(), Limits{})
		took := func(encoded string) time.Duration {
			began := time.Now()
			var err error
			if encoded == "" {
				err = h.Waste(t.Context(), "", "wrong")
			} else {
				_, _, err = h.Verify(t.Context(), "", encoded, "wrong")
			}
			if err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		native := mustHash(t, h, "right")
		if got := took("") + took(native); got != 0 {
			t.Errorf("with one format alone a refusal waits %v", got)
		}
		h.floor.saw("$2b$12", 200*time.Millisecond)
		const want = 250 * time.Millisecond
		for name, encoded := range map[string]string{"nobody": "", "native": native, "Django": "pbkdf2_sha256$1000$salt$c2l4dGVlbi1ieXRlcy0hIQ=="} {
			if got := took(encoded); got != want {
				t.Errorf("%s: refused after %v, want %v", name, got, want)
			}
		}
		began := time.Now()
		if ok, _, err := h.Verify(t.Context(), "", native, "right"); !ok || err != nil || time.Since(began) != 0 {
			t.Errorf("a right password: %t, %v after %v", ok, err, time.Since(began))
		}
	})
}

func TestS7_OnePauseOfTheMachineIsNoSlowerFormat(t *testing.T) {
	f := floor{classes: map[string]time.Duration{}}
	for range 50 {
		f.saw("a", 20*time.Millisecond)
		f.saw("b", 40*time.Millisecond)
	}
	f.saw("b", 2*time.Second)
	for range 20 {
		f.saw("b", 40*time.Millisecond)
	}
	if f.least > 100*time.Millisecond {
		t.Errorf("one pause leaves a floor of %v", f.least)
	}
}

func TestS7_AClassIsFormatAndCost(t *testing.T) {
	for encoded, want := range map[string]string{
		"$2b$12$abcdefghijklmnopqrstuu":             "$2b$12",
		"bcrypt_sha256$$2b$12$abc":                  "bcrypt_sha256$$2b$12",
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGF": "$argon2id$v=19$m=19456,t=2,p=1",
		"pbkdf2_sha256$600000$salt$hash":            "pbkdf2_sha256$600000",
		"$scrypt$ln=16,r=8,p=1$salt$hash":           "$scrypt$ln=16,r=8,p=1",
		"00ff:00ff":                                 "",
	} {
		if got := classOf(encoded); got != want {
			t.Errorf("%s is of class %q, want %q", encoded, got, want)
		}
	}
}
