package admit

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// ErrMagicLinkDisabled answers where signing in by link is switched off.
var ErrMagicLinkDisabled = &Error{Code: "auth/magiclink-disabled", Status: http.StatusBadRequest, Message: "Signing in by link is not switched on."}

const (
	callbackPath = "/auth/email/callback"

	codePurpose = "mail-code"
	codeLife    = 10 * time.Minute
	codeTries   = 5
)

var magicLink = feature{
	name: "magiclink",
	routes: []route{
		{method: http.MethodGet, path: callbackPath, who: anyone, scope: "auth:signin", exchanges: true, navigated: true, serve: (*Auth).handleCallbackPage},
		{method: http.MethodPost, path: callbackPath, who: anyone, scope: "auth:signin", limit: limitGuess, exchanges: true, serve: (*Auth).handleCallback},
	},
	mails:  []mailer.Kind{mailer.MagicLink},
	errors: []*Error{ErrMagicLinkDisabled},
}

// RequestMagicLink mails a link, and a 6-digit code, that sign in to the
// account of an address; with signUp also one that makes the account first. It
// answers the same, and costs the same, whether or not there is an account: an
// id with which alone the code is worth something. The link leads to callbackURL
// or, where that is "", to a page of this API that tells to type the code.
// ErrInvalidEmail, ErrMagicLinkDisabled, ErrInvalidCallbackURL, ErrTooManyCodeRequests or
// ErrUnavailable.
func (a *Auth) RequestMagicLink(ctx context.Context, email, callbackURL string, signUp bool) (requestID string, err error) {
	if a.config.MagicLink.Disabled {
		return "", ErrMagicLinkDisabled
	}
	address, err := emailaddress.Parse(email)
	if err != nil {
		return "", ErrInvalidEmail.because(err)
	}
	if err := a.checkCallback(callbackURL); err != nil {
		return "", err
	}
	if err := a.spend(ctx, ErrTooManyCodeRequests, budget(mailBudget, address.Key, mailBounds())...); err != nil {
		return "", err
	}
	err = a.mailQuietly(ctx, address, signUp, func(ctx context.Context, tx store.Store, user *store.User, wanted bool) error {
		requestID, err = a.sendMagicLink(ctx, tx, user, callbackURL, wanted)
		return err
	})
	if err != nil {
		return "", err
	}
	return requestID, nil
}

// sendMagicLink stores the link's and the code's tokens and queues the mail.
// Where none is wanted it does the same with a code that nobody knows and a
// message that nobody gets.
func (a *Auth) sendMagicLink(ctx context.Context, tx store.Store, user *store.User, callbackURL string, wanted bool) (string, error) {
	kind, mail, killed := kindMagic, mailer.MagicLink, user.EmailKey
	if !wanted {
		kind, mail, killed = decoyMail, decoyMail, user.ID // which is no address
	}
	if err := killTokens(ctx, tx, afterNewMagic, user.ID, killed); err != nil {
		return "", err
	}
	secret, expires, err := a.newToken(ctx, tx, store.Token{
		Kind: kind, UserID: user.ID, EmailKey: user.EmailKey, Data: []byte(user.Email),
	}, a.config.MagicLink.TTL)
	if err != nil {
		return "", err
	}
	code, err := newCode()
	if err != nil {
		return "", err
	}
	requestID, hash, err := newSecret()
	if err != nil {
		return "", err
	}
	now := a.now()
	request := store.Token{
		Tenant: tenant, Kind: kindCode, Hash: hash, UserID: user.ID, EmailKey: user.EmailKey,
		Data: []byte(user.Email), MaxTries: codeTries, CreatedAt: now, ExpiresAt: now.Add(codeLife),
	}
	if wanted {
		keyID, mac := a.ring.MAC(codePurpose, hash, []byte(code))
		request.CodeHash = append(keyID[:], mac[:]...)
	}
	if err := tx.CreateToken(ctx, request); err != nil {
		return "", err
	}
	link, err := a.callbackLink(callbackURL, callbackPath, "token", secret)
	if err != nil {
		return "", err
	}
	values := a.about(ctx, user, mailer.Values{Link: link, Code: code, ExpiresAt: expires})
	return requestID, a.outbox.add(ctx, tx, mail, user.Email, user.Locale, values)
}

// newCode makes six digits, all of which are as likely.
func newCode() (string, error) {
	const codes = 1_000_000
	for {
		var raw [4]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return "", ErrInternal.because(err)
		}
		// Below the greatest multiple of codes no remainder is favoured.
		if n := binary.BigEndian.Uint32(raw[:]); n < 1<<32/codes*codes {
			return fmt.Sprintf("%06d", n%codes), nil
		}
	}
}

// RedeemMagicLink signs in with the token of a mailed link, and says whether
// that made a new account. It answers ErrInvalidToken, ErrTokenExpired,
// ErrAccountBanned or ErrUnavailable.
func (a *Auth) RedeemMagicLink(ctx context.Context, token string) (signed *SignedIn, isNew bool, err error) {
	if token == "" {
		return nil, false, ErrInvalidRequest.detail("token", "is missing")
	}
	if !wellFormed(token) {
		return nil, false, ErrInvalidToken
	}
	return a.redeem(ctx, kindMagic, hashSecret(token), nil)
}

// RedeemCode signs in with a mailed code and the id of the request for it. Five
// codes may be tried, and wrong ones count against the account's budget. It
// answers as RedeemMagicLink does, and ErrTooManyLoginAttempts.
func (a *Auth) RedeemCode(ctx context.Context, requestID, code string) (signed *SignedIn, isNew bool, err error) {
	if requestID == "" || code == "" {
		return nil, false, ErrInvalidRequest.detail("code", "must come with its requestId")
	}
	if !wellFormed(requestID) || len(code) != 6 || strings.Trim(code, "0123456789") != "" {
		return nil, false, ErrInvalidToken
	}
	hash := hashSecret(requestID)
	request, err := a.store.Token(ctx, tenant, kindCode, hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, ErrInvalidToken
	}
	if err != nil {
		return nil, false, fault(err)
	}
	try, err := a.attempt(ctx, firstFactor, request.EmailKey)
	if err != nil {
		return nil, false, err
	}
	signed, isNew, err = a.redeemCode(ctx, try, hash, code)
	try.settle(ctx, err)
	return signed, isNew, err
}

func (a *Auth) redeemCode(ctx context.Context, try *attempt, hash []byte, code string) (*SignedIn, bool, error) {
	// The try is taken before the code is looked at, and a client that hangs
	// up does not get it back.
	beyond, cancel := a.beyondHangUp(ctx)
	defer cancel()
	now := a.now()
	request, may, err := a.store.TryToken(beyond, tenant, kindCode, hash, now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, false, ErrInvalidToken
	case err != nil:
		return nil, false, fault(err)
	case !may && request.UsedAt.IsZero() && !now.Before(request.ExpiresAt):
		return nil, false, ErrTokenExpired
	case !may || len(request.CodeHash) != 4+32:
		return nil, false, ErrInvalidToken
	}
	if !a.ring.VerifyMAC(codePurpose, [4]byte(request.CodeHash), request.CodeHash[4:], hash, []byte(code)) {
		return nil, false, ErrInvalidToken
	}
	return a.redeem(ctx, kindCode, hash, try)
}

// redeem uses a token up and signs its account in, or makes the account.
func (a *Auth) redeem(ctx context.Context, kind string, hash []byte, try *attempt) (signed *SignedIn, isNew bool, err error) {
	signed, err = a.admit(ctx, try, func(ctx context.Context, tx store.Store) (*pass, error) {
		isNew = false
		now := a.now()
		found, won, err := tx.ConsumeToken(ctx, tenant, kind, hash, now)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil, ErrInvalidToken
		case err != nil:
			return nil, err
		case !won && found.UsedAt.IsZero():
			return nil, ErrTokenExpired
		case !won:
			return nil, ErrInvalidToken
		}
		user, err := a.mailboxOwner(ctx, tx, found)
		if errors.Is(err, store.ErrNotFound) {
			isNew = true
			user, err = a.userFromMailbox(ctx, tx, found)
		}
		if err != nil {
			return nil, err
		}
		// The proof of the mailbox comes before the gate, which may wait for it.
		if user.Banned(now) {
			return nil, ErrAccountBanned
		}
		if err := a.claim(ctx, tx, &user); err != nil {
			return nil, err
		}
		if err := killTokens(ctx, tx, afterNewMagic, user.ID, user.EmailKey); err != nil {
			return nil, err
		}
		return a.enter(ctx, tx, entrance{userID: user.ID, methods: "otp", created: isNew})
	})
	return signed, isNew, err
}

// mailboxOwner finds and locks the account that a token sent to a mailbox
// signs in to: the one it was made for while it still has that address, or the
// one that has been made with the address since. ErrNotFound means that there
// is none yet.
func (a *Auth) mailboxOwner(ctx context.Context, tx store.Store, found store.Token) (store.User, error) {
	id := found.UserID
	if id == "" {
		holder, err := tx.UserByEmail(ctx, tenant, found.EmailKey)
		if err != nil {
			return holder, err
		}
		id = holder.ID
	}
	user, err := tx.LockUser(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (user.Deleted() || user.EmailKey != found.EmailKey) {
		return user, ErrInvalidToken
	}
	return user, err
}

// userFromMailbox makes an account for an address that its owner has proven.
func (a *Auth) userFromMailbox(ctx context.Context, tx store.Store, found store.Token) (store.User, error) {
	address, err := emailaddress.Parse(string(found.Data))
	if err != nil || !hmac.Equal([]byte(address.Key), []byte(found.EmailKey)) {
		return store.User{}, ErrInvalidToken
	}
	local, _, _ := strings.Cut(address.Display, "@")
	name, ok := cleanName(local, 100)
	if !ok {
		name = "New user"
	}
	user := a.newUser(address, name, RoleUser)
	user.EmailVerifiedAt = user.CreatedAt
	if err := a.askSignUp(ctx, SignUpAttempt{Email: address.Display, Name: name, Method: "magiclink"}); err != nil {
		return user, err
	}
	return user, a.createUser(ctx, tx, user, "")
}

// handleCallbackPage is where the link of a mail leads when no page of the host
// was named. It says who would sign in, and spends nothing: tokens would be of
// no use to a browser that no page of the host waits in.
func (a *Auth) handleCallbackPage(w http.ResponseWriter, r *http.Request) error {
	in, err := readQuery(r)
	if err != nil {
		return err
	}
	found, err := a.lookAtLink(r.Context(), in.Token)
	switch {
	case err != nil && wantsPage(r):
		return a.writeErrorPage(w, err)
	case err != nil:
		return err
	}
	return a.writePage(w, http.StatusOK, ui.Page{
		Title: "Sign in with your code",
		Paragraphs: []string{
			"To sign in, go back to where you asked for this mail and type the six digits that stand in it.",
			"If you did not ask to sign in, close this page: nobody was signed in by opening it.",
		},
		Facts: []ui.Fact{{Label: "Account", Value: string(found.Data)}},
	})
}

// lookAtLink finds the token of a link whose code still works, without using it
// up.
func (a *Auth) lookAtLink(ctx context.Context, token string) (store.Token, error) {
	if !wellFormed(token) {
		return store.Token{}, ErrInvalidToken
	}
	found, err := a.store.Token(ctx, tenant, kindMagic, hashSecret(token))
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !found.UsedAt.IsZero():
		return found, ErrInvalidToken
	case err != nil:
		return found, fault(err)
	case !a.now().Before(found.ExpiresAt), !a.now().Before(found.CreatedAt.Add(codeLife)):
		return found, ErrTokenExpired
	}
	return found, nil
}

type callbackInput struct {
	Token     string `json:"token"`
	RequestID string `json:"requestId"`
	Code      string `json:"code"`
}

type callbackBody struct {
	Tokens
	IsNewUser bool `json:"is_new_user"`
}

func (a *Auth) handleCallback(w http.ResponseWriter, r *http.Request) error {
	var in callbackInput
	if err := decode(r, &in); err != nil {
		return err
	}
	var signed *SignedIn
	var isNew bool
	var err error
	switch {
	case in.Token != "" && in.RequestID+in.Code != "":
		return ErrInvalidRequest.detail("token", "must not come with requestId and code")
	case in.RequestID+in.Code != "":
		signed, isNew, err = a.RedeemCode(r.Context(), in.RequestID, in.Code)
	default:
		signed, isNew, err = a.RedeemMagicLink(r.Context(), in.Token)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, callbackBody{signed.Tokens, isNew})
}
