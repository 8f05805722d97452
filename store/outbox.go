package store

import (
	"context"
	"time"
)

// The queues of the outbox.
const (
	QueueMail    = "mail"
	QueueWebhook = "webhook"
)

// Mail is a message waiting to be sent, sealed by the caller.
type Mail struct {
	Tenant string
	// ID is a UUIDv7, and makes the Message-ID that every try carries. It is
	// unique over all queues.
	ID string
	// Queue is what the message waits for: QueueMail or QueueWebhook.
	Queue string
	// Kind is the message's kind, such as "signup_confirmation".
	Kind   string
	Sealed []byte
	// Tries counts the times it was claimed.
	Tries     int
	CreatedAt time.Time
	// NextAt is when it may be claimed.
	NextAt time.Time
	// LeaseUntil is when a claim by Holder runs out.
	LeaseUntil time.Time
	Holder     string
	// LastError is why the last try failed. DeadAt is when it was given up;
	// zero while it is alive.
	LastError string
	DeadAt    time.Time
}

// Outbox keeps messages until they are sent, in queues that do not hold each
// other up. The queue "" is QueueMail, in every verb and in a Mail; it comes
// back as QueueMail.
//
// A message is claimed by one holder at a time; the verbs that take a holder act
// only while that claim stands and answer whether they did. A claim that has run
// out stands until another holder takes it. No claim stands for the holder "".
type Outbox interface {
	// AddMail adds a message. ErrConflict when the id exists.
	AddMail(ctx context.Context, m Mail) error
	// ClaimMail leases at most limit messages of the queue that are alive, due at
	// now and not leased at now, oldest NextAt first, to holder until the given
	// time, adds one to their Tries, and returns them as they then stand. A
	// message is given to one claimer only.
	ClaimMail(ctx context.Context, tenant, queue, holder string, now, until time.Time, limit int) ([]Mail, error)
	// RemoveMail removes a sent message.
	RemoveMail(ctx context.Context, tenant, id, holder string) (bool, error)
	// DeferMail gives the claim back; the message is due again at next.
	DeferMail(ctx context.Context, tenant, id, holder string, next time.Time, reason string) (bool, error)
	// BuryMail gives the message up.
	BuryMail(ctx context.Context, tenant, id, holder string, at time.Time, reason string) (bool, error)
	// NextMail returns when the next message of the queue is due that is alive:
	// the earliest of NextAt, or of LeaseUntil where leased. The zero time means
	// none waits.
	NextMail(ctx context.Context, tenant, queue string) (time.Time, error)
	// ListMail returns one page of the queue's messages ordered by id, and their
	// total: those given up when dead is true, those that wait otherwise.
	ListMail(ctx context.Context, tenant, queue string, dead bool, page Page) ([]Mail, int, error)
	// ReviveMail makes a message that was given up due at now with no tries,
	// and answers whether it did.
	ReviveMail(ctx context.Context, tenant, id string, now time.Time) (bool, error)
	// ResealMail replaces the sealed bytes and answers true, only if the stored
	// ones are old.
	ResealMail(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error)
}
