package mailer

import "errors"

// PermanentError means that the message can never be sent as it is, for example
// because its mailbox does not exist. The message is given up. A Mailer returns
// it only if the mailbox or the text is at fault. For a fault that an operator
// can repair, such as a wrong password or a spent quota, a Mailer returns an
// [OperatorError], and the message waits.
type PermanentError struct {
	// Err is the reason.
	Err error
}

// Error returns the reason.
func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent reports whether err, or an error that it wraps, is a
// [PermanentError].
func Permanent(err error) bool {
	_, ok := errors.AsType[*PermanentError](err)
	return ok
}

// OperatorError means that no message is sent until an operator acts: the
// server refuses the account, the sender, the amount of mail or this machine.
// The message waits, and the log has a line at level error.
type OperatorError struct {
	// Err is the reason.
	Err error
}

// Error returns the reason.
func (e *OperatorError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *OperatorError) Unwrap() error { return e.Err }

// NeedsOperator reports whether err, or an error that it wraps, is an
// [OperatorError].
func NeedsOperator(err error) bool {
	_, ok := errors.AsType[*OperatorError](err)
	return ok
}
