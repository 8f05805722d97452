package admit

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Errors about the target of a mail.
var (
	ErrInvalidEmail       = &Error{Code: "auth/invalid-email", Status: http.StatusBadRequest, Message: "That is not an e-mail address we can use."}
	ErrInvalidCallbackURL = &Error{Code: "auth/invalid-callback-url", Status: http.StatusBadRequest, Message: "That is not a place to return to."}
)

// spendMailed locks the account that a mailed token signs in to, and then marks the
// token as used: a rule that holds an account ends its tokens, and two rules that
// took them in opposite orders would wait for each other. A token of an account
// signs in to this account while it still has the address. The account has no ID if
// the token was mailed before there was an account, and there is none yet.
func (t *txn) spendMailed(ctx context.Context, kind string, hash []byte) (found store.Token, owner store.User, err error) {
	found, owner, won, err := t.SpendToken(ctx, tenant, kind, hash, t.now())
	if errors.Is(err, store.ErrNotFound) { // the token is unknown, or names no account
		if found, owner, err = t.mailboxOwner(ctx, kind, hash); err == nil {
			found, won, err = t.ConsumeToken(ctx, tenant, kind, hash, t.now())
		}
	}
	t.touch(owner.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return found, owner, ErrInvalidToken
	case err != nil:
		return found, owner, err
	case !won && found.UsedAt.IsZero():
		return found, owner, ErrTokenExpired
	case !won || owner.ID != "" && (owner.Deleted() || owner.EmailKey != found.EmailKey):
		return found, owner, ErrInvalidToken
	}
	return found, owner, nil
}

// mailboxOwner finds a token that was mailed to an address without an account, and
// locks the account that was made since with exactly this address. The account has
// no ID if there is none. It returns store.ErrNotFound for an unknown token, and for
// a token whose account is gone.
func (t *txn) mailboxOwner(ctx context.Context, kind string, hash []byte) (found store.Token, owner store.User, err error) {
	if found, err = t.Token(ctx, tenant, kind, hash); err != nil {
		return found, owner, err
	}
	if found.UserID != "" {
		return found, owner, store.ErrNotFound
	}
	email, _ := readMailedTo(found)
	address, err := emailaddress.Parse(email)
	if err != nil {
		return found, owner, ErrInvalidToken
	}
	made, err := holder(ctx, t.kernel, t.Store, address)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return found, owner, nil
	case err != nil:
		return found, owner, err
	case made.Email != address.Display:
		return found, owner, ErrInvalidToken // the mailbox may belong to somebody else
	}
	owner, err = t.lock(ctx, made.ID)
	return found, owner, err
}

// mailedTo returns the data of a token that may make an account: the address as
// the mail was sent to it, and the language of the account.
func mailedTo(user *store.User) []byte { return []byte(user.Email + "\n" + user.Locale) }

func readMailedTo(found store.Token) (email, language string) {
	email, language, _ = strings.Cut(string(found.Data), "\n")
	return email, language
}

// sender is the part of a rule that mails something to an account. If wanted is
// false, it does the same work with tokens and a message of the kind
// outbox.Decoy, and nobody gets a mail.
type sender func(ctx context.Context, tx *txn, user *store.User, wanted bool) error

// LinkParams says to which address a link is mailed, and where the link leads.
type LinkParams struct {
	Email string
	// CallbackURL is the page of the host that the link leads to, directly or
	// after a page of this API. Default: a page of this API.
	CallbackURL string
	// Locale is the language (BCP 47) of the mail. Default: the language of the
	// account, else the best match of the request's Accept-Language.
	Locale string
}

// TokenParams is a mailed token and the address it was mailed to.
type TokenParams struct {
	// Email may be "", because the token alone finds its account. If it is not "",
	// it must be the address that the token was mailed to.
	Email string
	Token string
}

// mailTo mails something to the account of an address, within the budget of the
// kind of mail. Neither the answer nor the work that it takes shows whether the
// address has an account.
func (k *kernel) mailTo(ctx context.Context, kind string, in LinkParams, send sender) error {
	address, err := emailaddress.Parse(in.Email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if err := k.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	if err := k.spendMail(ctx, kind, address.Key); err != nil {
		return err
	}
	return k.mailQuietly(ctx, address, false, inLanguage(k, in.Locale, send))
}

// inLanguage returns a sender that writes in the named language, else in the
// language of the account, else in the best match of the languages that the
// client accepts.
func inLanguage(k *kernel, named string, send sender) sender {
	return func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		addressed := *user
		if named := locale.Parse(named); named != "" || user.Locale == "" {
			addressed.Locale = localeFor(ctx, k, named)
		}
		return send(ctx, tx, &addressed, wanted)
	}
}

// localeFor returns the language for an account without a language: the named
// language, else the language with texts that best matches what the
// client accepts, else "", which is the default of the host.
func localeFor(ctx context.Context, k *kernel, named string) string {
	if named = locale.Parse(named); named != "" {
		return named
	}
	header, _ := ctx.Value(languagesKey{}).(string)
	if found := k.words.Find(locale.Accepted(header)); found != nil {
		return found.Tag
	}
	return ""
}

// WithLanguages returns a context for calls that send mail. If an account has
// no language, the mail is written in the language that best matches header,
// which is the value of an Accept-Language field (RFC 9110, section 12.5.4).
// The handlers of this package use WithLanguages by themselves.
func WithLanguages(ctx context.Context, header string) context.Context {
	return context.WithValue(ctx, languagesKey{}, header)
}

type languagesKey struct{}

// mailQuietly is mailTo without a budget. With strangers, an address without an
// account gets the message too; the user that send gets then has no id.
func (k *kernel) mailQuietly(ctx context.Context, address emailaddress.Address, strangers bool, send sender) error {
	return k.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		user, err := lockHolder(ctx, tx, address)
		unknown := errors.Is(err, store.ErrNotFound)
		if err != nil && !unknown {
			return err
		}
		if err == nil && !user.Deleted() && !user.Banned(k.now()) && user.EmailKey == address.Key {
			return send(ctx, tx, &user, true)
		}
		nobody := k.nobody(address)
		if unknown && strangers {
			nobody.ID = ""
		}
		return send(ctx, tx, &nobody, nobody.ID == "")
	})
}

// link is a mail with a link that contains a one-time secret.
type link struct {
	// kind is the kind of the token, mail the kind of the message.
	kind string
	mail mailer.Kind
	// kills says which older tokens the new one replaces.
	kills happening
	// clearsAddress says that the new token also replaces older tokens that were
	// mailed to the same address. A token of an address without an account can
	// only be found by its address.
	clearsAddress bool
	life          time.Duration
	user          *store.User
	// to is the address that the mail is sent to. Zero means the address of the
	// account.
	to emailaddress.Address
	// data is stored with the token.
	data []byte
	// url makes the link from the secret.
	url    func(secret string) (string, error)
	values mailer.Values
	// wanted is false if nobody should get the mail. Then mailLink does the same
	// work with a token that cannot be redeemed and a message that is never sent.
	wanted bool
}

// mailLink removes the older tokens, makes the new token and queues the mail.
// If the mail is not wanted, it does the same work for an account that does not
// exist.
func (t *txn) mailLink(ctx context.Context, l link) error {
	if l.to == (emailaddress.Address{}) {
		l.to = emailaddress.Address{Display: l.user.Email, Key: l.user.EmailKey}
	}
	asked := notice{kind: eventMailRequested, emailKey: l.to.Key, about: string(l.mail), data: eventData{"mail": string(l.mail)}}
	t.then = append(t.then, func() { t.notice(ctx, asked) })
	cleared := l.to.Key
	if !l.wanted {
		l.kind, l.mail, cleared = outbox.Decoy, outbox.Decoy, l.user.ID // which matches no address
	}
	if !l.clearsAddress {
		cleared = ""
	}
	if err := t.kill(ctx, l.kills, l.user.ID, cleared); err != nil {
		return err
	}
	secret, expires, err := t.newToken(ctx, store.Token{Kind: l.kind, UserID: l.user.ID, EmailKey: l.to.Key, Data: l.data}, l.life)
	if err != nil {
		return err
	}
	values := t.about(ctx, l.user, l.values)
	if values.Link, err = l.url(secret); err != nil {
		return err
	}
	values.ExpiresAt = expires
	return t.mail(ctx, l.mail, l.to.Display, l.user.Locale, values)
}

// nobody returns an account that is not stored and to which no record belongs.
func (k *kernel) nobody(address emailaddress.Address) store.User {
	return store.User{Tenant: tenant, ID: k.newID(), Email: address.Display, EmailKey: address.Key}
}

// checkCallback refuses a target that the configuration does not allow. Rules
// call it before anything is sent or stored.
func (k *kernel) checkCallback(target string) error {
	if target != "" && !k.redirects.Allows(target) {
		return ErrInvalidCallbackURL.detail("callbackUrl", "must be a page of Config.BaseURL or of Config.AllowedRedirects")
	}
	return nil
}

// callbackLink returns the link of a mail: to the page of the host if
// callbackURL names one, else to the page of this API.
func (k *kernel) callbackLink(callbackURL, path string, namesAndValues ...string) (string, error) {
	if callbackURL == "" {
		callbackURL = k.config.BaseURL + k.config.BasePath + path
	}
	link, err := k.redirects.AddQuery(callbackURL, namesAndValues...)
	if err != nil {
		return "", ErrInvalidCallbackURL.because(err)
	}
	return link, nil
}

// verifyLink returns a link to the page of this API, which sends the browser on
// to the page of the host. A mail scanner that fetches the link does not fetch
// the page of the host with a token.
func (k *kernel) verifyLink(path, callbackURL, secret, email string) (string, error) {
	query := []string{"token", secret, "email", email}
	if callbackURL != "" {
		query = append(query, "callbackUrl", callbackURL)
	}
	return k.callbackLink("", path, query...)
}

// about fills in the values that every message about an account has.
func (k *kernel) about(ctx context.Context, user *store.User, values mailer.Values) mailer.Values {
	client := clientFrom(ctx)
	values.UserName, values.Verified = user.Name, !user.EmailVerifiedAt.IsZero()
	if values.UserEmail == "" { // otherwise the rule has set it, masked
		values.UserEmail = user.Email
	}
	values.At = k.now()
	if values.SignedUpAt.IsZero() { // otherwise the values name the device of the sign-up
		values.Device, values.IPAddress = device.Name(client.UserAgent), client.IPAddress
	}
	return values
}

// mailedSecret is a mailed secret that a client sends back, with the address
// that the client says it was mailed to, if any.
type mailedSecret struct {
	token   string
	address emailaddress.Address
}

// readSecret reads a mailed secret and its address. A text that cannot be a
// secret is refused before the store is asked.
func readSecret(email, token string) (mailedSecret, error) {
	given := mailedSecret{token: cleanSecret(token)}
	if email != "" {
		var err error
		if given.address, err = emailaddress.Parse(email); err != nil {
			return given, ErrInvalidEmail.because(err)
		}
	}
	if given.token == "" {
		return given, ErrInvalidRequest.detail("token", "is missing")
	}
	if !wellFormed(given.token) {
		return given, ErrInvalidToken
	}
	return given, nil
}

// fits reports whether the secret may have been mailed to an address: the
// client named this address, or none.
func (m mailedSecret) fits(emailKey string) bool {
	return m.address.Key == "" || m.address.Key == emailKey
}
