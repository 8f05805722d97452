package admit

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Errors about where mail is to go.
var (
	ErrInvalidEmail       = &Error{Code: "auth/invalid-email", Status: http.StatusBadRequest, Message: "That is not an e-mail address we can use."}
	ErrInvalidCallbackURL = &Error{Code: "auth/invalid-callback-url", Status: http.StatusBadRequest, Message: "That is not a place to return to."}
)

// mailboxOwner finds and locks the account that a token sent to a mailbox
// signs in to: the one it was made for while it still has that address, or the
// one that has been made since with the very address it was mailed to.
// store.ErrNotFound means that there is none yet.
func (t *txn) mailboxOwner(ctx context.Context, found store.Token) (store.User, error) {
	id := found.UserID
	if id == "" {
		email, _ := readMailedTo(found)
		address, err := emailaddress.Parse(email)
		if err != nil {
			return store.User{}, ErrInvalidToken
		}
		holder, err := holder(ctx, t.kernel, t.Store, address)
		if err != nil {
			return holder, err
		}
		if holder.Email != address.Display {
			return holder, ErrInvalidToken // perhaps the mailbox of another
		}
		id = holder.ID
	}
	user, err := t.lock(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (user.Deleted() || user.EmailKey != found.EmailKey) {
		return user, ErrInvalidToken
	}
	return user, err
}

// mailedTo is what a token keeps that may make an account: the address as it was
// written to, and the language to keep with the account.
func mailedTo(user *store.User) []byte { return []byte(user.Email + "\n" + user.Locale) }

func readMailedTo(found store.Token) (email, language string) {
	email, language, _ = strings.Cut(string(found.Data), "\n")
	return email, language
}

// sender is the part of a rule that mails something to an account. Where the
// message is not wanted it does the same for nobody, with tokens and a message
// of the kind outbox.Decoy.
type sender func(ctx context.Context, tx *txn, user *store.User, wanted bool) error

// LinkParams says to which address a link is mailed.
type LinkParams struct {
	Email string
	// CallbackURL is the page of the host that the link, or its page here, leads
	// to. Default: a page of this API.
	CallbackURL string
	// Locale is the language (BCP 47) to write in. Default: the account's, else
	// what the request's Accept-Language asks for.
	Locale string
}

// TokenParams is a mailed token and the address it was mailed to.
type TokenParams struct {
	// Email may be "": the token alone finds its account. An address that is
	// given must be the one that the token was mailed to.
	Email string
	Token string
}

// mailTo mails something to the account of an address, within the budget of its
// kind. Whether there is such an
// account shows neither in the answer nor in what it costs.
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
	return k.mailQuietly(ctx, address, false, inLanguage(in.Locale, send))
}

// inLanguage makes a message be written in the language that is named, else in
// the account's, else in the best match of what the client accepts.
func inLanguage(named string, send sender) sender {
	return func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		addressed := *user
		if named := locale.Parse(named); named != "" || user.Locale == "" {
			addressed.Locale = localeFor(ctx, named)
		}
		return send(ctx, tx, &addressed, wanted)
	}
}

// localeFor is the language of somebody whose account names none: the one that
// is named, else the best match of what the client accepts among the languages
// that there are texts in, else "", which is the host's default.
func localeFor(ctx context.Context, named string) string {
	if named = locale.Parse(named); named != "" {
		return named
	}
	header, _ := ctx.Value(languagesKey{}).(string)
	return locale.Match(locale.Accepted(header), letter.Languages())
}

// WithLanguages returns a context whose calls write to people without a language
// of their own in the best match of header, the value of an Accept-Language
// field. The handlers of this package do it by themselves.
func WithLanguages(ctx context.Context, header string) context.Context {
	return context.WithValue(ctx, languagesKey{}, header)
}

type languagesKey struct{}

// mailQuietly does so without a limit. With strangers a message is wanted by an
// address without an account too; its user has no id then.
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

// link is a mail whose link carries a one-time secret.
type link struct {
	// kind is that of the token, mail that of the message.
	kind string
	mail mailer.Kind
	// kills says which older tokens the new one replaces.
	kills happening
	// clearsAddress says that the new token replaces older tokens by the address
	// that they were mailed to, too: the token of an address without an account
	// is found by nothing else.
	clearsAddress bool
	life          time.Duration
	user          *store.User
	// to is where the mail goes: the account's address where it is zero.
	to emailaddress.Address
	// data is kept with the token.
	data []byte
	// url makes the link from the secret.
	url    func(secret string) (string, error)
	values mailer.Values
	// wanted is false where nobody should get the mail: then the same work is
	// done with a token that opens nothing and a message that is never sent.
	wanted bool
}

// mailLink removes the older tokens, makes the new one and queues the mail; or
// does the same work for nobody.
func (t *txn) mailLink(ctx context.Context, l link) error {
	if l.to == (emailaddress.Address{}) {
		l.to = emailaddress.Address{Display: l.user.Email, Key: l.user.EmailKey}
	}
	asked := notice{kind: eventMailRequested, emailKey: l.to.Key, about: string(l.mail), data: eventData{"mail": string(l.mail)}}
	t.then = append(t.then, func() { t.notice(ctx, asked) })
	cleared := l.to.Key
	if !l.wanted {
		l.kind, l.mail, cleared = outbox.Decoy, outbox.Decoy, l.user.ID // which is no address
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

// nobody is an account that no record belongs to.
func (k *kernel) nobody(address emailaddress.Address) store.User {
	return store.User{Tenant: tenant, ID: k.newID(), Email: address.Display, EmailKey: address.Key}
}

// checkCallback refuses a target that the configuration does not allow, before
// anything is sent or stored.
func (k *kernel) checkCallback(target string) error {
	if target != "" && !k.redirects.Allows(target) {
		return ErrInvalidCallbackURL
	}
	return nil
}

// callbackLink is the address in a mail: the host's own page where it named
// one, or the page of this API.
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

// verifyLink leads to the page of this API, which sends the browser on to the
// host's: what a mail scanner fetches must not be the host's page with a token.
func (k *kernel) verifyLink(path, callbackURL, secret, email string) (string, error) {
	query := []string{"token", secret, "email", email}
	if callbackURL != "" {
		query = append(query, "callbackUrl", callbackURL)
	}
	return k.callbackLink("", path, query...)
}

// about fills in what every message about an account says.
func (k *kernel) about(ctx context.Context, user *store.User, values mailer.Values) mailer.Values {
	client := clientFrom(ctx)
	values.UserName, values.Verified = user.Name, !user.EmailVerifiedAt.IsZero()
	if values.UserEmail == "" { // else it is masked
		values.UserEmail = user.Email
	}
	values.At = k.now()
	if values.SignedUpAt.IsZero() { // else it is the device of the sign-up
		values.Device, values.IPAddress = device.Name(client.UserAgent), client.IPAddress
	}
	return values
}

// mailedSecret is a secret as somebody gives it back, with the address that it
// was mailed to where that is known.
type mailedSecret struct {
	token   string
	address emailaddress.Address
}

// readSecret reads a mailed secret and the address that comes with it. What
// cannot be a secret is refused before the store is asked.
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

// fits answers whether a secret that was sent to an address is the one that was
// meant.
func (m mailedSecret) fits(emailKey string) bool {
	return m.address.Key == "" || m.address.Key == emailKey
}
