// Package mailer is the contract between Admit and the system that sends its
// mail. mailer/smtp uses an SMTP server. [Log] and [Recorder] are for
// development and tests. A few lines behind [Mailer] are enough for an HTTP
// mail API.
package mailer

import (
	"context"
	"time"
)

// Mailer sends one message. Send returns nil only if another system is now
// responsible for the message. A worker calls Send, one message at a time per
// process, with a context that has a deadline. A message is sent at least once:
// after a crash or an unclear error the same message comes again, with the same
// ID.
type Mailer interface {
	Send(ctx context.Context, m Message) error
}

// Func makes a Mailer of a function.
type Func func(ctx context.Context, m Message) error

// Send calls f.
func (f Func) Send(ctx context.Context, m Message) error { return f(ctx, m) }

// Kind is the kind of a message.
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
	AccountWithdrawn   Kind = "account_withdrawn"
	PasskeyAdded       Kind = "passkey_added"
	PasskeyRemoved     Kind = "passkey_removed"
	MFAEnabled         Kind = "mfa_enabled"
	MFADisabled        Kind = "mfa_disabled"
	RecoveryCodesMade  Kind = "recovery_codes_made"
	RecoveryCodeUsed   Kind = "recovery_code_used"
	AccountLinked      Kind = "account_linked"
	AccountUnlinked    Kind = "account_unlinked"
	APIKeyCreated      Kind = "api_key_created"
	AlertsMuted        Kind = "alerts_muted"
	Invitation         Kind = "invitation"
	WebhookDisabled    Kind = "webhook_disabled"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		SignupConfirmation, EmailVerification, PasswordReset, MagicLink, AccountExists,
		PasswordChanged, EmailChanged, NewDevice, AccountDeleted, AccountWithdrawn,
		PasskeyAdded, PasskeyRemoved,
		MFAEnabled, MFADisabled, RecoveryCodesMade, RecoveryCodeUsed,
		AccountLinked, AccountUnlinked, APIKeyCreated, AlertsMuted, Invitation, WebhookDisabled,
	}
}

// Message is one mail to one mailbox.
type Message struct {
	// ID is unique to the message and the same in every try. The Message-ID is
	// made from it.
	ID   string
	Kind Kind
	// To is one plain address.
	To string
	// Locale is the reader's language (BCP 47), or "".
	Locale string
	Values Values
	// Subject, Text and HTML are the content of the message, ready to send.
	Subject, Text, HTML string
	// ReplyTo is the address for replies, such as "Help <help@app.example>". ""
	// means the ReplyTo of the Mailer.
	ReplyTo string
	// EnvelopeSender is the plain address for bounces. "" means the
	// EnvelopeSender of the Mailer. A reader does not see it.
	EnvelopeSender string
	// SenderEmail is the plain address of the sender and SenderName its name. "" means
	// those of the Mailer.
	SenderEmail, SenderName string
	// Headers are further header fields by name, such as "X-PM-Message-Stream".
	// They are added to those of the Mailer and replace those of the same name.
	// A name that the Mailer writes itself, and a value with a line break, are
	// refused.
	Headers map[string]string
}

// Checker is a Mailer that can check whether mail would be sent, without
// sending any.
type Checker interface {
	Mailer
	// Check does every step of sending except the last one. Its error names the
	// step that failed and the answer of the server.
	Check(ctx context.Context) error
}

// Values are the facts of a message. Each kind uses some of them. The others
// are empty.
type Values struct {
	// SiteName is the name of the host's application.
	SiteName string `json:"siteName,omitempty"`
	// UserName and UserEmail are those of the account.
	UserName  string `json:"userName,omitempty"`
	UserEmail string `json:"userEmail,omitempty"`
	// Verified says that the address of the account is verified. If it is not,
	// a stranger may have chosen UserName in order to send it to others, so the
	// built-in texts leave it out.
	Verified bool `json:"verified,omitempty"`
	// NewEmail is the address that an account moves to.
	NewEmail string `json:"newEmail,omitempty"`
	// Provider is the name of the provider that an account was linked with, such as
	// "Google".
	Provider string `json:"provider,omitempty"`
	// InviterName and InviterEmail are those of the account that sends an
	// Invitation, and InviterLabel is what it wants to be called beside them.
	InviterName  string `json:"inviterName,omitempty"`
	InviterEmail string `json:"inviterEmail,omitempty"`
	InviterLabel string `json:"inviterLabel,omitempty"`
	// ResourceName is the name of what an Invitation is for, the host of a webhook in
	// WebhookDisabled, and the first and last characters of the key in APIKeyCreated.
	ResourceName string `json:"resourceName,omitempty"`
	// Link is the link of the message. It contains a secret.
	Link string `json:"link,omitempty"`
	// Code is a short code that can be typed instead of opening Link.
	Code string `json:"code,omitempty"`
	// CodeOnly says that Link opens a page that explains Code and signs nobody
	// in.
	CodeOnly bool `json:"codeOnly,omitempty"`
	// ByOperator says that the people who run the application did what an MFADisabled
	// tells, and not the owner of the account. Device and IPAddress are then "".
	ByOperator bool `json:"byOperator,omitempty"`
	// Device and IPAddress are those of the request. At is its time. In a
	// SignupConfirmation, Device and IPAddress are those of the sign-up and
	// SignedUpAt is its time, also if the message was asked for again later.
	Device     string    `json:"device,omitempty"`
	IPAddress  string    `json:"ipAddress,omitempty"`
	At         time.Time `json:"at,omitzero"`
	SignedUpAt time.Time `json:"signedUpAt,omitzero"`
	// ExpiresAt is when Link and Code stop working.
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
}
