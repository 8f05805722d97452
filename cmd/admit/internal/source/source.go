// Package source reads accounts from what other systems export.
//
// Each system has its own names for the same facts. A file is read record by
// record; one that cannot be used is an error of its own and the next is read.
package source

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/internal/uuid"
)

// Account is one account of another system.
type Account struct {
	admit.ImportUserParams
	// OldID is its id there.
	OldID string
}

// Options say how accounts are read.
type Options struct {
	// System is one of Systems.
	System string
	// Firebase holds the project's hash parameters, for the system firebase.
	Firebase passhash.FirebaseProject
	// Roles takes roles over. Without it everybody is a user.
	Roles bool
	// AssumeVerified takes every address as proven.
	AssumeVerified bool
	// NoPasswords leaves passwords out.
	NoPasswords bool
	// UnknownHashes imports an account without its password when the hash is of
	// no kind that can be verified, instead of refusing the record.
	UnknownHashes bool
	// Now decides whether a ban has ended.
	Now time.Time
}

// Systems are those whose exports can be read.
func Systems() []string { return slices.Sorted(maps.Keys(systems)) }

// system reads a record as its system wrote it.
type system struct {
	account func(f fields, o Options) (Account, error)
	// columns name the fields of CSV without a head line.
	columns []string
}

var systems = map[string]system{
	"auth0":       {account: auth0},
	"better-auth": {account: betterAuth},
	"clerk":       {account: clerk},
	"django":      {account: django},
	"firebase":    {account: firebase, columns: firebaseColumns},
	"keycloak":    {account: keycloak},
	"phc":         {account: plain},
	"supabase":    {account: supabase},
}

// account turns a record into an account.
func (o Options) account(f fields) (Account, error) {
	a, err := systems[o.System].account(f, o)
	if err != nil {
		return a, err
	}
	if a.Email == "" {
		return a, errors.New("has no e-mail address")
	}
	if a.Name == "" || a.Name == a.Email {
		a.Name, _, _ = strings.Cut(a.Email, "@")
	}
	if id := strings.ToLower(a.OldID); uuid.Valid(id) {
		a.ID = id
	}
	if !o.Roles {
		a.Role = ""
	}
	if o.NoPasswords {
		a.PasswordHash = ""
	}
	a.EmailVerified = a.EmailVerified || o.AssumeVerified
	if a.Banned {
		a.BanReason = "disabled in " + o.System
	}
	if a.PasswordHash == "" {
		return a, nil
	}
	if err := passhash.Recognise(a.PasswordHash); err != nil {
		if !o.UnknownHashes {
			return a, fmt.Errorf("the password: %w", err)
		}
		a.PasswordHash = ""
	}
	return a, nil
}
