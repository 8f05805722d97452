package admit

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/liveness"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// Error is the error of a rule that refuses. Compare it with the predeclared
// values (ErrInvalidCredentials …) by [errors.Is]: two Errors are equal if
// their codes are equal.
type Error struct {
	// Code is for programs, such as "auth/invalid-credentials". It never
	// changes.
	Code string
	// Status is the HTTP status of the error.
	Status int
	// Message is for people, in English.
	Message string
	// Details are facts that a client needs for its next step, by field. Nil if
	// there are none.
	Details map[string]any
	// RetryAfter is how long to wait before the next try. Zero if it is
	// unknown.
	RetryAfter time.Duration

	cause error
	// browser is the secret for the cookie of the browser that a paused sign-in is
	// bound to; "" where there is none.
	browser string
	// methods returns what the answer lists as details.methods, if they depend on the
	// account. Nil where they do not.
	methods func(ctx context.Context) ([]string, error)
}

// Error returns the code, the message and, for logs only, the cause.
func (e *Error) Error() string {
	text := e.Code + ": " + e.Message
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Is reports whether target is an *Error with the same code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// Unwrap returns the cause. A client never sees it.
func (e *Error) Unwrap() error { return e.cause }

func (e *Error) because(cause error) *Error {
	copied := *e
	copied.cause = cause
	return &copied
}

// listing is the error with methods that are read when it is answered.
func (e *Error) listing(methods func(ctx context.Context) ([]string, error)) *Error {
	copied := *e
	copied.methods = methods
	return &copied
}

func (e *Error) detail(key string, value any) *Error {
	copied := *e
	copied.Details = maps.Clone(e.Details)
	if copied.Details == nil {
		copied.Details = map[string]any{}
	}
	copied.Details[key] = value
	return &copied
}

func (e *Error) after(wait time.Duration) *Error {
	copied := *e
	copied.RetryAfter = wait
	return &copied
}

// Errors that any route can answer, and errors of credentials.
var (
	ErrInternal             = &Error{Code: "auth/internal", Status: http.StatusInternalServerError, Message: "Something went wrong on our side."}
	ErrUnavailable          = &Error{Code: "auth/unavailable", Status: http.StatusServiceUnavailable, Message: "The service is not available at the moment. Please try again.", RetryAfter: time.Second}
	ErrNotFound             = &Error{Code: "auth/not-found", Status: http.StatusNotFound, Message: "There is nothing here."}
	ErrMethodNotAllowed     = &Error{Code: "auth/method-not-allowed", Status: http.StatusMethodNotAllowed, Message: "This path does not take that method."}
	ErrInvalidRequest       = &Error{Code: "auth/invalid-request", Status: http.StatusBadRequest, Message: "The request could not be understood."}
	ErrPayloadTooLarge      = &Error{Code: "auth/payload-too-large", Status: http.StatusRequestEntityTooLarge, Message: "The body is larger than 64 KiB."}
	ErrUnsupportedMediaType = &Error{Code: "auth/unsupported-media-type", Status: http.StatusUnsupportedMediaType, Message: "The body must be sent as application/json."}
	ErrTooManyRequests      = &Error{Code: "auth/too-many-requests", Status: http.StatusTooManyRequests, Message: "Too many requests. Please wait a while."}

	// The routes under /users have codes of their own for a missing credential, a
	// missing right, and what is not understood.

	ErrUserUnauthorized   = &Error{Code: "user/unauthorized", Status: http.StatusUnauthorized, Message: "Please sign in."}
	ErrUserForbidden      = &Error{Code: "user/forbidden", Status: http.StatusForbidden, Message: "You may not do that."}
	ErrUserInvalidRequest = &Error{Code: "user/invalid-request", Status: http.StatusBadRequest, Message: "The request could not be understood."}
	ErrUserInvalidName    = &Error{Code: "user/invalid-name", Status: http.StatusBadRequest, Message: "A name has 1 to 100 characters and no control characters."}

	// The credentials are not valid, or the account may not use them.

	ErrInvalidToken     = &Error{Code: "auth/invalid-token", Status: http.StatusUnauthorized, Message: "The token is not valid."}
	ErrTokenExpired     = &Error{Code: "auth/token-expired", Status: http.StatusUnauthorized, Message: "The token has expired."}
	ErrSessionExpired   = &Error{Code: "auth/session-expired", Status: http.StatusUnauthorized, Message: "The session has ended. Please sign in again."}
	ErrAuthUserNotFound = &Error{Code: "auth/user-not-found", Status: http.StatusUnauthorized, Message: "The account does not exist any more."}
	ErrAccountBanned    = &Error{Code: "auth/account-banned", Status: http.StatusForbidden, Message: "The account is banned."}
)

// errNoKey says that a request has no API key though Config.RequireAPIKey demands
// one. It is answered with the same code on every route.
var errNoKey = errors.New("an API key is required")

// userCode returns the error that a route under /users answers for err.
func userCode(err error) error {
	if err == nil || errors.Is(err, errNoKey) {
		return err
	}
	known := asError(err)
	for _, of := range []*Error{ErrUserUnauthorized, ErrUserForbidden, ErrUserInvalidRequest, ErrUserInvalidName} {
		if known.Code == "auth"+strings.TrimPrefix(of.Code, "user") {
			copied := *known
			copied.Code = of.Code
			return &copied
		}
	}
	return err
}

// fault turns an error of the store into an error that a rule may return. An
// *Error stays as it is. Text that no store can keep is a mistake of the
// caller. Any other error means that the store could not work, so nobody gets
// access.
func fault(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if errors.Is(err, outbox.ErrNotSealed) {
		return ErrInternal.because(err)
	}
	for _, known := range []struct {
		mechanism error
		answer    *Error
	}{
		{accesstoken.ErrExpired, ErrTokenExpired},
		{accesstoken.ErrInvalid, ErrInvalidToken},
		{accesstoken.ErrNotIssued, ErrInternal},
		{refreshtoken.ErrNotSealed, ErrInternal},
		{liveness.ErrEnded, ErrSessionExpired},
	} {
		if errors.Is(err, known.mechanism) {
			return known.answer.because(err)
		}
	}
	if errors.Is(err, store.ErrInvalidText) {
		return ErrInvalidRequest.because(err)
	}
	return ErrUnavailable.because(err)
}

// asError returns the *Error for a response. An unexpected error becomes
// ErrInternal.
func asError(err error) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	if field, ok := errors.AsType[*webio.FieldError](err); ok {
		return ErrInvalidRequest.detail(field.Field, field.Reason)
	}
	switch {
	case errors.Is(err, webio.ErrTooLarge):
		return ErrPayloadTooLarge
	case errors.Is(err, webio.ErrMediaType):
		return ErrUnsupportedMediaType
	case errors.Is(err, webio.ErrSyntax):
		return ErrInvalidRequest.because(err)
	}
	return ErrInternal.because(err)
}
