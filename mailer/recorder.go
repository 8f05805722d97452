package mailer

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Recorder keeps messages in memory and does not send them, for tests and
// development. The zero value is ready. It is safe for use by many goroutines.
// It must not be copied after its first use.
type Recorder struct {
	// Limit is how many messages are kept. The oldest are dropped first.
	// Default: 1000.
	Limit int
	// Now is the clock. Default [time.Now].
	Now func() time.Time

	mu sync.Mutex
	// kept holds the messages, the newest last.
	kept []Recorded
	// arrived is closed and replaced when a message arrives. It is nil while
	// nobody waits.
	arrived chan struct{}
}

var _ Mailer = (*Recorder)(nil)

// Recorded is a message and the time at which it arrived.
type Recorded struct {
	Message
	At time.Time
}

// Send keeps m. It fails only when ctx has ended.
func (r *Recorder) Send(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limit, now := r.Limit, r.Now
	if limit <= 0 {
		limit = 1000
	}
	if now == nil {
		now = time.Now
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if surplus := len(r.kept) + 1 - limit; surplus > 0 {
		r.kept = slices.Delete(r.kept, 0, surplus)
	}
	r.kept = append(r.kept, Recorded{Message: m, At: now()})
	if r.arrived != nil {
		close(r.arrived)
		r.arrived = nil
	}
	return nil
}

// Messages returns the kept messages, newest first.
func (r *Recorder) Messages() []Recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	messages := slices.Clone(r.kept)
	slices.Reverse(messages)
	return messages
}

// Clear drops every message.
func (r *Recorder) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = nil
}

// Wait returns the newest kept message that match accepts. If there is none,
// Wait waits for one, and returns the error of ctx if ctx ends first. To wait
// for a message after a certain one, compare the ID in match, or call
// [Recorder.Clear] before the action that causes the message.
func (r *Recorder) Wait(ctx context.Context, match func(Message) bool) (Message, error) {
	for {
		// The channel is taken before the messages are read, so that no message
		// is missed in between.
		arrived := r.arrival()
		for _, m := range r.Messages() {
			if match(m.Message) {
				return m.Message, nil
			}
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

// arrival returns a channel that is closed when the next message arrives.
func (r *Recorder) arrival() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrived == nil {
		r.arrived = make(chan struct{})
	}
	return r.arrived
}
