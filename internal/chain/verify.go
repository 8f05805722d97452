package chain

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/admit-go/admit/store"
)

// faultsMost is how many faults a Report names.
const faultsMost = 100

// Report is what Verify has found.
type Report struct {
	// First and Last are the sequence numbers of the first and the last event that
	// was looked at. Both are zero if there is none.
	First, Last int64
	// Waiting is the number of events that are not linked yet, up to 1000.
	Waiting int
	// Unsigned is the number of events without a proof of origin that are no fault:
	// those at the start of the chain, which an older version of the program has
	// appended, and those without actor and client, as a command without the secret
	// appends them.
	Unsigned int
	// Checkpoint is the end of the chain, or "".
	Checkpoint string
	// Faults say what is wrong, 100 at most.
	Faults []string
}

// verification is one walk through the chain.
type verification struct {
	*Chain
	Report
	head *head
	from *Checkpoint
	prev [macSize]byte
	// loose says that the event before is not known, so prev is not compared.
	loose bool
	// signed says that an event with a proof of origin was seen.
	signed bool
	// erased are the accounts in whose name something was erased, with the first
	// event of each. purged are the accounts that were purged.
	erased map[string]int64
	purged map[string]bool
}

func (v *verification) faultf(format string, args ...any) {
	if len(v.Faults) < faultsMost {
		v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
	}
}

// Verify walks through the chain: from the checkpoint on if there is one, else from
// the start, or from where old events were deleted. It changes nothing.
func (c *Chain) Verify(ctx context.Context, from *Checkpoint) (Report, error) {
	v := &verification{Chain: c, from: from, erased: map[string]int64{}, purged: map[string]bool{}}
	h, err := c.peek(ctx)
	switch {
	case errors.Is(err, ErrBroken):
		v.faultf("%v", err)
		return v.Report, nil
	case err != nil:
		return Report{}, err
	case h == nil:
		return v.without(ctx)
	}
	v.head, v.prev = h, h.cut()
	after := h.CutSeq
	if from != nil {
		after = v.start()
	}
	if err := v.walk(ctx, after); err != nil {
		return Report{}, err
	}
	if err := v.waits(ctx); err != nil {
		return Report{}, err
	}
	v.checkErased()
	return v.Report, nil
}

// without looks at a log that has no chain.
func (v *verification) without(ctx context.Context) (Report, error) {
	linked, err := v.Store.ChainedEvents(ctx, v.Tenant, 0, 1)
	if err != nil {
		return Report{}, err
	}
	if len(linked) > 0 || v.from != nil {
		v.faultf("missing: the head and the key of the chain")
	}
	return v.Report, v.waits(ctx)
}

// start compares the checkpoint with the head and returns after which event to
// begin.
func (v *verification) start() (after int64) {
	switch c := v.from; {
	case c.Seq > v.head.Seq:
		v.faultf("cut off: the chain ends at %d, the checkpoint is at %d", v.head.Seq, c.Seq)
	case c.Seq == v.head.CutSeq:
		if c.MAC != v.head.cut() {
			v.faultf("replaced: event %d is not the one of the checkpoint", c.Seq)
		}
	case c.Seq > v.head.CutSeq:
		v.loose = true
		return c.Seq - 1
	}
	return v.head.CutSeq
}

// walk looks at every event after a sequence number, and compares the last one with
// the head. Events that are linked meanwhile are looked at too.
func (v *verification) walk(ctx context.Context, after int64) error {
	for expected := after + 1; ; {
		events, err := v.Store.ChainedEvents(ctx, v.Tenant, expected-1, batch)
		if err != nil {
			return err
		}
		for i := range events {
			if err := v.event(ctx, &events[i], expected); err != nil {
				return err
			}
			expected = events[i].Seq + 1
		}
		if len(events) > 0 {
			continue
		}
		h, err := v.peek(ctx)
		switch {
		case errors.Is(err, ErrBroken) || err == nil && h == nil:
			v.faultf("%v", errors.Join(err, ErrBroken))
			return nil
		case err != nil:
			return err
		case h.Seq > v.head.Seq:
			v.head = h
			continue
		case h.Seq >= expected:
			v.faultf("cut off: events %d to %d are missing at the end", expected, h.Seq)
		case h.Seq < expected-1:
			v.faultf("forged: events %d to %d were added at the end", h.Seq+1, expected-1)
		case !v.loose && expected > 1 && h.last() != v.prev:
			v.faultf("replaced: event %d is not the one that was linked last", h.Seq)
		}
		v.Checkpoint = Checkpoint{h.Seq, h.last()}.String()
		return nil
	}
}

// event looks at one event.
func (v *verification) event(ctx context.Context, e *store.Event, expected int64) error {
	if v.First == 0 {
		v.First = e.Seq
	}
	v.Last = e.Seq
	if e.Seq > expected {
		if err := v.gap(ctx, expected, e.Seq-1); err != nil {
			return err
		}
	}
	l, err := parseLink(e.Seal)
	if err != nil {
		v.faultf("forged: event %d (%s) has no link", e.Seq, e.ID)
		v.loose = true
		return nil //nolint:nilerr // a fault that was found is no error of the reader
	}
	want := l.sum(v.head.key, v.Tenant, e.Seq, e)
	switch {
	case !hmac.Equal(want[:], l.mac[:]), !v.client(e, &l), !v.data(e, &l):
		v.faultf("changed or forged: event %d (%s)", e.Seq, e.ID)
	case !v.loose && l.prev != v.prev:
		v.faultf("replaced: event %d (%s) follows another event", e.Seq, e.ID)
	case !l.signed && v.signed && (e.ActorID != "" || l.client != [hashSize]byte{}):
		v.faultf("forged: event %d (%s) was appended without the secret", e.Seq, e.ID)
	case !l.signed:
		v.Unsigned++
	}
	if v.from != nil && v.from.Seq == e.Seq && v.from.MAC != l.mac {
		v.faultf("replaced: event %d (%s) is not the one of the checkpoint", e.Seq, e.ID)
	}
	v.signed = v.signed || l.signed || v.from != nil
	if e.Kind == v.Purged {
		v.purged[e.SubjectID] = true
	}
	v.prev, v.loose = l.mac, false
	return nil
}

// gap looks at events that are not there. They may have been deleted because of
// their age since the walk began.
func (v *verification) gap(ctx context.Context, first, last int64) error {
	h, err := v.peek(ctx)
	if err != nil && !errors.Is(err, ErrBroken) {
		return err
	}
	if v.loose = true; err == nil && h != nil && h.CutSeq >= last {
		if h.CutSeq == last {
			v.prev, v.loose = h.cut(), false
		}
		return nil
	}
	v.faultf("missing: events %d to %d", first, last)
	return nil
}

// client says whether the client of an event is the one that was linked, or was
// erased.
func (v *verification) client(e *store.Event, l *link) bool {
	got := clientHash(e.ClientSalt, e)
	if got == l.client {
		return true
	}
	of := e.ActorID
	if of == "" {
		of = e.SubjectID
	}
	return v.erase(of, e.Seq, got, e.ClientSalt)
}

// data does so for the data of an event.
func (v *verification) data(e *store.Event, l *link) bool {
	got := dataHash(e.DataSalt, e)
	return got == l.data || v.Erasable(e.Kind) && v.erase(e.SubjectID, e.Seq, got, e.DataSalt)
}

// erase notes what was erased in the name of an account. It is false if the event
// still has something, or its salt.
func (v *verification) erase(of string, seq int64, left [hashSize]byte, salt string) bool {
	if left != [hashSize]byte{} || salt != "" {
		return false
	}
	if v.erased[of] == 0 {
		v.erased[of] = seq
	}
	return true
}

// checkErased finds what was erased without a purge.
func (v *verification) checkErased() {
	for of, seq := range v.erased {
		if !v.purged[of] {
			v.faultf("erased: event %d has lost its client or its data, and the account %q was not purged", seq, of)
		}
	}
}

// waits looks at the events that are not linked yet.
func (v *verification) waits(ctx context.Context) error {
	events, err := v.Store.UnchainedEvents(ctx, v.Tenant, 1000)
	for i := range events {
		if events[i].Kind == v.Purged && v.genuine(&events[i]) {
			v.purged[events[i].SubjectID] = true
		}
	}
	v.Waiting = len(events)
	return err
}
