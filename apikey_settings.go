package admit

import (
	"cmp"
	"slices"
)

// This file has the settings of API keys.

// APIKeyConfig sets what API keys of users and of organisations may do.
type APIKeyConfig struct {
	// UserScopes are the scopes that a key of a user may have, such as the scopes of
	// the host's own RequireUserOrKey guards. Other scopes of a key
	// count for nothing, also if the list gets shorter later. The key of an administrator may have every scope.
	// Default: "users:read" and "users:write", for the routes of the account itself.
	// An empty list that is not nil lets only administrators have keys.
	UserScopes []string
	// OrganizationScopes are the scopes that a key of an organisation may have, such
	// as those of the host's own RequireKey guards. The API itself has no route for a
	// key of an organisation alone. Other scopes of a key count for nothing, also if
	// the list gets shorter later, and also if an administrator has made the key.
	// Default: "users:read" and "users:write". An empty list that is not nil lets no
	// organisation have keys.
	OrganizationScopes []string
	// RequestsPerMinute bounds the requests with one key of a user or of an
	// organisation, in all processes. More get 429 with Retry-After. Default 600; a
	// negative number sets no bound. Keys of the application have no such bound.
	RequestsPerMinute int
}

func (c APIKeyConfig) withDefaults() APIKeyConfig {
	own := []string{"users:read", "users:write"}
	if c.UserScopes == nil {
		c.UserScopes = own
	}
	if c.OrganizationScopes == nil {
		c.OrganizationScopes = slices.Clone(own)
	}
	c.RequestsPerMinute = cmp.Or(c.RequestsPerMinute, 600)
	return c
}
