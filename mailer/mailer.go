// Package mailer is the contract between Admit and whatever sends its mail.
// mailer/smtp speaks to an SMTP server; [Log] and [Recorder] serve development
// and tests; an HTTP mail API is a few lines behind [Mailer].
package mailer

import (
	"context"
	"time"
)

// Mailer sends one message. Send returns nil only once somebody else has taken
// responsibility for it. It is called from a worker, one message at a time per
// process, with a context that carries a deadline. A message is sent at least
// once: after a crash or an unclear error the same one comes again, with the
// same ID.
type Mailer interface {
	Send(ctx context.Context, m Message) error
}

// Func makes a Mailer of a function.
type Func func(ctx context.Context, m Message) error

// Send calls f.
func (f Func) Send(ctx context.Context, m Message) error { return f(ctx, m) }

// Kind names what a message is about.
type Kind string

// The kinds of message.
const (
	SignupConfirmation Kind = "signup_confirmation"
	EmailVerification  Kind = "email_verification"
	PasswordReset      Kind = "password_reset"
	MagicLink          Kind = "magic_link"
	AccountExists      Kind = "account_exists"
	PasswordChanged    Kind = "password_changed"
	EmailChanged       Kind = "email_changed"
	NewDevice          Kind = "new_device"
	AccountDeleted     Kind = "account_deleted"
	PasskeyAdded       Kind = "passkey_added"
	PasskeyRemoved     Kind = "passkey_removed"
)

// Kinds lists every kind there is.
func Kinds() []Kind {
	return []Kind{
		SignupConfirmation, EmailVerification, PasswordReset, MagicLink, AccountExists,
		PasswordChanged, EmailChanged, NewDevice, AccountDeleted,
		PasskeyAdded, PasskeyRemoved,
	}
}

// Message is one mail to one mailbox.
type Message struct {
	// ID is unique to the message and the same in every try; it makes the
	// Message-ID.
	ID   string
	Kind Kind
	// To is one plain address.
	To string
	// Locale is the reader's language (BCP 47), or "".
	Locale string
	Values Values
	// Subject, Text and HTML are what a reader sees, ready to send.
	Subject, Text, HTML string
	// ReplyTo is where answers go, such as "Help <help@app.example>"; "" leaves
	// it to the Mailer.
	ReplyTo string
	// EnvelopeSender is the plain address that mail servers send bounces to;
	// "" leaves it to the Mailer. A reader does not see it.
	EnvelopeSender string
	// Headers are further header fields by name, such as a provider's
	// "X-PM-Message-Stream". They add to those of the Mailer, and replace those
	// of the same name. A name that the Mailer writes itself, and a value with a
	// line break, are refused.
	Headers map[string]string
}

// Checker is a Mailer that can tell whether mail would go out, without sending
// any.
type Checker interface {
	Mailer
	// Check goes every step but the last of sending a message. Its error says
	// which step failed and what the other side answered.
	Check(ctx context.Context) error
}

// Values are the facts that a message tells. Each kind uses some of them;
// those it does not use are empty.
type Values struct {
	// SiteName is the name of the host's application.
	SiteName string `json:"siteName,omitempty"`
	// UserName and UserEmail are the account's.
	UserName  string `json:"userName,omitempty"`
	UserEmail string `json:"userEmail,omitempty"`
	// Verified says that the account's address was proven. Before that UserName
	// is what a stranger may have typed to be sent to others, and the built-in
	// texts leave it out.
	Verified bool `json:"verified,omitempty"`
	// NewEmail is the address an account moves to, where one does.
	NewEmail string `json:"newEmail,omitempty"`
	// Link is the one link that the message is about. It carries a secret.
	Link string `json:"link,omitempty"`
	// Code is a short code to type instead of following Link.
	Code string `json:"code,omitempty"`
	// CodeOnly says that Link opens a page that explains what to do with Code,
	// and signs nobody in.
	CodeOnly bool `json:"codeOnly,omitempty"`
	// Device and IPAddress are where the request came from, At is when. In a
	// SignupConfirmation they are those of the sign-up, and SignedUpAt is its
	// time, even where the message was asked for again later.
	Device     string    `json:"device,omitempty"`
	IPAddress  string    `json:"ipAddress,omitempty"`
	At         time.Time `json:"at,omitzero"`
	SignedUpAt time.Time `json:"signedUpAt,omitzero"`
	// ExpiresAt is when Link and Code stop working.
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
}
