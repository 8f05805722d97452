package admit

import (
	"context"
	"log/slog"
	"time"
)

// Instrument lets a host watch what goes on here; the module
// github.com/admit-go/admit/otel fills it in for OpenTelemetry. Each may be
// nil, which costs nothing. They are called where the thing happens, by any
// number of goroutines, so they must be fast; one that panics is logged and
// changes nothing. None is told a secret, a mail or network address, or a path
// that somebody typed.
type Instrument struct {
	// RequestBegan is told of a request to the handler before anything is done
	// with it. The context that it returns must be derived from ctx; it goes with
	// the request to the store, the hooks and RequestEnded.
	RequestBegan func(ctx context.Context) context.Context
	// RequestEnded is told of every request to the handler.
	RequestEnded func(ctx context.Context, r RequestFacts)
	// MailTried is told of each try to send a message.
	MailTried func(ctx context.Context, m MailFacts)
	// HashRefused is told of each password that was not looked at because too
	// many others were: its request is answered 503.
	HashRefused func(ctx context.Context)
}

// RequestFacts tell of a request that was answered.
type RequestFacts struct {
	// ID is the X-Request-Id of the answer.
	ID string
	// Method is one of HTTP's own, or "other".
	Method string
	// Route is the pattern, such as "/v1/auth/sessions/{sessionId}"; "" where there is
	// none for the path and method.
	Route string
	// Status is 0 where the connection was broken off.
	Status   int
	Duration time.Duration
}

// MailFacts tell of one try to send a message.
type MailFacts struct {
	// Kind is that of the message, such as "reset".
	Kind string
	// Outcome is "sent", "deferred" (it is tried again), or "dead" (it was given
	// up).
	Outcome string
	// Tries counts this one too.
	Tries int
	// Age is how long ago the message was queued.
	Age time.Duration
}

// tell calls a function of Instrument and survives it: what is only watched
// must not break, and a panic in a worker would end the process.
func tell(ctx context.Context, log *slog.Logger, name string, call func()) {
	defer func() {
		if cause := recover(); cause != nil {
			log.ErrorContext(ctx, "the instrument panicked", "function", name, "panic", cause)
		}
	}()
	call()
}
