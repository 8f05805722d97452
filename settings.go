package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file keeps the settings that operators change at run time, and reads those
// of sign-up, passwords and magic links. oauth_settings.go reads those of
// providers. A change takes effect at once in the process that makes it, and within
// settingsLast in every other. A setting that nobody has changed is what the
// configuration says.

// settingsLast is how long settings count after they were read. A shorter time costs
// sign-ups, resets and magic links an exchange with the database more often.
const settingsLast = 3 * time.Second

// recordSettings are the records of settings, recordEmailSettings is the id of the
// record about e-mail.
const (
	recordSettings      = "settings"
	recordEmailSettings = "email"
	emailSettingsFormat = 1
)

// emailSettings is what the record about e-mail holds. A field that is nil leaves
// what the configuration says.
type emailSettings struct {
	Version             int   `json:"v"`
	MinLength           *int  `json:"minLength,omitempty"`
	RequireUppercase    *bool `json:"requireUppercase,omitempty"`
	RequireLowercase    *bool `json:"requireLowercase,omitempty"`
	RequireNumbers      *bool `json:"requireNumbers,omitempty"`
	RequireSpecialChars *bool `json:"requireSpecialChars,omitempty"`
	SignUpEnabled       *bool `json:"signUpEnabled,omitempty"`
	MagicLinkEnabled    *bool `json:"magicLinkEnabled,omitempty"`
	MagicLinkMinutes    *int  `json:"magicLinkMinutes,omitempty"`
}

// readEmailSettings reads the data of the record. Nil data are no settings.
func readEmailSettings(data []byte) (set emailSettings, err error) {
	if data == nil {
		return set, nil
	}
	if err = json.Unmarshal(data, &set); err == nil && set.Version != emailSettingsFormat {
		err = fmt.Errorf("version %d", set.Version)
	}
	if err != nil {
		return set, ErrInternal.because(fmt.Errorf("the settings of e-mail: %w", err))
	}
	return set, nil
}

// emailRules is what counts now.
type emailRules struct {
	passwords PasswordConfig
	magicLink MagicLinkConfig
	signUp    bool
}

// emailRulesOf returns what counts now for sign-up, passwords and magic links.
func emailRulesOf(ctx context.Context, k *kernel, s store.Store) (emailRules, error) {
	return recalled(k, &k.rules, settingsLast, func() (emailRules, error) { return readEmailRules(ctx, k, s) })
}

// readEmailRules is emailRulesOf without what was read before.
func readEmailRules(ctx context.Context, k *kernel, s store.Store) (emailRules, error) {
	r, err := recordOrNone(ctx, s, recordSettings, recordEmailSettings)
	if err != nil {
		return emailRules{}, err
	}
	set, err := readEmailSettings(r.Data)
	if err != nil {
		return emailRules{}, err
	}
	rules := set.over(&k.config)
	k.linkOff.Store(rules.magicLink.Disabled)
	return rules, nil
}

// recordOrNone returns a record, which has no data if there is none.
func recordOrNone(ctx context.Context, s store.Store, kind, id string) (store.Record, error) {
	r, err := s.Record(ctx, tenant, kind, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Record{}, nil
	}
	return r, fault(err)
}

// over returns the rules of a configuration with the settings in their place.
func (e *emailSettings) over(c *Config) emailRules {
	rules := emailRules{passwords: c.Passwords, magicLink: c.MagicLink, signUp: !c.SignUpDisabled}
	overlay(&rules.passwords.MinLength, e.MinLength)
	overlay(&rules.passwords.RequireUppercase, e.RequireUppercase)
	overlay(&rules.passwords.RequireLowercase, e.RequireLowercase)
	overlay(&rules.passwords.RequireNumbers, e.RequireNumbers)
	overlay(&rules.passwords.RequireSpecialChars, e.RequireSpecialChars)
	overlay(&rules.signUp, e.SignUpEnabled)
	if e.MagicLinkEnabled != nil {
		rules.magicLink.Disabled = !*e.MagicLinkEnabled
	}
	if e.MagicLinkMinutes != nil {
		rules.magicLink.TTL = time.Duration(*e.MagicLinkMinutes) * time.Minute
	}
	return rules
}

func overlay[T any](value, set *T) {
	if set != nil {
		*value = *set
	}
}

// refuseClosedSignUp returns ErrSignUpDisabled if nobody may make an account. Every
// way to make an account oneself asks it before the hook BeforeSignUp.
func refuseClosedSignUp(ctx context.Context, k *kernel, s store.Store) error {
	rules, err := emailRulesOf(ctx, k, s)
	if err == nil && !rules.signUp {
		err = ErrSignUpDisabled
	}
	return err
}

// Errors of settings.
var (
	// ErrSignUpDisabled means that people cannot make accounts at the moment. It answers
	// known and unknown addresses alike.
	ErrSignUpDisabled = &Error{Code: "auth/signup-disabled", Status: http.StatusForbidden, Message: "New accounts are not possible at the moment."}
	// ErrSettingsWouldLockOut refuses a change of settings after which no administrator
	// could sign in.
	ErrSettingsWouldLockOut = &Error{Code: "settings/would-lock-out", Status: http.StatusBadRequest, Message: "After this change no administrator could sign in. Give an administrator another way to sign in first."}
)

// errMoved says that a record has changed between reading and writing it.
var errMoved = errors.New("the record has changed meanwhile")

// changeRecord replaces the data of a record by what change makes of it, only if
// nobody has changed the record since. Data is nil where there is no record; a
// result of nil removes the record. It returns errMoved if somebody was faster: the
// caller repeats the transaction, because some stores end it at a conflict.
func changeRecord(ctx context.Context, t *txn, kind, id string, change func(data []byte) ([]byte, error)) error {
	r, err := t.Record(ctx, tenant, kind, id)
	missing := errors.Is(err, store.ErrNotFound)
	if err != nil && !missing {
		return err
	}
	if missing {
		r = store.Record{Tenant: tenant, Kind: kind, ID: id, CreatedAt: t.now()}
	}
	if r.Data, err = change(r.Data); err != nil {
		return err
	}
	r.UpdatedAt = t.now()
	switch {
	case r.Data == nil && missing:
		return nil
	case r.Data == nil:
		_, err = t.DeleteRecord(ctx, tenant, kind, id)
		return err
	case missing:
		if err = t.CreateRecord(ctx, r); errors.Is(err, store.ErrConflict) {
			err = errMoved
		}
		return err
	}
	won, err := t.SwapRecord(ctx, r)
	if err == nil && !won {
		err = errMoved
	}
	return err
}

// untilUnmoved runs a transaction again as long as it ends in errMoved.
func untilUnmoved(ctx context.Context, k *kernel, do func(ctx context.Context, tx *txn) error) error {
	for range 20 {
		moved := false
		err := k.tx(ctx, func(ctx context.Context, tx *txn) error {
			moved = false
			err := do(ctx, tx)
			if errors.Is(err, errMoved) {
				moved = true
			}
			return err
		})
		if !moved {
			return err
		}
	}
	return ErrUnavailable.because(errMoved)
}

// override sets a field if it is given, and notes its name.
func override[T any](field *T, given Optional[T], name string, names *[]string) {
	if given.Set {
		*field = given.Value
		*names = append(*names, name)
	}
}

// flat makes nil the zero value.
func flat[T any](given Optional[*T]) (o Optional[T]) {
	if o.Set = given.Set; given.Value != nil {
		o.Value = *given.Value
	}
	return o
}
