// Package source reads accounts from what other systems export.
//
// Each system has its own names for the same facts. A file is read record by
// record; one that cannot be used is an error of its own and the next is read.
package source

import (
	"errors"
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
	// IgnoreColumns names columns that may be there and mean nothing; "*" is all.
	IgnoreColumns []string
	// Now decides whether a ban has ended.
	Now time.Time
}

// Systems are those whose exports can be read.
func Systems() []string { return slices.Sorted(maps.Keys(systems)) }

// system reads a record as its system wrote it.
type system struct {
	account func(r *reading) Account
	// known are the columns that the system exports, used here or not.
	known string
	// headless says that CSV has no line with the names of the columns.
	headless bool
	// strict says that objects of JSON may have no other names either.
	strict bool
	// users says that a JSON document keeps the accounts under "users" alone.
	users bool
}

var systems = map[string]system{
	"auth0":       {account: auth0, known: knownAuth0},
	"better-auth": {account: betterAuth, known: knownBetterAuth},
	"clerk":       {account: clerk, known: knownClerk},
	"django":      {account: django, known: knownDjango},
	"firebase":    {account: firebase, headless: true, users: true},
	"keycloak":    {account: keycloak, known: knownKeycloak, users: true},
	"phc":         {account: plain, known: knownPlain, strict: true},
	"supabase":    {account: supabase, known: knownSupabase},
}

// account turns a record into an account, with notes on what was mended.
func (o Options) account(f fields) (Account, []string, error) {
	r := &reading{fields: f, options: o}
	a := systems[o.System].account(r)
	if r.err == nil && a.Email == "" {
		r.fail(errors.New("has no e-mail address"))
	}
	if a.Name = r.name(a.Name); a.Name == a.Email {
		a.Name = "" // called by what stands before the @
	}
	if id := strings.ToLower(a.OldID); uuid.Valid(id) {
		a.ID = id
	}
	if !o.Roles {
		a.Role = ""
	}
	a.Role = r.role(a.Role)
	if o.NoPasswords {
		a.PasswordHash = ""
	}
	a.EmailVerified = a.EmailVerified || o.AssumeVerified
	if a.Banned {
		a.BanReason = "disabled in " + o.System
	}
	if a.PasswordHash != "" {
		if err := passhash.Recognise(a.PasswordHash); err != nil {
			r.password(err)
			a.PasswordHash = ""
		}
	}
	return a, r.notes, r.err
}

// unknown are the names among those given that the system does not have.
func (o Options) unknown(names []string) []string {
	known := strings.Fields(systems[o.System].known)
	var unknown []string
	for _, name := range names {
		if name != "" && !slices.Contains(known, name) && !slices.Contains(o.IgnoreColumns, name) && !slices.Contains(o.IgnoreColumns, "*") {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Near returns the column of a system that a name is most likely meant to be, or
// "".
func Near(systemName, name string) string {
	plainName := func(name string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
	}
	var best string
	for known := range strings.FieldsSeq(systems[systemName].known) {
		a, b := plainName(name), plainName(known)
		if a == b {
			return known
		}
		if len(a) > 2 && best == "" && (strings.Contains(b, a) || strings.Contains(a, b)) {
			best = known
		}
	}
	return best
}
