package admit

import (
	"context"

	"github.com/admit-go/admit/store"
)

// This file keeps which messages a person wants. The host reads them before it sends
// messages of its own. SecurityAlerts is kept with the account, because notices are
// mailed wherever the account is changed.

// notificationsData is what the record of notifications holds: what differs from the
// default. The view admit_notifications reads it.
type notificationsData struct {
	NoService bool `json:"noService,omitzero"`
	Marketing bool `json:"marketing,omitzero"`
	NoPush    bool `json:"noPush,omitzero"`
	NoEmail   bool `json:"noEmail,omitzero"`
	SMS       bool `json:"sms,omitzero"`
	NightTime bool `json:"nightTime,omitzero"`
}

func (notificationsData) kind() string   { return recordNotifications }
func (notificationsData) version() int   { return 1 }
func (notificationsData) keys() []string { return nil }
func (notificationsData) refs() []string { return nil }

// Notifications are the messages that a person wants.
type Notifications struct {
	// Service are messages about the host's service. Default: true.
	Service bool
	// Marketing are advertisements. Default: false.
	Marketing bool
	// Push, Email and SMS are the ways by which messages may come. Default: true, true
	// and false.
	Push, Email, SMS bool
	// NightTime allows messages at night. Default: false.
	NightTime bool
	// SecurityAlerts are mails about sign-ins on new devices. No setting switches off
	// mails about a changed password, address, factor, passkey, link or deletion.
	// Default: true.
	SecurityAlerts bool
}

func notificationsOf(user *store.User, data notificationsData) Notifications {
	return Notifications{
		Service: !data.NoService, Marketing: data.Marketing, Push: !data.NoPush, Email: !data.NoEmail, SMS: data.SMS,
		NightTime: data.NightTime, SecurityAlerts: !user.MuteAlerts,
	}
}

// exportNotifications returns the notifications of an account for an export.
func exportNotifications(ctx context.Context, k *kernel, userID string) (Notifications, error) {
	user, err := existing(k.store.User(ctx, tenant, userID))
	if err != nil {
		return Notifications{}, err
	}
	data, _, err := personalOf[notificationsData](ctx, k.store, userID)
	if err != nil {
		return Notifications{}, fault(err)
	}
	return notificationsOf(&user, data), nil
}
