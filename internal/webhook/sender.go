package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/admit-go/admit/internal/worker"
	"github.com/admit-go/admit/store"
)

const (
	// lease is how long a process may work a queue after it has claimed messages. A
	// process gives messages back before that: see slow.
	lease = time.Minute
	// batch is how many messages are claimed at once.
	batch = 16
	// slow is after what time the rest of a batch is given back. The lease is longer
	// than slow and one attempt together.
	slow = 5 * time.Second
	// poll is how often a process looks for the work of other processes.
	poll = 2 * time.Second
	// storing bounds the time that one step in the store takes.
	storing = 10 * time.Second
	// grace is how long Close waits for attempts before it interrupts them.
	grace = 2 * time.Second
)

// Options are the settings of a Sender. All fields are required.
type Options struct {
	// Store keeps the messages and the leases, under Tenant.
	Store interface {
		store.Outbox
		store.Leases
	}
	Tenant string
	// Holder names this process in its claims.
	Holder string
	Now    func() time.Time
	Logger *slog.Logger
	// Queues lists the queues that may be worked now.
	Queues func(ctx context.Context) ([]string, error)
	// Open reports whether a queue may be worked still. It is asked when the process has
	// the lease of the queue: an attempt that failed after Queues was asked may hold it.
	Open func(ctx context.Context, queue string) (bool, error)
	// Deliver tries to deliver a claimed message and stores the result. It reports
	// whether the next message of the queue may follow at once. An error means that
	// the result could not be stored: the message comes again after its lease, and so
	// do the messages behind it.
	Deliver func(ctx context.Context, queue string, m store.Mail) (next bool, err error)
	// Idle is called when the sender has ended. It closes connections.
	Idle func()
}

// Sender works queues of the outbox. One process at a time works a queue, one message
// after the other, so that messages keep their order. Queues do not wait for each
// other.
type Sender struct {
	Options
	worker *worker.Worker

	mu sync.Mutex
	// busy are the queues that this process works, and those of which a result could
	// not be stored, with the end of their lease.
	busy    map[string]time.Time
	lanes   sync.WaitGroup
	context context.Context
	stop    context.CancelFunc
}

// NewSender returns a sender. Its worker is not started.
func NewSender(options Options) *Sender {
	s := &Sender{Options: options, busy: map[string]time.Time{}}
	s.context, s.stop = context.WithCancel(context.Background())
	s.worker = worker.New("the webhook worker", func(ctx context.Context) time.Duration {
		if err := s.look(ctx); err != nil {
			s.Logger.WarnContext(ctx, "webhooks are sent later", "error", err)
		}
		return poll
	})
	return s
}

// Wake starts the worker, or tells a running worker that a message was committed.
func (s *Sender) Wake() { s.worker.Wake() }

// WakeOnce starts the worker if it is not started.
func (s *Sender) WakeOnce() { s.worker.WakeOnce() }

func (s *Sender) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// look starts to work each queue in which something is due.
func (s *Sender) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storing)
	defer cancel()
	queues, err := s.Queues(ctx)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		next, err := s.Store.NextMail(ctx, s.Tenant, queue)
		if err != nil {
			return err
		}
		if next.IsZero() || next.After(s.now()) || s.worker.IsStopping() || !s.take(queue) {
			continue
		}
		s.lanes.Go(func() { s.work(queue) })
	}
	return nil
}

// take marks a queue as worked by this process. It reports whether the queue was
// free.
func (s *Sender) take(queue string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until, ok := s.busy[queue]; ok && (until.IsZero() || s.now().Before(until)) {
		return false
	}
	s.busy[queue] = time.Time{}
	return true
}

// work sends the messages of a queue that are due.
func (s *Sender) work(queue string) {
	sent, lost := 0, false
	for !lost {
		n, next, err := s.batch(queue)
		sent += n
		if err != nil {
			s.Logger.WarnContext(s.context, "a queue of webhooks is worked later", "queue", queue, "error", err)
			lost = true
		}
		if !next || s.worker.IsStopping() {
			break
		}
	}
	s.mu.Lock()
	if delete(s.busy, queue); lost {
		s.busy[queue] = s.now().Add(lease)
	}
	s.mu.Unlock()
	if lost {
		return // the lease runs out together with the claims
	}
	ctx, cancel := context.WithTimeout(context.Background(), storing)
	defer cancel()
	now := s.now()
	if _, err := s.Store.AcquireLease(ctx, s.Tenant, leaseOf(queue), s.Holder, now, now); err != nil {
		s.Logger.WarnContext(ctx, "a lease was not given up", "queue", queue, "error", err)
	}
	if sent > 0 {
		s.worker.Wake() // a message may have been committed while the last claim found none
	}
}

// leaseOf is the name of the lease of a queue.
func leaseOf(queue string) string { return "queue/" + queue }

// batch sends some messages of a queue. It reports how many, and whether there may be
// more that can be sent now.
func (s *Sender) batch(queue string) (sent int, more bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), storing)
	defer cancel()
	now := s.now()
	held, err := s.Store.AcquireLease(ctx, s.Tenant, leaseOf(queue), s.Holder, now, now.Add(lease))
	if err != nil || !held {
		return 0, false, err
	}
	if open, err := s.Open(ctx, queue); err != nil || !open {
		return 0, false, err
	}
	claimed, err := s.Store.ClaimMail(ctx, s.Tenant, queue, s.Holder, now, now.Add(lease), batch)
	if err != nil || len(claimed) == 0 {
		return 0, false, err
	}
	began, next := time.Now(), true
	for i, m := range claimed {
		if !next || i > 0 && (time.Since(began) > slow || s.worker.IsStopping()) {
			if err := s.giveBack(m); err != nil {
				return sent, false, err
			}
			continue
		}
		if next, err = s.deliver(queue, m); err != nil {
			return sent, false, err
		}
		sent++
	}
	return sent, next, nil
}

// giveBack ends the claim on a message that was not tried. The message keeps its
// place.
func (s *Sender) giveBack(m store.Mail) error {
	ctx, cancel := context.WithTimeout(context.Background(), storing)
	defer cancel()
	_, err := s.Store.DeferMail(ctx, s.Tenant, m.ID, s.Holder, m.NextAt, m.LastError)
	return err
}

func (s *Sender) deliver(queue string, m store.Mail) (next bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the delivery panicked: %v", cause)
		}
	}()
	return s.Deliver(s.context, queue, m)
}

// Close stops the worker. An attempt that is under way has 2 seconds to end. Then it
// is interrupted, and its message waits for the next process.
func (s *Sender) Close(ctx context.Context) error {
	if _, err := s.worker.Close(ctx); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		s.lanes.Wait()
		close(ended)
	}()
	patience := time.NewTimer(grace)
	defer patience.Stop()
	defer s.Idle()
	defer s.stop()
	select {
	case <-ended:
		return nil
	case <-patience.C:
	case <-ctx.Done():
	}
	s.stop()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("webhooks are still being sent: %w", ctx.Err())
	}
}
