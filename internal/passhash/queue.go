package passhash

import (
	"context"
	"slices"
	"sync"
	"time"
)

// queue hands out the places among the running. Clients take turns: however many
// of one client wait, another client waits for one turn of each, no more. A client
// may fill its share of the queue and no more. The client "" is the program
// itself; it has a turn like any other, and no share.
type queue struct {
	mu             sync.Mutex
	free, parallel int
	// limit is how many may wait, share how many of one client.
	limit, share int
	waiting      int
	// lines are the waiting of each client; turns are the clients that have any,
	// in the order in which they are served.
	lines map[string][]*waiter
	turns []string
}

// waiter is one who waits. ready is closed when it has a place.
type waiter struct{ ready chan struct{} }

// take takes a place, waiting for it no longer than patience. It answers
// ErrBusy, or the error of the context.
func (q *queue) take(ctx context.Context, client string, patience time.Duration) error {
	q.mu.Lock()
	if q.free > 0 { // then nobody waits
		q.free--
		q.mu.Unlock()
		return nil
	}
	line := q.lines[client]
	if q.waiting >= q.limit || client != "" && len(line) >= q.share {
		q.mu.Unlock()
		return ErrBusy
	}
	w := &waiter{make(chan struct{})}
	if len(line) == 0 {
		q.turns = append(q.turns, client)
	}
	q.lines[client] = append(line, w)
	q.waiting++
	q.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
		return q.giveUp(client, w, ErrBusy)
	case <-ctx.Done():
		return q.giveUp(client, w, ctx.Err())
	}
}

// giveUp leaves the queue, or passes on the place that came at the last moment.
func (q *queue) giveUp(client string, w *waiter, why error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-w.ready:
		q.passOn()
		return why
	default:
	}
	line := q.lines[client]
	q.setLine(client, slices.DeleteFunc(line, func(other *waiter) bool { return other == w }))
	q.waiting--
	return why
}

// setLine replaces the waiting of a client, which loses its turn with the last.
func (q *queue) setLine(client string, line []*waiter) {
	if len(line) > 0 {
		q.lines[client] = line
		return
	}
	delete(q.lines, client)
	q.turns = slices.DeleteFunc(q.turns, func(other string) bool { return other == client })
}

// leave gives a place back.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.passOn()
}

// passOn gives a place to the first of the client whose turn it is, which then
// stands behind all others.
func (q *queue) passOn() {
	if len(q.turns) == 0 {
		q.free++
		return
	}
	client := q.turns[0]
	q.turns = append(q.turns[1:], client)
	line := q.lines[client]
	close(line[0].ready)
	q.waiting--
	q.setLine(client, line[1:])
}

// counts answers how many run and how many wait.
func (q *queue) counts() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.parallel - q.free, q.waiting
}
