package mailer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/mailer"
)

func TestRecorderListsTheNewestFirstAndForgetsTheOldest(t *testing.T) {
	clock := time.Date(2026, time.May, 1, 11, 0, 0, 0, time.UTC)
	r := mailer.Recorder{Limit: 3, Now: func() time.Time { clock = clock.Add(time.Second); return clock }}
	for i := range 5 {
		if err := r.Send(context.Background(), mailer.Message{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	got := r.Messages()
	if len(got) != 3 || got[0].ID != "4" || got[2].ID != "2" {
		t.Errorf("got %v", got)
	}
	if !got[0].At.Equal(clock) {
		t.Errorf("the newest came at %v, want %v", got[0].At, clock)
	}
	r.Clear()
	if len(r.Messages()) != 0 {
		t.Error("Clear kept something")
	}
}

func TestRecorderKeepsWhatGoroutinesSendAtOnce(t *testing.T) {
	var r mailer.Recorder
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			_ = r.Send(context.Background(), mailer.Message{ID: fmt.Sprint(i)})
			r.Messages()
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for _, m := range r.Messages() {
		seen[m.ID] = true
	}
	if len(seen) != 64 {
		t.Errorf("%d of 64 messages were kept", len(seen))
	}
}

func TestWaitGivesWhatIsThereOrComes(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var r mailer.Recorder
	wanted := func(m mailer.Message) bool { return m.Kind == mailer.PasswordReset }
	found := make(chan mailer.Message)
	for range 8 {
		go func() {
			m, err := r.Wait(ctx, wanted)
			if err != nil {
				t.Error(err)
			}
			found <- m
		}()
	}
	_ = r.Send(ctx, mailer.Message{ID: "1", Kind: mailer.MagicLink})
	_ = r.Send(ctx, mailer.Message{ID: "2", Kind: mailer.PasswordReset})
	for range 8 {
		if m := <-found; m.ID != "2" {
			t.Errorf("Wait gave message %q", m.ID)
		}
	}
	if m, err := r.Wait(ctx, wanted); err != nil || m.ID != "2" {
		t.Errorf("Wait for what is there gave %q, %v", m.ID, err)
	}
}

func TestWaitAndSendEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var r mailer.Recorder
	if _, err := r.Wait(ctx, func(mailer.Message) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	if err := r.Send(ctx, mailer.Message{}); !errors.Is(err, context.Canceled) || len(r.Messages()) != 0 {
		t.Errorf("Send: %v", err)
	}
}
