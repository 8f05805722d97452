package admit

import (
	"context"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file is what the gate asks of an account beside the first factor.

// The checkpoints of the gate.
const (
	atFactor    = "factor"
	atEnrolment = "enrolment"
)

// checkpointsOf are what the gate asks of everybody beside the first factor.
func checkpointsOf() []checkpoint {
	return []checkpoint{{atFactor, askFactor}, {atEnrolment, askEnrolment}}
}

// askFactor pauses everybody whose account has a confirmed factor, unless the
// device is remembered.
func askFactor(ctx context.Context, t *txn, user *store.User, in proof) (*Error, error) {
	if !user.MFAEnabled {
		return nil, nil
	}
	if known, err := remembered(ctx, t, user.ID); err != nil || known {
		return nil, err
	}
	factors, err := factorsOf(ctx, t, user.ID)
	if err != nil {
		return nil, err
	}
	pause := ErrMFARequired.detail("methods", methodsOf(factors, in.methods))
	if !slices.ContainsFunc(confirmed(factors), func(f Factor) bool { return f.planted }) {
		return pause, nil
	}
	return offerStartOver(ctx, t, pause, user, in)
}

// offerStartOver adds a token to start over to the answer of a pause. The token is
// bound to the browser as the ticket of the pause is.
func offerStartOver(ctx context.Context, t *txn, pause *Error, user *store.User, in proof) (*Error, error) {
	state := ticketState{Methods: in.methods}
	pause, err := bindToBrowser(ctx, &state, pause)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(state)
	if err != nil {
		return nil, ErrInternal.because(err)
	}
	secret, _, err := t.newToken(ctx, store.Token{Kind: kindStartOver, UserID: user.ID, EmailKey: user.EmailKey, Data: data}, ticketLife)
	return pause.detail("startOverToken", secret), err
}

// askEnrolment pauses everybody who must have a factor and has none: by the
// configuration, or by the policy of any organisation that the account belongs to.
func askEnrolment(ctx context.Context, t *txn, user *store.User, _ proof) (*Error, error) {
	if user.MFAEnabled {
		return nil, nil
	}
	if !t.config.MFA.requires(user.Role, t.now()) {
		if required, err := belongsWhereFactor(ctx, t.kernel, t, user.ID); err != nil || !required {
			return nil, err
		}
	}
	return factorMissing(t.kernel, user), nil
}

// factorMissing is the answer to a user whose session was not proven with a second
// factor where one is needed.
func factorMissing(k *kernel, user *store.User) *Error {
	if !user.MFAEnabled {
		return ErrMFAEnrollmentRequired.detail("methods", enrolmentMethods(&k.config))
	}
	return ErrReauthenticationRequired.listing(func(ctx context.Context) ([]string, error) { return factorMethods(ctx, k, user) })
}

// factorMethods are the second factors that an account has, and that the host still
// takes.
func factorMethods(ctx context.Context, k *kernel, user *store.User) ([]string, error) {
	factors, err := factorsOf(ctx, k.store, user.ID)
	methods := methodsOf(factors, "")
	if k.config.Passkeys.Engine == nil {
		methods = slices.DeleteFunc(methods, func(m string) bool { return m == FactorPasskey })
	}
	return methods, err
}

// factorGiven lets somebody change the factors of an account: anybody while it has
// none, and else whose session has given one. A session from before the factor and
// one of a remembered device have not: a thief of such a session who knows the
// password could put a factor of their own beside that of the owner. A caller from
// Go without a session answers for that.
func factorGiven(ctx context.Context, k *kernel, user *store.User) error {
	by := callerFrom(ctx)
	if !user.MFAEnabled || by == nil || !by.signedIn || by.user.ID != user.ID || by.session.ACR() == store.TwoFactors {
		return nil
	}
	return factorMissing(k, user)
}

// enrolmentMethods are the factors that a host lets people set up.
func enrolmentMethods(c *Config) []string {
	if c.Passkeys.Engine == nil {
		return []string{FactorTOTP}
	}
	return []string{FactorTOTP, FactorPasskey}
}

// methodsOf are what a sign-in of an account can be completed with, after a first
// proof by methods (RFC 8176). A passkey that has never verified its user is no
// second factor after a passkey.
func methodsOf(factors []Factor, proven string) (methods []string) {
	codes := 0
	for _, f := range confirmed(factors) {
		if !slices.Contains(methods, f.Type) {
			methods = append(methods, f.Type)
		}
		codes += f.RecoveryCodesLeft
	}
	after := byPasskey(proven)
	usable := func(f Factor) bool { return f.Type == FactorPasskey && (f.verifies || !after) }
	if !slices.Contains(methods, FactorPasskey) && slices.ContainsFunc(factors, usable) {
		methods = append(methods, FactorPasskey)
	}
	if codes > 0 {
		methods = append(methods, FactorRecoveryCode)
	}
	return methods
}
