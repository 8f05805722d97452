package mailer

import "errors"

// PermanentError says that this message can never be sent as it is, such as
// when its mailbox does not exist, so that trying again is no use. A Mailer
// answers it only where the fault lies in the mailbox or the text. What an
// operator can mend, like a wrong password or a spent quota, is an
// [OperatorError], and the message waits.
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

// OperatorError says that no message goes out before an operator acts: the
// server refuses the account, the sender, the amount of mail or this machine.
// The message waits, and the log says it at the level of errors.
type OperatorError struct {
	// Err is the reason.
	Err error
}

// Error returns the reason.
func (e *OperatorError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *OperatorError) Unwrap() error { return e.Err }

// NeedsOperator answers whether err, or an error that it wraps, is an
// [OperatorError].
func NeedsOperator(err error) bool {
	_, ok := errors.AsType[*OperatorError](err)
	return ok
}
