package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Batch is what a transaction writes at its end, all at once. Its parts take
// effect in the order of the fields: what is removed and ended goes before what
// is added, and counters come last.
type Batch struct {
	// Kill removes tokens, as DeleteTokens does.
	Kill []TokenFilter
	// Rooms end sessions, so that there is room for new ones.
	Rooms []Room
	// Passwords are set, as PutPassword does.
	Passwords []Password
	// Sessions, Tokens, Events and Mails are added. A record whose key exists is
	// left out; see Written.
	Sessions []Session
	Tokens   []Token
	Events   []Event
	Mails    []Mail
	// Clear and Unhit name counters of CounterTenant, and do what ClearCounters
	// and Unhit do.
	CounterTenant string
	Clear, Unhit  []string
}

// Room ends live sessions of an account: those of the client UserAgent and
// IPAddress, and of the others the oldest that are more than Keep.
type Room struct {
	Tenant, UserID string
	At             time.Time
	// UserAgent and IPAddress are those of a client that leaves its sessions
	// behind, which end for the reason Left. With UserAgent "" there is no such
	// client.
	UserAgent, IPAddress, Left string
	// Keep is how many of the other sessions go on. The rest ends for Reason.
	Keep   int
	Reason string
}

// Written is what a Batch has found.
type Written struct {
	// Left are the ids of the sessions that Rooms have ended for their client, in
	// order.
	Left []string
	// Tokens says of each of the batch's tokens whether it was added: not where
	// its kind and hash exist.
	Tokens []bool
	// Taken counts the sessions, events and mails that were not added because
	// their ids exist.
	Taken int
}

// Empty answers whether the batch writes nothing.
func (b *Batch) Empty() bool {
	return len(b.Kill)+len(b.Rooms)+len(b.Passwords)+len(b.Sessions)+len(b.Tokens)+len(b.Events)+len(b.Mails)+len(b.Clear)+len(b.Unhit) == 0
}

// Batches writes what belongs together in as few steps as the store can.
type Batches interface {
	// Write does what the batch says, wholly or not at all. It refuses nothing:
	// what is there already is told by the answer.
	Write(ctx context.Context, b Batch) (Written, error)
}

// WriteEach does what Write promises by the other verbs, in a transaction of s.
// A store to which a verb more costs little implements Write by it.
func WriteEach(ctx context.Context, s Store, b Batch) (Written, error) {
	var w Written
	err := s.Tx(ctx, func(ctx context.Context, tx Store) error {
		w = Written{}
		return writeEach(ctx, tx, b, &w)
	})
	if err != nil {
		return Written{}, err
	}
	return w, nil
}

func writeEach(ctx context.Context, s Store, b Batch, w *Written) error {
	for _, f := range b.Kill {
		if _, err := s.DeleteTokens(ctx, f); err != nil {
			return err
		}
	}
	for _, r := range b.Rooms {
		left, err := makeRoom(ctx, s, r)
		if err != nil {
			return err
		}
		w.Left = append(w.Left, left...)
	}
	slices.Sort(w.Left)
	for _, p := range b.Passwords {
		if err := s.PutPassword(ctx, p); err != nil {
			return err
		}
	}
	added := func(err error) error {
		if errors.Is(err, ErrConflict) {
			w.Taken++
			return nil
		}
		return err
	}
	for _, x := range b.Sessions {
		if err := added(s.CreateSession(ctx, x)); err != nil {
			return err
		}
	}
	for _, t := range b.Tokens {
		err := s.CreateToken(ctx, t)
		if err != nil && !errors.Is(err, ErrConflict) {
			return err
		}
		w.Tokens = append(w.Tokens, err == nil)
	}
	for _, e := range b.Events {
		if err := added(s.AppendEvent(ctx, e)); err != nil {
			return err
		}
	}
	for _, m := range b.Mails {
		if err := added(s.AddMail(ctx, m)); err != nil {
			return err
		}
	}
	if err := s.ClearCounters(ctx, b.CounterTenant, b.Clear...); err != nil {
		return err
	}
	return s.Unhit(ctx, b.CounterTenant, b.Unhit...)
}

// makeRoom ends the sessions of a Room and returns the ids of those that its
// client has left.
func makeRoom(ctx context.Context, s Store, r Room) (left []string, err error) {
	for _, t := range []string{r.UserAgent, r.IPAddress, r.Left} {
		if !utf8.ValidString(t) || strings.ContainsRune(t, 0) {
			return nil, ErrInvalidText // no verb may be asked to keep it
		}
	}
	for r.UserAgent != "" {
		live, total, err := s.ListSessions(ctx, r.Tenant, r.UserID, r.At, Page{Number: 1, Limit: 1000})
		if err != nil {
			return nil, err
		}
		before := len(left)
		for _, x := range live {
			if x.UserAgent != r.UserAgent || x.IPAddress != r.IPAddress {
				continue
			}
			if _, err := s.EndSession(ctx, r.Tenant, r.UserID, x.ID, r.At, r.Left); err != nil {
				return nil, err
			}
			left = append(left, x.ID)
		}
		if len(live) == total || len(left) == before {
			break
		}
	}
	_, err = s.EndOldestSessions(ctx, SessionEnd{Tenant: r.Tenant, UserID: r.UserID, At: r.At, Reason: r.Reason}, r.Keep)
	return left, err
}
