package admit

import (
	"context"
	"log/slog"
	"time"
)

// Instrument lets a host watch Admit. The module github.com/admit-go/admit/otel
// fills it in for OpenTelemetry. Each function may be nil and then costs
// nothing. Many goroutines call the functions while requests wait, so they must
// be fast. A function that panics is logged and changes nothing. No function
// gets a secret, a mail address, a network address, or a path that somebody
// typed.
type Instrument struct {
	// RequestBegan is called for a request to the handler before any work is
	// done for it. The returned context must be derived from ctx. The store,
	// the hooks and RequestEnded get it.
	RequestBegan func(ctx context.Context) context.Context
	// RequestEnded is called after every request to the handler.
	RequestEnded func(ctx context.Context, r RequestFacts)
	// MailTried is called after each try to send a message.
	MailTried func(ctx context.Context, m MailFacts)
	// HashRefused is called for each password that was not checked because too
	// many passwords were waiting. The request is answered 503.
	HashRefused func(ctx context.Context)
}

// RequestFacts describe a request that was answered.
type RequestFacts struct {
	// ID is the X-Request-Id of the answer.
	ID string
	// Method is a method that HTTP defines, or "other".
	Method string
	// Route is the pattern, such as "/v1/auth/sessions/{sessionId}". It is ""
	// if no route has the path and the method.
	Route string
	// Status is 0 if the connection was broken off.
	Status   int
	Duration time.Duration
}

// MailFacts describe one try to send a message.
type MailFacts struct {
	// Kind is the kind of the message, such as "password_reset".
	Kind string
	// Outcome is "sent", "deferred" (it is tried again), or "dead" (it was given
	// up).
	Outcome string
	// Tries is the number of tries, this one included.
	Tries int
	// Age is how long ago the message was queued.
	Age time.Duration
}

// tell calls a function of Instrument and recovers from a panic, because a
// panic in a worker would end the process.
func tell(ctx context.Context, log *slog.Logger, name string, call func()) {
	defer func() {
		if cause := recover(); cause != nil {
			log.ErrorContext(ctx, "the instrument panicked", "function", name, "panic", cause)
		}
	}()
	call()
}
