package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/store"
)

// This file holds the rules of linked accounts: link_http.go serves them.

// EmailProvider is the name by which lists of linked accounts call sign-in by
// e-mail.
const EmailProvider = "email"

// Identities links people at providers with accounts, lists and unlinks them.
type Identities struct {
	*kernel
}

// LinkIdentityParams links a person at a provider with an account.
type LinkIdentityParams struct {
	UserID string
	// ProviderSignInParams is the proof. A state that Providers.Begin has made must be
	// one of the purpose "link" and of the account.
	ProviderSignInParams
}

// Link links the person whom a code or an id token proves with an account, and mails
// a notice. The caller makes sure that the account has given a recent proof; the
// route does. It returns ErrAccountAlreadyLinked if the person signs in to an account
// already, ErrUserNotFound, and the errors of Providers.SignIn that come from the
// provider.
func (i *Identities) Link(ctx context.Context, in LinkIdentityParams) (linked Identity, err error) {
	p, id, err := proveByApp(ctx, i.kernel, in.ProviderSignInParams, flowLink, in.UserID)
	if err != nil {
		return linked, err
	}
	ctx, cancel := afresh(ctx, i.config.RequestTimeout)
	defer cancel()
	err = i.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		added, err := linkTo(ctx, tx, &user, p, &id)
		linked = added.shown()
		return err
	})
	if err != nil {
		return Identity{}, err
	}
	return linked, nil
}

// List returns the ways in of an account that stand in a list of linked accounts,
// oldest first: its identities, and sign-in by e-mail under the name EmailProvider
// if the account has a password or a link can be mailed to its verified address.
func (i *Identities) List(ctx context.Context, userID string) ([]Identity, error) {
	user, err := existing(i.store.User(ctx, tenant, userID))
	if err != nil {
		return nil, err
	}
	has, err := identitiesOf(ctx, i.store, userID)
	if err != nil {
		return nil, fault(err)
	}
	list := make([]Identity, 0, len(has)+1)
	rules, err := emailRulesOf(ctx, i.kernel, i.store)
	if err != nil {
		return nil, err
	}
	byMail := !rules.magicLink.Disabled && !user.EmailVerifiedAt.IsZero()
	if !byMail {
		_, err := i.store.Password(ctx, tenant, userID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fault(err)
		}
		byMail = err == nil
	}
	if byMail && user.Email != "" {
		list = append(list, Identity{
			ID: user.ID, UserID: user.ID, Provider: EmailProvider, Subject: user.Email, Email: user.Email, ConnectedAt: user.CreatedAt,
		})
	}
	for _, one := range has {
		list = append(list, one.shown())
	}
	return list, nil
}

// UnlinkIdentityParams names the identities of an account at a provider.
type UnlinkIdentityParams struct {
	UserID, Provider string
}

// Unlink removes every identity of an account at a provider, and mails a notice. The
// caller makes sure that the account has given a recent proof; the route does.
// Sessions that the provider has opened go on. It returns ErrAccountNotFound,
// ErrLastAuthMethod if the account has neither a password nor a passkey nor an
// identity at another provider, ErrUserNotFound or ErrUnavailable.
func (i *Identities) Unlink(ctx context.Context, in UnlinkIdentityParams) error {
	return i.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		has, err := identitiesOf(ctx, tx, in.UserID)
		if err != nil {
			return err
		}
		of := func(one *storedIdentity) bool { return one.Provider == in.Provider }
		var gone []storedIdentity
		for _, one := range has {
			if of(&one) {
				gone = append(gone, one)
			}
		}
		if len(gone) == 0 {
			return ErrAccountNotFound
		}
		// The account is locked, so of two requests the second sees what the first left.
		other, err := entersWithout(ctx, tx, &user, of)
		if err != nil {
			return err
		}
		if !other {
			return ErrLastAuthMethod
		}
		return unlink(ctx, tx, &user, gone, "owner")
	})
}

// IdentityExistsParams asks whether somebody signs in.
type IdentityExistsParams struct {
	// Type is "credentials" for an address, or "oauth" for a person at a provider.
	Type string
	// Provider is the name of the provider.
	Provider string
	// ProviderAccountID is the address, or the subject of the person.
	ProviderAccountID string
}

// Exists says whether an address, or a person at a provider, has an account. The
// answer tells strangers who is a user: only programs of the host should get it. It
// returns ErrInvalidRequest, ErrInvalidEmail, ErrUnsupportedProvider or
// ErrUnavailable.
func (i *Identities) Exists(ctx context.Context, in IdentityExistsParams) (bool, error) {
	if in.ProviderAccountID == "" {
		return false, ErrInvalidRequest.detail("providerAccountId", "is missing")
	}
	switch {
	case in.Type == "credentials", in.Type == "oauth" && in.Provider == EmailProvider:
		address, err := emailaddress.Parse(in.ProviderAccountID)
		if err != nil {
			return false, ErrInvalidEmail.because(err)
		}
		user, err := existing(holder(ctx, i.kernel, i.store, address))
		if errors.Is(err, ErrUserNotFound) {
			return false, nil
		}
		return err == nil && !user.Deleted(), err
	case in.Type != "oauth":
		return false, ErrInvalidRequest.detail("type", "must be credentials or oauth")
	}
	if _, err := providerNamed(&i.config, in.Provider); err != nil {
		return false, err
	}
	_, total, err := i.store.ListRecords(ctx, tenant, recordIdentity, subjectRef(in.Provider, in.ProviderAccountID), store.Page{Number: 1, Limit: 1})
	return total > 0, fault(err)
}
