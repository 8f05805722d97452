package store

import (
	"context"
	"time"
)

// The queues of the outbox.
const (
	QueueMail = "mail"
	// QueueWebhook and "/" are the start of the names of the queues of webhooks. Each
	// webhook has its own.
	QueueWebhook = "webhook"
	// QueueRevocation has tokens that providers are told to revoke.
	QueueRevocation = "revocation"
)

// Mail is a message waiting to be sent, sealed by the caller.
type Mail struct {
	Tenant string
	// ID is a UUIDv7, unique over all queues. The Message-ID of every try is
	// made from it.
	ID string
	// Queue is one of the queues above. Its name can be any text.
	Queue string
	// Kind is the message's kind, such as "signup_confirmation".
	Kind   string
	Sealed []byte
	// Tries is how often the message was claimed.
	Tries     int
	CreatedAt time.Time
	// NextAt is when it may be claimed.
	NextAt time.Time
	// LeaseUntil is when the claim of Holder expires.
	LeaseUntil time.Time
	Holder     string
	// LastError is the reason why the last try failed. DeadAt is when the
	// message was given up. It is zero before that.
	LastError string
	DeadAt    time.Time
}

// Outbox keeps messages until they are sent, in queues that do not delay each
// other. In every verb and in a Mail, the queue "" is QueueMail. It comes back
// as QueueMail.
//
// One holder at a time has a claim on a message. A verb with a holder acts only
// if this holder has the claim, and returns whether it acted. An expired claim
// is valid until another holder takes it. The holder "" never has a claim.
type Outbox interface {
	// AddMail adds a message. ErrConflict when the id exists.
	AddMail(ctx context.Context, m Mail) error
	// ClaimMail leases at most limit messages of the queue to holder until the
	// given time. It takes messages that are not given up, due at now and not
	// leased at now, oldest NextAt first. It adds one to their Tries and
	// returns them as they are after the call. A message is given to one caller
	// only.
	ClaimMail(ctx context.Context, tenant, queue, holder string, now, until time.Time, limit int) ([]Mail, error)
	// RemoveMail removes a sent message.
	RemoveMail(ctx context.Context, tenant, id, holder string) (bool, error)
	// DeferMail gives the claim back. The message is due again at next.
	DeferMail(ctx context.Context, tenant, id, holder string, next time.Time, reason string) (bool, error)
	// BuryMail gives the message up.
	BuryMail(ctx context.Context, tenant, id, holder string, at time.Time, reason string) (bool, error)
	// NextMail returns when the next message of the queue that is not given up
	// is due: the earliest NextAt, or LeaseUntil for a leased message. The zero
	// time means that no message waits.
	NextMail(ctx context.Context, tenant, queue string) (time.Time, error)
	// ListMail returns one page of the queue's messages, ordered by id, and
	// their total. If dead is true it lists the messages that were given up,
	// otherwise the messages that wait.
	ListMail(ctx context.Context, tenant, queue string, dead bool, page Page) ([]Mail, int, error)
	// ReviveMail makes a message that was given up due at now, with no tries,
	// and returns whether it did.
	ReviveMail(ctx context.Context, tenant, id string, now time.Time) (bool, error)
	// DeleteMail removes a message that waits or was given up, also one that is
	// claimed, and reports whether this call did it. A message that a holder is
	// sending at the moment may still arrive.
	DeleteMail(ctx context.Context, tenant, id string) (bool, error)
	// ResealMail replaces the sealed bytes and returns true, only if the stored
	// bytes are old.
	ResealMail(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error)
}
