package admit

import (
	"context"

	"github.com/admit-go/admit/store"
)

// This file names the records that an account has at most one of, and removes what a
// stranger may have planted in them.

const (
	// recordProfile are the records of profiles.
	recordProfile = "profile"
	// recordPreferences are the records of preferences.
	recordPreferences = "preferences"
	// recordNotifications are the records of notifications.
	recordNotifications = "notifications"
	// recordOnboarding are the records of the introduction.
	recordOnboarding = "onboarding"
	// recordPublic are the records of public settings. The slug is the key of the record,
	// so the store gives it to one account alone.
	recordPublic = "public-settings"
)

// The statuses of an introduction.
const (
	onboardingPending   = "pending"
	onboardingProgress  = "in_progress"
	onboardingCompleted = "completed"
)

// personalKinds are the kinds of personal records.
func personalKinds() []string {
	return []string{recordProfile, recordPreferences, recordNotifications, recordOnboarding, recordPublic}
}

// dropPlanted removes from an account what the person may have planted who signed up
// with the address of somebody else: an identity, a profile, a picture, a public page, and above
// all a choice to get no notices. The caller stores the account.
func dropPlanted(ctx context.Context, t *txn, user *store.User) error {
	if _, err := t.DeleteRecordsOf(ctx, tenant, userRef(user.ID), append(personalKinds(), recordIdentity)...); err != nil {
		return err
	}
	if err := dropAvatar(ctx, t, user.ID); err != nil {
		return err
	}
	user.Nickname, user.Image, user.MuteAlerts, user.Onboarding = "", "", false, onboardingPending
	return nil
}
