package admit

import (
	"context"
	"net/http"
	"slices"

	"github.com/admit-go/admit/store"
)

// This file is what the gate asks of an account beside the first factor.

// Errors of the gate about second factors. Details have the ticket that completes
// the sign-in (mfaToken), and what it can be completed with (methods).
var (
	ErrMFARequired           = &Error{Code: "auth/mfa-required", Status: http.StatusForbidden, Message: "Please give a code of your authenticator app, or a recovery code."}
	ErrMFAEnrollmentRequired = &Error{Code: "auth/mfa-enrollment-required", Status: http.StatusForbidden, Message: "Please set up a second factor first."}
)

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
	pause := ErrMFARequired.detail("methods", methodsOf(factors))
	if !slices.ContainsFunc(confirmed(factors), func(f Factor) bool { return f.planted }) {
		return pause, nil
	}
	secret, _, err := t.newToken(ctx, store.Token{
		Kind: kindStartOver, UserID: user.ID, EmailKey: user.EmailKey, Data: []byte(in.methods),
	}, ticketLife)
	return pause.detail("startOverToken", secret), err
}

// askEnrolment pauses everybody who must have a factor and has none.
func askEnrolment(_ context.Context, t *txn, user *store.User, _ proof) (*Error, error) {
	if user.MFAEnabled || !t.config.MFA.requires(user.Role, t.now()) {
		return nil, nil
	}
	return ErrMFAEnrollmentRequired.detail("methods", []string{FactorTOTP}), nil
}

// methodsOf are what a sign-in of an account can be completed with.
func methodsOf(factors []Factor) (methods []string) {
	codes := 0
	for _, f := range confirmed(factors) {
		if !slices.Contains(methods, f.Type) {
			methods = append(methods, f.Type)
		}
		codes += f.RecoveryCodesLeft
	}
	if codes > 0 {
		methods = append(methods, FactorRecoveryCode)
	}
	return methods
}
