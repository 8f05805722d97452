package admit

import (
	"context"

	"github.com/admit-go/admit/store"
)

// This file keeps how far a person is in the host's introduction. The status is kept
// with the account, because GET /auth/me answers it.

// onboardingData is what the record of an introduction holds. The view
// admit_onboarding reads it. Data is the text that was given, byte for byte. It is
// kept as a text, because numbers and blanks of JSON inside JSON could change.
type onboardingData struct {
	Step string `json:"step,omitempty"`
	Data string `json:"data,omitempty"`
}

func (onboardingData) kind() string   { return recordOnboarding }
func (onboardingData) version() int   { return 1 }
func (onboardingData) keys() []string { return nil }
func (onboardingData) refs() []string { return nil }

// Onboarding is how far a person is in the host's introduction.
type Onboarding struct {
	// Status is "pending", "in_progress" or "completed".
	Status string
	// Step names where the person is; "" when not given.
	Step string
	// Data is JSON of the host, byte for byte as it was given; nil when not given.
	Data []byte
}

func onboardingOf(user *store.User, data onboardingData) Onboarding {
	o := Onboarding{Status: user.Onboarding, Step: data.Step}
	if data.Data != "" {
		o.Data = []byte(data.Data)
	}
	return o
}

// exportOnboarding returns the introduction of an account for an export.
func exportOnboarding(ctx context.Context, k *kernel, userID string) (Onboarding, error) {
	user, err := existing(k.store.User(ctx, tenant, userID))
	if err != nil {
		return Onboarding{}, err
	}
	data, _, err := personalOf[onboardingData](ctx, k.store, userID)
	if err != nil {
		return Onboarding{}, fault(err)
	}
	return onboardingOf(&user, data), nil
}
