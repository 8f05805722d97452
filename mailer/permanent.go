package mailer

import "errors"

// PermanentError says that this message can never be sent as it is, such as
// when its mailbox does not exist, so that trying again is no use. A Mailer
// answers it only where the fault lies in the message: what an operator can
// mend, like a wrong password, is an ordinary error, and the message waits.
type PermanentError struct {
	// Err is the reason.
	Err error
}

// Error returns the reason.
func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent answers whether err, or an error that it wraps, is a
// [PermanentError].
func Permanent(err error) bool {
	_, ok := errors.AsType[*PermanentError](err)
	return ok
}
