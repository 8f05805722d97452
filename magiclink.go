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
	"unicode"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
	"golang.org/x/text/unicode/norm"
)

// ErrMagicLinkDisabled answers where signing in by link is switched off.
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
		name: "magiclink",
		routes: []route{
			{method: http.MethodGet, path: callbackPath, who: anyone, scope: "auth:signin", exchanges: true, navigated: true, serve: m.handleCallbackPage},
			{method: http.MethodPost, path: callbackPath, who: anyone, scope: "auth:signin", limit: limitGuess, exchanges: true, serve: m.handleCallback},
		},
		mails:  []mailer.Kind{mailer.MagicLink},
		errors: []*Error{ErrMagicLinkDisabled},
	}
}

// MagicLinkParams says where a link is mailed.
type MagicLinkParams struct {
	Email string
	// CallbackURL is the page of the host that the link leads to. Default: a page
	// of this API that tells to type the code.
	CallbackURL string
	// SignUp makes an account for an address that has none, once the link is
	// followed.
	SignUp bool
	// Locale is the language (BCP 47) to write in, and that of a new account.
	// Default: the account's, else what the request's Accept-Language asks for.
	Locale string
}

// RedeemCodeParams is a code and the id of the request that it was mailed for.
type RedeemCodeParams struct {
	RequestID, Code string
}

// Request mails a link, and a 6-digit code, that sign in to the
// account of an address; with signUp also one that makes the account first. It
// answers the same, and costs the same, whether or not there is an account: an
// id with which alone the code is worth something. The link leads to callbackURL
// or, where that is "", to a page of this API that tells to type the code.
// ErrInvalidEmail, ErrMagicLinkDisabled, ErrInvalidCallbackURL, ErrTooManyCodeRequests or
// ErrUnavailable.
func (m *MagicLinks) Request(ctx context.Context, in MagicLinkParams) (requestID string, err error) {
	callbackURL := in.CallbackURL
	if m.config.MagicLink.Disabled {
		return "", ErrMagicLinkDisabled
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
	err = m.mailQuietly(ctx, address, in.SignUp, inLanguage(in.Locale, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		requestID, err = m.send(ctx, tx, user, callbackURL, wanted)
		return err
	}))
	if err != nil {
		return "", err
	}
	return requestID, nil
}

// send stores the link's and the code's tokens and queues the mail. Where none
// is wanted it does the same with a code that nobody knows and a message that
// nobody gets.
func (m *MagicLinks) send(ctx context.Context, tx *txn, user *store.User, callbackURL string, wanted bool) (requestID string, err error) {
	code, err := newCode()
	if err != nil {
		return "", err
	}
	requestID, hash, err := newSecret()
	if err != nil {
		return "", err
	}
	err = tx.mailLink(ctx, link{
		kind: kindMagic, mail: mailer.MagicLink, kills: afterNewMagic, life: m.config.MagicLink.TTL, user: user, data: mailedTo(user), wanted: wanted,
		url:    func(secret string) (string, error) { return m.callbackLink(callbackURL, callbackPath, "token", secret) },
		values: mailer.Values{Code: code, CodeOnly: callbackURL == ""},
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
	return requestID, tx.CreateToken(ctx, request)
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

// noCode is ErrInvalidToken for what cannot be a code: whoever typed it is told
// so, and loses no try.
func noCode() *Error {
	e := *ErrInvalidToken
	e.Message = "A code has six digits. Please look at the mail again."
	return &e
}

// cleanCode reads a code as somebody types or pastes it: with blanks, hyphens
// and invisible characters, in digits of any width or script. It answers whether
// six digits are left.
func cleanCode(typed string) (code string, ok bool) {
	const longest = 256 // bytes looked at
	if len(typed) > longest {
		return "", false
	}
	var digits []byte
	for _, r := range norm.NFKC.String(typed) {
		switch value, digit := digitOf(r); {
		case digit:
			digits = append(digits, '0'+value)
		case unicode.IsSpace(r), unicode.In(r, unicode.Cf, unicode.Pd):
		default:
			return "", false
		}
	}
	return string(digits), len(digits) == 6
}

// digitOf is the value of a decimal digit of any script. Their digits stand in
// rows of ten, in order, so that the row's first is found by counting back.
func digitOf(r rune) (byte, bool) {
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	for _, row := range unicode.Nd.R16 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) {
			return byte((r - rune(row.Lo)) % 10), true
		}
	}
	for _, row := range unicode.Nd.R32 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) {
			return byte((r - rune(row.Lo)) % 10), true
		}
	}
	return 0, false
}

// Redeem signs in with the token of a mailed link, and makes the account where
// the link was asked for to sign up. It answers ErrInvalidToken, ErrTokenExpired,
// ErrAccountBanned or ErrUnavailable.
func (m *MagicLinks) Redeem(ctx context.Context, token string) (SignedIn, error) {
	given, err := readSecret("", token)
	if err != nil {
		return SignedIn{}, err
	}
	return m.redeem(ctx, kindMagic, hashSecret(given.token), nil)
}

// RedeemCode signs in with a mailed code and the id of the request for it. Five
// codes may be tried, and wrong ones count against the account's budget. It
// answers as RedeemMagicLink does, and ErrTooManyLoginAttempts.
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
	// The try is taken before the code is looked at, and a client that hangs
	// up does not get it back.
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

// redeem uses a token up and signs its account in, or makes the account.
func (m *MagicLinks) redeem(ctx context.Context, kind string, hash []byte, try *attempt) (SignedIn, error) {
	return m.admit(ctx, try, func(ctx context.Context, tx *txn) (outcome, error) {
		isNew := false
		now := m.now()
		found, won, err := tx.ConsumeToken(ctx, tenant, kind, hash, now)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return outcome{}, ErrInvalidToken
		case err != nil:
			return outcome{}, err
		case !won && found.UsedAt.IsZero():
			return outcome{}, ErrTokenExpired
		case !won:
			return outcome{}, ErrInvalidToken
		}
		user, err := tx.mailboxOwner(ctx, found)
		if errors.Is(err, store.ErrNotFound) {
			isNew = true
			user, err = m.userFromMailbox(ctx, tx, found)
		}
		if err != nil {
			return outcome{}, err
		}
		// The proof of the mailbox comes before the gate, which may wait for it.
		if user.Banned(now) {
			return outcome{}, ErrAccountBanned
		}
		if err := tx.claim(ctx, &user); err != nil {
			return outcome{}, err
		}
		if err := tx.kill(ctx, afterNewMagic, user.ID, user.EmailKey); err != nil {
			return outcome{}, err
		}
		return tx.enter(ctx, proof{userID: user.ID, methods: "otp", created: isNew})
	})
}

// userFromMailbox makes an account for an address that its owner has proven.
func (m *MagicLinks) userFromMailbox(ctx context.Context, tx *txn, found store.Token) (store.User, error) {
	email, language := readMailedTo(found)
	address, err := emailaddress.Parse(email)
	if err != nil || !hmac.Equal([]byte(address.Key), []byte(found.EmailKey)) {
		return store.User{}, ErrInvalidToken
	}
	local, _, _ := strings.Cut(address.Display, "@")
	name, ok := cleanName(local)
	if !ok {
		name = "New user"
	}
	user := m.newUser(address, name, RoleUser)
	user.EmailVerifiedAt, user.Locale = user.CreatedAt, language
	if err := askSignUp(ctx, m.kernel, SignUpAttempt{Email: address.Display, Name: name, Method: "magiclink"}); err != nil {
		return user, err
	}
	return user, tx.createUser(ctx, user, "")
}

// handleCallbackPage is where the link of a mail leads when no page of the host
// was named. It says who would sign in, and spends nothing: tokens would be of
// no use to a browser that no page of the host waits in.
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
	return m.visitor(w, r).writePage(http.StatusOK, ui.Page{
		Languages: languagesOf(language),
		Title:     "Sign in with your code",
		Paragraphs: []string{
			"To sign in, go back to where you asked for this mail and type the six digits that stand in it.",
			"If you did not ask to sign in, close this page: nobody was signed in by opening it.",
		},
		Facts: []ui.Fact{{Label: "Account", Value: email}},
	})
}

// lookAtLink finds the token of a link whose code still works, without using it
// up.
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
	case !m.now().Before(found.ExpiresAt), !m.now().Before(found.CreatedAt.Add(codeLife)):
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

func (m *MagicLinks) handleCallback(w http.ResponseWriter, r *http.Request) error {
	var in callbackInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	var signed SignedIn
	var err error
	switch {
	case in.Token != "" && in.RequestID+in.Code != "":
		return ErrInvalidRequest.detail("token", "must not come with requestId and code")
	case in.RequestID+in.Code != "":
		signed, err = m.RedeemCode(r.Context(), RedeemCodeParams{RequestID: in.RequestID, Code: in.Code})
	default:
		signed, err = m.Redeem(r.Context(), in.Token)
	}
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, callbackBody{signed.Tokens, signed.IsNewUser})
}
