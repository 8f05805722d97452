package admit

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file decides which account a person at a provider has. The issuer and the
// subject decide. An address decides only where it is proven on both sides.

// byProvider is the method of a session that a provider has opened. RFC 8176 names
// no method for it.
const byProvider = "fed"

// personFound is the account of a person at a provider, locked.
type personFound struct {
	user store.User
	// created says that the account was made in the same transaction.
	created bool
	// hidden says that the address has an account of somebody else, which nobody may
	// be told: its owner is mailed instead.
	hidden bool
}

// personAddress is the address that a provider gave, and how far it is proven.
type personAddress struct {
	emailaddress.Address
	proof AddressProof
}

// proven says whether the provider vouches for the address.
func (a *personAddress) proven() bool {
	return a.Key != "" && (a.proof == ProofAsserted || a.proof == ProofAuthoritative)
}

// readAddress reads the address of a person. An address that cannot be used counts
// as none. A proof that is unknown proves nothing.
func readAddress(id *ProviderIdentity) personAddress {
	address, err := emailaddress.Parse(id.Email)
	if err != nil {
		return personAddress{proof: ProofNone}
	}
	return personAddress{address, id.Proof}
}

// findPerson finds, makes or takes over the account of a person at a provider. The
// language is that of a new account.
func findPerson(ctx context.Context, t *txn, p Provider, id *ProviderIdentity, language string) (personFound, error) {
	known, err := identityOf(ctx, t, id)
	if err == nil {
		return returning(ctx, t, p, id, &known)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return personFound{}, err
	}
	address := readAddress(id)
	if address.Key == "" {
		if !t.config.AllowNoEmail {
			return personFound{}, ErrOAuthEmailMissing
		}
		return newPerson(ctx, t, p, id, address, language)
	}
	user, err := lockHolder(ctx, t, address.Address)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (user.Deleted() || user.EmailKey != address.Key):
		return newPerson(ctx, t, p, id, address, language)
	case err != nil:
		return personFound{}, err
	}
	return meetAccount(ctx, t, p, id, address, user)
}

// returning is the account of a person who was here before. What the provider says
// of the address changes nothing about whose account it is.
func returning(ctx context.Context, t *txn, p Provider, id *ProviderIdentity, known *storedIdentity) (personFound, error) {
	user, err := t.lock(ctx, known.UserID)
	if errors.Is(err, store.ErrNotFound) || err == nil && user.Deleted() {
		return personFound{}, ErrInvalidCredentials
	}
	if err != nil {
		return personFound{}, err
	}
	again, err := seenAgain(ctx, t, p, id, user.ID)
	if err != nil {
		return personFound{}, err
	}
	address := readAddress(id)
	if !user.EmailVerifiedAt.IsZero() || !address.proven() || address.Key != user.EmailKey || user.Banned(t.now()) {
		return personFound{user: user}, nil
	}
	// The owner of the mailbox has arrived. The registrant may be somebody else, who
	// keeps nothing.
	if err := t.claim(ctx, &user); err != nil {
		return personFound{}, err
	}
	if err := flush(ctx, t); err != nil {
		return personFound{}, err
	}
	return personFound{user: user}, t.CreateRecord(ctx, again.record)
}

// seenAgain keeps what the provider tells of an identity of an account that is
// locked. The identity may have been unlinked before the lock: nobody is let in then.
func seenAgain(ctx context.Context, t *txn, p Provider, id *ProviderIdentity, userID string) (storedIdentity, error) {
	for {
		again, err := identityOf(ctx, t, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && again.UserID != userID {
			return again, ErrInvalidCredentials
		}
		if err != nil {
			return again, err
		}
		t.proven = userID
		changed, err := again.keepTokens(t.kernel, p, id.Tokens)
		if err != nil {
			return again, err
		}
		if email := addressShown(id.Email); email != "" && email != again.Email {
			again.Email, changed = email, true
		}
		if !changed {
			return again, nil
		}
		// A renewal of the tokens locks no account, and may be faster.
		if won, err := again.swap(ctx, t, t.now()); err != nil || won {
			return again, err
		}
	}
}

// meetAccount decides about an account that has the address of a person.
func meetAccount(ctx context.Context, t *txn, p Provider, id *ProviderIdentity, address personAddress, user store.User) (personFound, error) {
	unproven := user.EmailVerifiedAt.IsZero()
	switch {
	case address.proof == ProofAuthoritative, unproven && address.proof == ProofAsserted:
	case !address.proven() && t.config.PrivateSignUp:
		return personFound{user: user, hidden: true}, nil
	default:
		return personFound{}, howToLink(t.kernel, p)
	}
	if user.Banned(t.now()) {
		return personFound{}, ErrAccountBanned
	}
	if err := t.claim(ctx, &user); err != nil {
		return personFound{}, err
	}
	t.proven = user.ID
	if unproven {
		// The registrant chose the name.
		current, err := t.User(ctx, tenant, user.ID)
		if err != nil {
			return personFound{}, err
		}
		current.Name = nameOf(id, address.Address)
		current.UpdatedAt = t.now()
		if err := t.UpdateUser(ctx, current); err != nil {
			return personFound{}, err
		}
		current.Version++
		user = current
	}
	_, err := linkIdentity(ctx, t, &user, p, id, "address")
	return personFound{user: user}, err
}

// howToLink is ErrAccountExistsDifferentProvider with what the owner does next.
func howToLink(k *kernel, p Provider) error {
	return ErrAccountExistsDifferentProvider.detail("provider", p.Name()).detail("link", "POST "+k.config.BasePath+accountsPath)
}

// accountsPath is where identities are linked, listed and unlinked.
const accountsPath = "/auth/accounts"

// newPerson makes the account of a person whose address has none.
func newPerson(ctx context.Context, t *txn, p Provider, id *ProviderIdentity, address personAddress, language string) (personFound, error) {
	user := t.newUser(address.Address, nameOf(id, address.Address), RoleUser)
	if address.Key == "" {
		user.EmailKey = noAddressKey(user.ID)
	}
	if address.proven() {
		user.EmailVerifiedAt = user.CreatedAt
	}
	user.Image, user.Nickname = pictureOf(id.Picture), nicknameOf(id.Nickname)
	user.Locale = cmp.Or(locale.Parse(id.Locale), language)
	if err := refuseClosedSignUp(ctx, t.kernel, t); err != nil {
		return personFound{}, err
	}
	err := askSignUp(ctx, t.kernel, SignUpAttempt{Email: user.Email, Name: user.Name, Method: "provider", Provider: p.Name()})
	if err != nil {
		return personFound{}, err
	}
	t.proven = user.ID
	err = t.createUser(ctx, user, "")
	if errors.Is(err, ErrEmailAlreadyExists) {
		return personFound{}, howToLink(t.kernel, p) // somebody was faster, or the address is reserved
	}
	if err != nil {
		return personFound{}, err
	}
	if _, err := addIdentity(ctx, t, &user, p, id); err != nil {
		return personFound{}, err
	}
	return personFound{user: user, created: true}, nil
}

// noAddressKey is the key of an account without an address. No address has it.
func noAddressKey(userID string) string { return "no-address/" + userID }

// linkIdentity adds an identity to an account that exists, and tells its owner. By
// says what made the link.
func linkIdentity(ctx context.Context, t *txn, user *store.User, p Provider, id *ProviderIdentity, by string) (storedIdentity, error) {
	added, err := addIdentity(ctx, t, user, p, id)
	if err != nil {
		return added, err
	}
	if err := notifyLink(ctx, t, user, mailer.AccountLinked, p.Name()); err != nil {
		return added, err
	}
	return added, t.record(ctx, event{kind: eventIdentityLinked, subject: user.ID, data: eventData{
		"provider": p.Name(), "identity": added.record.ID, "by": by,
	}})
}

// notifyLink mails that an account was linked with a provider, or unlinked. Such a
// notice cannot be switched off.
func notifyLink(ctx context.Context, t *txn, user *store.User, kind mailer.Kind, provider string) error {
	return t.mail(ctx, kind, user.Email, user.Locale, t.about(ctx, user, mailer.Values{Provider: titleOf(provider)}))
}

// titleOf is the name of a provider as people read it.
func titleOf(name string) string {
	switch name {
	case "github":
		return "GitHub"
	case "gitlab":
		return "GitLab"
	case "linkedin":
		return "LinkedIn"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// nameOf is the name of a new account: what the provider says, else the local part
// of the address.
func nameOf(id *ProviderIdentity, address emailaddress.Address) string {
	for _, candidate := range []string{id.Name, id.Nickname} {
		if name, ok := cleanName(cut(candidate, 100)); ok {
			return name
		}
	}
	return nameFrom(address.Display)
}

func nicknameOf(nickname string) string {
	name, ok := cleanName(nickname)
	if !ok || utf8.RuneCountInString(name) > 50 {
		return ""
	}
	return name
}

// cut shortens a text to a number of characters.
func cut(text string, most int) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, ""))
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:most]))
}

// pictureOf is the address of a picture, which is stored and never fetched. An
// address that is not https, or that a browser could read in two ways, is left out.
func pictureOf(address string) string {
	const longest = 2048
	u, err := url.Parse(address)
	plain := !strings.ContainsFunc(address, func(r rune) bool {
		return r <= ' ' || r == '"' || r == '\'' || r == '<' || r == '>' || r == '\\' || r >= 0x7f
	})
	if err != nil || len(address) > longest || !plain || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return address
}

// resultState is what the token of a result keeps of the proof that it stands for.
type resultState struct {
	Methods string `json:"methods"`
	Created bool   `json:"created,omitzero"`
}

// keepResult stores a result, which the application redeems for a session.
func keepResult(ctx context.Context, t *txn, found *personFound) (token string, err error) {
	data, err := json.Marshal(resultState{byProvider, found.created})
	if err != nil {
		return "", ErrInternal.because(err)
	}
	token, _, err = t.newToken(ctx, store.Token{Kind: kindOAuth, UserID: found.user.ID, EmailKey: found.user.EmailKey, Data: data}, resultLife)
	return token, err
}

// redeemResult signs in with the result of a redirect to a provider, through the
// gate.
func redeemResult(ctx context.Context, k *kernel, token string) (SignedIn, error) {
	return k.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
		opened, err := tx.openSecret(ctx, token, kindOAuth)
		if err != nil {
			return outcome{}, err
		}
		var state resultState
		if err := json.Unmarshal(opened.token.Data, &state); err != nil {
			return outcome{}, ErrInternal.because(err)
		}
		if opened.used || opened.user.EmailKey != opened.token.EmailKey {
			return outcome{}, ErrInvalidToken
		}
		return tx.enter(ctx, proof{
			userID: opened.user.ID, methods: state.Methods, created: state.Created,
			clears: ownersCounters(opened.user.EmailKey, mailedMagic), lock: alreadyLocked(tx, &opened.user),
		})
	})
}

// enterPerson takes a person to the gate.
func enterPerson(ctx context.Context, t *txn, found *personFound) (outcome, error) {
	return t.enter(ctx, proof{
		userID: found.user.ID, methods: byProvider, created: found.created,
		clears: ownersCounters(found.user.EmailKey, mailedMagic), lock: alreadyLocked(t, &found.user),
	})
}
