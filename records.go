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

// Listed is a part of a list that is read from one end to the other.
type Listed[T any] struct {
	Items []T
	// Next is what After is for the next part; "" says that this is the last.
	Next string
}

// listMost is the greatest number that one call lists, listUsual what it lists
// where nothing is said.
const (
	listMost  = 1000
	listUsual = 100
)

// listLimit returns how many are listed, or ErrInvalidRequest.
func listLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return listUsual, nil
	case limit < 0 || limit > listMost:
		return 0, ErrInvalidRequest.detail("limit", "must be from 1 to 1000")
	}
	return limit, nil
}

// listed makes a part of at most limit items. One more was asked for, which tells
// that the list goes on.
func listed[T any](items []T, limit int, id func(T) string) Listed[T] {
	if len(items) <= limit {
		return Listed[T]{Items: items}
	}
	return Listed[T]{Items: items[:limit], Next: id(items[limit-1])}
}

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
