package authtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what authenticator apps compute codes with (RFC 6238, section 1.2)
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/admit-go/admit"
)

// period is how long a code of an authenticator app is shown.
const period = 30 * time.Second

// app is the authenticator app of one account.
type app struct {
	secret []byte
	// given is the last step whose code was given to the test.
	given int64
}

// EnrollTOTP sets up an authenticator app for somebody and confirms it, and
// returns the recovery codes. From then on every sign-in of the account asks for a
// second factor: [Kit.Code] has its codes. The session of user has given the
// factor, and passes RequireFactor.
//
// The account must have [Password] as its password, or none. An account without a
// password needs a recent sign-in.
func (k *Kit) EnrollTOTP(user admit.SignedIn) (recoveryCodes []string) {
	k.t.Helper()
	k.as(user, func(ctx context.Context) {
		k.t.Helper()
		setup, err := k.Auth.MFA.Enable(ctx, admit.EnableMFAParams{UserID: user.User.ID, Password: Password})
		if err != nil {
			k.t.Fatalf("set up an authenticator app: %v", err)
		}
		secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(setup.Secret)
		if err != nil {
			k.t.Fatalf("the secret of an authenticator app: %v", err)
		}
		k.apps[user.User.ID] = &app{secret: secret, given: -1}
		done, err := k.Auth.MFA.Confirm(ctx, admit.ConfirmMFAParams{UserID: user.User.ID, Code: k.Code(user)})
		if err != nil {
			k.t.Fatalf("confirm an authenticator app: %v", err)
		}
		recoveryCodes = done.BackupCodes
	})
	return recoveryCodes
}

// Code returns the code that the authenticator app of somebody shows, after
// [Kit.EnrollTOTP]. A code is accepted once, so Code never returns the same code
// twice: where the code of this moment was returned before, Code moves Clock to
// the next code, by up to 30 seconds.
func (k *Kit) Code(user admit.SignedIn) string {
	k.t.Helper()
	app := k.apps[user.User.ID]
	if app == nil {
		k.t.Fatalf("%s has no authenticator app: call EnrollTOTP first", user.User.Email)
		return ""
	}
	if step := stepAt(k.now()); step <= app.given {
		k.Clock.Advance(time.Unix((app.given+1)*int64(period/time.Second), 0).Sub(k.now()))
	}
	app.given = stepAt(k.now())
	return app.code(app.given)
}

func stepAt(t time.Time) int64 { return t.Unix() / int64(period/time.Second) }

// code computes the code of a step (RFC 4226, section 5.3).
func (a *app) code(step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(max(0, step)))
	mac := hmac.New(sha1.New, a.secret)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[from:])&0x7fffffff)%1_000_000)
}

// as calls do with the context that a handler of the host has for requests of
// user.
func (k *Kit) as(user admit.SignedIn, do func(ctx context.Context)) {
	k.t.Helper()
	answer := httptest.NewRecorder()
	called := false
	k.Auth.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = true
		do(r.Context())
	})).ServeHTTP(answer, k.Request(user, http.MethodPost, "/", nil))
	if !called {
		k.t.Fatalf("%s is not signed in: %d %s", user.User.Email, answer.Code, answer.Body)
	}
}
