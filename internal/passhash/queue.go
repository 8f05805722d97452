package passhash

import (
	"context"
	"slices"
	"sync"
	"time"
)

// queue gives out the places among the running derivations. Clients take turns,
// so a client waits for at most one derivation of each other client before its
// own. A client may fill only its share of the queue. The client "" is the
// program itself. It takes turns like any other client, but its share is the
// whole queue.
type queue struct {
	mu             sync.Mutex
	free, parallel int
	// limit is how many may wait. share is how many of one client may wait.
	limit, share int
	waiting      int
	// lines has the waiting derivations of each client. turns are the clients
	// with waiting derivations, in the order in which they are served.
	lines map[string][]*waiter
	turns []string
}

// waiter is one waiting derivation. ready is closed when it has a place.
type waiter struct{ ready chan struct{} }

// take waits for a place, for at most patience. It returns ErrBusy, or the
// error of the context.
func (q *queue) take(ctx context.Context, client string, patience time.Duration) error {
	q.mu.Lock()
	if q.free > 0 { // then nobody is waiting
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

// giveUp leaves the queue. If the place came at the last moment, giveUp passes
// it on.
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

// setLine replaces the line of a client. A client with an empty line has no
// turn.
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

// passOn gives a place to the first waiter of the client whose turn it is. Then
// this client goes to the end of turns.
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

// counts returns how many derivations run and how many wait.
func (q *queue) counts() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.parallel - q.free, q.waiting
}
