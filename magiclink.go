package admit

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// ErrMagicLinkDisabled means that sign-in by mail is switched off.
var ErrMagicLinkDisabled = &Error{Code: "auth/magiclink-disabled", Status: http.StatusBadRequest, Message: "Signing in by link is not switched on."}

const (
	callbackPath = "/auth/email/callback"

	codePurpose = "mail-code"
	codeLife    = 10 * time.Minute
	codeTries   = 5
)

// MagicLinks signs people in by a mailed link, or by the code in the same mail.
type MagicLinks struct {
	*kernel
}

func (m *MagicLinks) feature() feature {
	return feature{
		name:  "magiclink",
		holds: holding{nothing: "links and codes are kept as hashes, for an hour at most"},
		reproofs: func(_ context.Context, k *kernel, user *store.User) ([]string, error) {
			if user.EmailKey == "" || k.linkOff.Load() {
				return nil, nil
			}
			return []string{"magiclink"}, nil
		},
		routes: []route{
			{method: http.MethodGet, path: callbackPath, who: anyone, scope: "auth:signin", exchanges: true, navigated: true, serve: m.handleCallbackPage},
			{method: http.MethodPost, path: callbackPath, who: anyone, scope: "auth:signin", limit: limitGuess, exchanges: true, serve: m.handleCallback},
		},
		mails:  []mailer.Kind{mailer.MagicLink},
		errors: []*Error{ErrMagicLinkDisabled},
	}
}

// MagicLinkParams is the input of MagicLinks.Request.
type MagicLinkParams struct {
	Email string
	// CallbackURL is the page of the host that the link opens. Default: a page
	// of this API that asks the person to type the code.
	CallbackURL string
	// SignUp makes an account when the link or the code is redeemed, if the
	// address has no account.
	SignUp bool
	// Locale is the language of the mail and of a new account (BCP 47).
	// Default: the language of the account, or else the best match for the
	// Accept-Language of the request.
	Locale string
}

// RedeemCodeParams is a code and the id of the request that it was mailed for.
type RedeemCodeParams struct {
	RequestID, Code string
}

// Request mails a link and a code of six digits. Both sign in to the account of
// the address. With SignUp they also make an account for an address without
// one. Request returns the request id, which RedeemCode needs together with the
// code. The result and the cost are the same whether the address has an account
// or not. Request returns ErrInvalidEmail, ErrMagicLinkDisabled,
// ErrInvalidCallbackURL, ErrTooManyCodeRequests or ErrUnavailable.
func (m *MagicLinks) Request(ctx context.Context, in MagicLinkParams) (requestID string, err error) {
	callbackURL := in.CallbackURL
	rules, err := emailRulesOf(ctx, m.kernel, m.store)
	switch {
	case err != nil:
		return "", err
	case rules.magicLink.Disabled:
		return "", ErrMagicLinkDisabled
	case in.SignUp && !rules.signUp:
		return "", ErrSignUpDisabled
	}
	address, err := emailaddress.Parse(in.Email)
	if err != nil {
		return "", ErrInvalidEmail.because(err)
	}
	if err := m.checkCallback(callbackURL); err != nil {
		return "", err
	}
	if err := m.spendMail(ctx, mailedMagic, address.Key); err != nil {
		return "", err
	}
	err = m.mailQuietly(ctx, address, in.SignUp, inLanguage(m.kernel, in.Locale, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		requestID, err = m.send(ctx, tx, user, callbackURL, rules.magicLink.TTL, wanted)
		return err
	}))
	if err != nil {
		return "", err
	}
	return requestID, nil
}

// send stores the tokens of the link and of the code, and queues the mail. If
// wanted is false it does the same work, with a code that nobody knows and a
// message that nobody receives.
func (m *MagicLinks) send(ctx context.Context, tx *txn, user *store.User, callbackURL string, life time.Duration, wanted bool) (requestID string, err error) {
	code, err := newCode()
	if err != nil {
		return "", err
	}
	requestID, hash, err := newSecret()
	if err != nil {
		return "", err
	}
	err = tx.mailLink(ctx, link{
		kind: kindMagic, mail: mailer.MagicLink, kills: afterNewMagic, clearsAddress: true, life: life, user: user, data: mailedTo(user), wanted: wanted,
		url:    func(secret string) (string, error) { return m.callbackLink(callbackURL, callbackPath, "token", secret) },
		values: mailer.Values{Code: code, CodeOnly: callbackURL == "" && m.hosted.Handler == nil},
	})
	if err != nil {
		return "", err
	}
	now := m.now()
	request := store.Token{
		Tenant: tenant, Kind: kindCode, Hash: hash, UserID: user.ID, EmailKey: user.EmailKey,
		Data: mailedTo(user), MaxTries: codeTries, CreatedAt: now, ExpiresAt: now.Add(codeLife),
	}
	if wanted {
		keyID, mac := m.ring.MAC(codePurpose, hash, []byte(code))
		request.CodeHash = append(keyID[:], mac[:]...)
	}
	addNewToken(tx, request)
	return requestID, nil
}

// newCode returns six random digits. All codes are equally likely.
func newCode() (string, error) {
	const codes = 1_000_000
	for {
		var raw [4]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return "", ErrInternal.because(err)
		}
		// Numbers above the greatest multiple of codes would favour small
		// remainders, so they are drawn again.
		if n := binary.BigEndian.Uint32(raw[:]); n < 1<<32/codes*codes {
			return fmt.Sprintf("%06d", n%codes), nil
		}
	}
}

// noCode is ErrInvalidToken for a text that cannot be a code. Its message says
// so. The text costs no try.
func noCode() *Error {
	e := *ErrInvalidToken
	e.Message = "A code has six digits. Please look at the mail again."
	return &e
}

// Redeem signs in with the token of a mailed link, and makes the account where
// the link was asked for to sign up. It takes the result of a redirect to a
// provider, too. It answers ErrInvalidToken, ErrTokenExpired,
// ErrAccountBanned or ErrUnavailable.
func (m *MagicLinks) Redeem(ctx context.Context, token string) (SignedIn, error) {
	given, err := readSecret("", token)
	if err != nil {
		return SignedIn{}, err
	}
	signed, err := m.redeem(ctx, kindMagic, hashSecret(given.token), nil)
	if errors.Is(err, ErrInvalidToken) && len(m.config.Providers) > 0 {
		return redeemResult(ctx, m.kernel, given.token) // perhaps the result of a redirect to a provider
	}
	return signed, err
}

// RedeemCode signs in with a mailed code and the id of its request. A code has
// five tries. A wrong code spends the budget of the account. RedeemCode returns
// the errors of Redeem, ErrInvalidRequest and ErrTooManyLoginAttempts.
func (m *MagicLinks) RedeemCode(ctx context.Context, in RedeemCodeParams) (SignedIn, error) {
	requestID, code := in.RequestID, in.Code
	if requestID == "" || code == "" {
		return SignedIn{}, ErrInvalidRequest.detail("code", "must come with its requestId")
	}
	code, ok := cleanCode(code)
	if !ok {
		return SignedIn{}, noCode()
	}
	if !wellFormed(requestID) {
		return SignedIn{}, ErrInvalidToken
	}
	hash := hashSecret(requestID)
	request, err := m.store.Token(ctx, tenant, kindCode, hash)
	if errors.Is(err, store.ErrNotFound) {
		return SignedIn{}, ErrInvalidToken
	}
	if err != nil {
		return SignedIn{}, fault(err)
	}
	try, err := m.attempt(ctx, firstFactor, request.EmailKey)
	if err != nil {
		return SignedIn{}, err
	}
	signed, err := m.redeemCode(ctx, try, hash, code)
	try.settle(ctx, err)
	return signed, err
}

func (m *MagicLinks) redeemCode(ctx context.Context, try *attempt, hash []byte, code string) (SignedIn, error) {
	// The try is counted before the code is compared. A client that hangs up
	// does not get the try back.
	beyond, cancel := m.beyondHangUp(ctx)
	defer cancel()
	now := m.now()
	request, may, err := m.store.TryToken(beyond, tenant, kindCode, hash, now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return SignedIn{}, ErrInvalidToken
	case err != nil:
		return SignedIn{}, fault(err)
	case !may && request.UsedAt.IsZero() && !now.Before(request.ExpiresAt):
		return SignedIn{}, ErrTokenExpired
	case !may || len(request.CodeHash) != 4+32:
		return SignedIn{}, ErrInvalidToken
	}
	if !m.ring.VerifyMAC(codePurpose, [4]byte(request.CodeHash), request.CodeHash[4:], hash, []byte(code)) {
		return SignedIn{}, ErrInvalidToken
	}
	return m.redeem(ctx, kindCode, hash, try)
}

// redeem consumes a token and signs its account in, or makes the account.
func (m *MagicLinks) redeem(ctx context.Context, kind string, hash []byte, try *attempt) (SignedIn, error) {
	return m.admit(ctx, try, func(ctx context.Context, tx *txn) (outcome, error) {
		// Links and codes that wait are dead while sign-in by mail is off.
		rules, err := emailRulesOf(ctx, m.kernel, tx)
		if err != nil {
			return outcome{}, err
		}
		if rules.magicLink.Disabled {
			return outcome{}, ErrMagicLinkDisabled
		}
		found, user, err := tx.spendMailed(ctx, kind, hash)
		if err != nil {
			return outcome{}, err
		}
		if kind == kindMagic {
			pay(ctx) // nobody guesses the secret of a link
		}
		isNew := user.ID == ""
		if isNew {
			if user, err = m.userFromMailbox(ctx, tx, found); err != nil {
				return outcome{}, err
			}
		}
		// The owner takes over the account before the gate is asked, because
		// the gate may pause the sign-in.
		if user.Banned(m.now()) {
			return outcome{}, ErrAccountBanned
		}
		if err := tx.claim(ctx, &user); err != nil {
			return outcome{}, err
		}
		if err := tx.kill(ctx, afterNewMagic, user.ID, user.EmailKey); err != nil {
			return outcome{}, err
		}
		clears := ownersCounters(user.EmailKey, mailedMagic)
		if try != nil {
			clears = keysOf(try.account)
		}
		return tx.enter(ctx, proof{userID: user.ID, methods: "otp", created: isNew, clears: clears, lock: alreadyLocked(tx, &user)})
	})
}

// userFromMailbox makes an account for an address whose owner has proven the
// mailbox.
func (m *MagicLinks) userFromMailbox(ctx context.Context, tx *txn, found store.Token) (store.User, error) {
	email, language := readMailedTo(found)
	address, err := emailaddress.Parse(email)
	if err != nil || !hmac.Equal([]byte(address.Key), []byte(found.EmailKey)) {
		return store.User{}, ErrInvalidToken
	}
	name := nameFrom(address.Display)
	user := m.newUser(address, name, RoleUser)
	user.EmailVerifiedAt, user.Locale = user.CreatedAt, language
	if err := refuseClosedSignUp(ctx, m.kernel, tx); err != nil {
		return user, err
	}
	if err := askSignUp(ctx, m.kernel, SignUpAttempt{Email: address.Display, Name: name, Method: "magiclink"}); err != nil {
		return user, err
	}
	return user, tx.createUser(ctx, user, "")
}

// handleCallbackPage serves the page that the link of a mail opens if the host
// named no page of its own. The page shows the account and uses nothing up. It
// gives no tokens, because no page of the host waits for them in this browser.
func (m *MagicLinks) handleCallbackPage(w http.ResponseWriter, r *http.Request) error {
	in, err := m.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := m.lookAtLink(r.Context(), in.Token)
	if err != nil {
		return m.visitor(w, r).failed(err, againWhereAsked(seen{}))
	}
	email, language := readMailedTo(found)
	if m.hosted.Handler != nil {
		return m.visitor(w, r).writePage(http.StatusOK, ui.Page{
			Languages:  languagesOf(language),
			Title:      "Sign in",
			Paragraphs: []string{"If you did not ask to sign in, close this page: nobody was signed in by opening it."},
			Facts:      []ui.Fact{{Label: "Account", Value: email}},
			Forms:      []ui.Form{{Action: sitePath(m.kernel, m.hosted.LinkPath), Button: "Sign in", Hidden: in.hidden("")}},
		})
	}
	return m.visitor(w, r).writePage(http.StatusOK, ui.Page{
		Languages: languagesOf(language),
		Title:     "Sign in with your code",
		Paragraphs: []string{
			"To sign in, go back to where you asked for this mail and type the six digits from the mail.",
			"If you did not ask to sign in, close this page: nobody was signed in by opening it.",
		},
		Facts: []ui.Fact{{Label: "Account", Value: email}},
	})
}

// lookAtLink finds the token of a link whose code still works. It does not use
// the token up.
func (m *MagicLinks) lookAtLink(ctx context.Context, token string) (store.Token, error) {
	if !wellFormed(token) {
		return store.Token{}, ErrInvalidToken
	}
	found, err := m.store.Token(ctx, tenant, kindMagic, hashSecret(token))
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !found.UsedAt.IsZero():
		return found, ErrInvalidToken
	case err != nil:
		return found, fault(err)
	case !m.now().Before(found.ExpiresAt), m.hosted.Handler == nil && !m.now().Before(found.CreatedAt.Add(codeLife)):
		return found, ErrTokenExpired
	}
	return found, nil
}

type callbackInput struct {
	Token     string `json:"token"`
	RequestID string `json:"requestId"`
	Code      string `json:"code"`
	// DeviceToken is that of a device that needs no second factor.
	DeviceToken string `json:"deviceToken"`
}

func (m *MagicLinks) handleCallback(w http.ResponseWriter, r *http.Request) error {
	var in callbackInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	ctx := WithDeviceToken(r.Context(), cmp.Or(in.DeviceToken, rememberedIn(m.kernel, r)))
	var signed SignedIn
	var err error
	switch {
	case in.Token != "" && in.RequestID+in.Code != "":
		return ErrInvalidRequest.detail("token", "must not come with requestId and code")
	case in.RequestID+in.Code != "":
		signed, err = m.RedeemCode(ctx, RedeemCodeParams{RequestID: in.RequestID, Code: in.Code})
	default:
		signed, err = m.Redeem(ctx, in.Token)
	}
	if err != nil {
		return err
	}
	return writeSignedIn(m.kernel, w, r, http.StatusOK, &signed, true)
}
