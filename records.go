package admit

import (
	"github.com/admit-go/admit/store"
)

// APIKey is a key that a program sends in X-API-Key, without the key itself.
type APIKey = store.APIKey

// User is an account.
type User = store.User

// Session is one sign-in on one device.
type Session = store.Session

// Roles that Admit itself knows. A host may use others.
const (
	RoleAdmin = "admin"
	RoleUser  = "user"
	RoleGuest = "guest"
)

// Event is a fact of the audit log.
type Event = store.Event

// Mail is a message of the outbox, sealed.
type Mail = store.Mail

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	// Total counts the items of all pages.
	Total int
}

// PageParams says which page of a list is wanted: Number from 1, Limit items.
type PageParams = store.Page

// The types of API key.
const (
	// PublishableKey names a project and may be known to everyone.
	PublishableKey = "publishable"
	// SecretKey acts as an administrator.
	SecretKey = "secret"
)

// Tokens is what a client gets for a proof of identity.
type Tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	// TokenType is "Bearer" (RFC 6750).
	TokenType string `json:"tokenType"`
	// ExpiresIn is the life of the access token in seconds.
	ExpiresIn int `json:"expiresIn"`
}

// tenant is the one that this Auth serves. Stores keep it beside every record,
// so that serving several needs no migration.
const tenant = ""

// What a factor is, and what a sign-in can be completed with (details.methods).
const (
	// FactorTOTP is an authenticator app (RFC 6238).
	FactorTOTP = "totp"
	// FactorRecoveryCode is one of the codes to keep on paper.
	FactorRecoveryCode = "recovery-code"
)
