package admit

import (
	"context"
	"errors"
	"slices"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Profiles keeps what people say of themselves: profile, preferences, notifications,
// introduction, and whether the profile is public.
type Profiles struct {
	*kernel
}

// account finds the account that somebody asks for.
func (p *Profiles) account(ctx context.Context, userID string) (store.User, error) {
	if !uuid.Valid(userID) {
		return store.User{}, ErrUserNotFound
	}
	return existing(p.store.User(ctx, tenant, userID))
}

// Get returns the profile of an account. It returns ErrUserNotFound or
// ErrUnavailable.
func (p *Profiles) Get(ctx context.Context, userID string) (Profile, error) {
	user, err := p.account(ctx, userID)
	if err != nil {
		return Profile{}, err
	}
	data, r, err := personalOf[profileData](ctx, p.store, userID)
	return profileOf(&user, data, r), fault(err)
}

// Update changes a profile in one step. It returns ErrInvalidName, ErrInvalidNickname
// or ErrInvalidRequest with the fields that are wrong, ErrUserNotFound,
// ErrUserConflict or ErrUnavailable.
func (p *Profiles) Update(ctx context.Context, in UpdateProfileParams) (profile Profile, err error) {
	var c checked
	if c.profile(&in); c.err() != nil {
		return profile, c.err()
	}
	err = changeAccount(ctx, p.kernel, in.UserID, recordProfile, func(ctx context.Context, tx *txn, user *store.User, changed *[]string) error {
		var renamed []string
		if put(&renamed, "name", &user.Name, in.Name); renamed != nil {
			if err := tx.record(ctx, event{kind: eventUserRenamed, subject: user.ID}); err != nil {
				return err
			}
		}
		put(changed, "nickname", &user.Nickname, in.Nickname)
		before := *changed
		data, r, err := changePersonal(ctx, tx, user.ID, func(d *profileData) error {
			*changed = before
			put(changed, "mobile", &d.Mobile, in.Mobile)
			put(changed, "gender", &d.Gender, in.Gender)
			put(changed, "bio", &d.Bio, in.Bio)
			put(changed, "github", &d.GitHub, in.GitHub)
			put(changed, "twitter", &d.Twitter, in.Twitter)
			put(changed, "linkedin", &d.LinkedIn, in.LinkedIn)
			return nil
		})
		profile = profileOf(user, data, r)
		if len(renamed)+len(*changed) > 0 {
			profile.UpdatedAt = tx.now()
		}
		return err
	})
	return onlyDone(profile, err)
}

// changeAccount runs a change of an account and of a personal record. The rule
// adds the names of what it changes. The account is locked, and written if it differs
// afterwards.
func changeAccount(ctx context.Context, k *kernel, userID, part string, rule func(ctx context.Context, tx *txn, user *store.User, changed *[]string) error) error {
	if part != recordNotifications { // nobody else mutes the notices of a person
		ctx = whileActing(ctx)
	}
	return onAccount(ctx, k, userID, func(ctx context.Context, tx *txn, user *store.User) error {
		before, changed := *user, []string(nil)
		if err := rule(ctx, tx, user, &changed); err != nil {
			return err
		}
		if before != *user {
			if err := updateUser(ctx, tx, user); err != nil {
				return err
			}
		}
		return recordPersonal(ctx, tx, user.ID, part, changed)
	})
}

// Preferences returns the preferences of an account. It returns ErrUserNotFound or
// ErrUnavailable.
func (p *Profiles) Preferences(ctx context.Context, userID string) (Preferences, error) {
	user, err := p.account(ctx, userID)
	if err != nil {
		return Preferences{}, err
	}
	data, _, err := personalOf[preferencesData](ctx, p.store, userID)
	return preferencesOf(&user, data), fault(err)
}

// UpdatePreferences changes preferences in one step. It returns ErrInvalidRequest
// with the fields that are wrong, ErrUserNotFound, ErrUserConflict or ErrUnavailable.
func (p *Profiles) UpdatePreferences(ctx context.Context, in UpdatePreferencesParams) (preferences Preferences, err error) {
	var c checked
	if c.preferences(&in); c.err() != nil {
		return preferences, c.err()
	}
	err = changeAccount(ctx, p.kernel, in.UserID, recordPreferences, func(ctx context.Context, tx *txn, user *store.User, changed *[]string) error {
		put(changed, "locale", &user.Locale, in.Locale)
		before := *changed
		data, _, err := changePersonal(ctx, tx, user.ID, func(d *preferencesData) error {
			*changed = before
			put(changed, "timezone", &d.Timezone, in.Timezone)
			put(changed, "theme", &d.Theme, in.Theme)
			return nil
		})
		preferences = preferencesOf(user, data)
		return err
	})
	return onlyDone(preferences, err)
}

// Notifications returns which messages the owner of an account wants. It returns
// ErrUserNotFound or ErrUnavailable.
func (p *Profiles) Notifications(ctx context.Context, userID string) (Notifications, error) {
	user, err := p.account(ctx, userID)
	if err != nil {
		return Notifications{}, err
	}
	data, _, err := personalOf[notificationsData](ctx, p.store, userID)
	return notificationsOf(&user, data), fault(err)
}

// UpdateNotifications changes in one step which messages the owner of an account
// wants. Who switches SecurityAlerts off in a request needs a recent proof, and the
// owner is mailed a notice of it. It returns ErrReauthenticationRequired,
// ErrUserNotFound, ErrUserConflict or ErrUnavailable.
func (p *Profiles) UpdateNotifications(ctx context.Context, in UpdateNotificationsParams) (notifications Notifications, err error) {
	err = changeAccount(ctx, p.kernel, in.UserID, recordNotifications, func(ctx context.Context, tx *txn, user *store.User, changed *[]string) error {
		var alerts []string
		if put(&alerts, "securityAlerts", &user.MuteAlerts, not(in.SecurityAlerts)); alerts != nil && user.MuteAlerts {
			if err := muteAlerts(ctx, tx, user); err != nil {
				return err
			}
		}
		data, _, err := changePersonal(ctx, tx, user.ID, func(d *notificationsData) error {
			*changed = slices.Clone(alerts)
			put(changed, "service", &d.NoService, not(in.Service))
			put(changed, "marketing", &d.Marketing, in.Marketing)
			put(changed, "push", &d.NoPush, not(in.Push))
			put(changed, "email", &d.NoEmail, not(in.Email))
			put(changed, "sms", &d.SMS, in.SMS)
			put(changed, "nightTime", &d.NightTime, in.NightTime)
			return nil
		})
		notifications = notificationsOf(user, data)
		return err
	})
	return onlyDone(notifications, err)
}

// not turns a setting round.
func not(given Optional[bool]) Optional[bool] { return Optional[bool]{!given.Value, given.Set} }

// muteAlerts asks for a recent proof, and tells the owner. A thief of a session could
// switch notices off first otherwise, and be told of by none.
func muteAlerts(ctx context.Context, tx *txn, user *store.User) error {
	if c := callerFrom(ctx); c != nil && c.by == tx.machinery {
		if err := tx.recent(c); err != nil {
			return err
		}
	}
	return tx.notify(ctx, user, mailer.AlertsMuted)
}

// Onboarding returns how far the owner of an account is in the host's introduction.
// It returns ErrUserNotFound or ErrUnavailable.
func (p *Profiles) Onboarding(ctx context.Context, userID string) (Onboarding, error) {
	user, err := p.account(ctx, userID)
	if err != nil {
		return Onboarding{}, err
	}
	data, _, err := personalOf[onboardingData](ctx, p.store, userID)
	return onboardingOf(&user, data), fault(err)
}

// UpdateOnboarding changes in one step how far the owner of an account is. It returns
// ErrInvalidRequest with the fields that are wrong, ErrUserNotFound,
// ErrUserConflict or ErrUnavailable.
func (p *Profiles) UpdateOnboarding(ctx context.Context, in UpdateOnboardingParams) (onboarding Onboarding, err error) {
	var c checked
	if c.onboarding(&in); c.err() != nil {
		return onboarding, c.err()
	}
	if in.Status.Value == "" {
		in.Status.Value = onboardingPending
	}
	err = changeAccount(ctx, p.kernel, in.UserID, recordOnboarding, func(ctx context.Context, tx *txn, user *store.User, changed *[]string) error {
		put(changed, "status", &user.Onboarding, in.Status)
		before := *changed
		data, _, err := changePersonal(ctx, tx, user.ID, func(d *onboardingData) error {
			*changed = before
			put(changed, "step", &d.Step, in.Step)
			put(changed, "data", &d.Data, Optional[string]{string(in.Data.Value), in.Data.Set})
			return nil
		})
		onboarding = onboardingOf(user, data)
		return err
	})
	return onlyDone(onboarding, err)
}

// PublicSettings returns whether the profile of an account is public. It returns
// ErrUserNotFound or ErrUnavailable.
func (p *Profiles) PublicSettings(ctx context.Context, userID string) (PublicSettings, error) {
	if _, err := p.account(ctx, userID); err != nil {
		return PublicSettings{}, err
	}
	data, _, err := personalOf[publicData](ctx, p.store, userID)
	return publicOf(data), fault(err)
}

// UpdatePublicSettings changes public settings in one step. A slug that is given up
// is free at once. It returns ErrSlugTaken, ErrInvalidRequest with the fields
// that are wrong, ErrUserNotFound, ErrUserConflict or ErrUnavailable.
func (p *Profiles) UpdatePublicSettings(ctx context.Context, in UpdatePublicSettingsParams) (settings PublicSettings, err error) {
	var c checked
	if c.public(&in); c.err() != nil {
		return settings, c.err()
	}
	err = changeAccount(ctx, p.kernel, in.UserID, recordPublic, func(ctx context.Context, tx *txn, user *store.User, changed *[]string) error {
		data, _, err := changePersonal(ctx, tx, user.ID, func(d *publicData) error {
			*changed = nil
			put(changed, "slug", &d.Slug, in.Slug)
			put(changed, "isPublic", &d.Public, in.IsPublic)
			if d.Public && d.Slug == "" {
				return ErrInvalidRequest.detail("slug", "must be set for a public profile")
			}
			return nil
		})
		if errors.Is(err, errKeyTaken) {
			err = ErrSlugTaken
		}
		settings = publicOf(data)
		return err
	})
	return onlyDone(settings, err)
}

// Public returns the public profile with a slug. It returns ErrUserNotFound if there
// is none, if the profile is not public, and while the account is banned, or
// ErrUnavailable.
func (p *Profiles) Public(ctx context.Context, slug string) (PublicProfile, error) {
	if slugFault(slug) != "" {
		return PublicProfile{}, ErrUserNotFound
	}
	r, err := p.store.RecordByKey(ctx, tenant, recordPublic, slug)
	if errors.Is(err, store.ErrNotFound) {
		return PublicProfile{}, ErrUserNotFound
	}
	if err != nil {
		return PublicProfile{}, fault(err)
	}
	data, err := readPersonal[publicData](r)
	if err != nil {
		return PublicProfile{}, err
	}
	user, err := existing(p.store.User(ctx, tenant, r.ID))
	switch {
	case err != nil:
		return PublicProfile{}, err
	case !data.Public || user.Banned(p.now()):
		return PublicProfile{}, ErrUserNotFound
	}
	return publicProfileOf(&user, data.Slug), nil
}

// FindPublicParams selects one page of the public profiles.
type FindPublicParams struct {
	// Search selects profiles whose name contains the text, in either case of the
	// letters a to z; "" selects all. No character has a special meaning.
	Search string
	// SortBy is "createdAt", which is when the account was made, or "name". Default:
	// "createdAt".
	SortBy     string
	Descending bool
	// Page is the page, of at most 100 profiles.
	Page PageParams
}

// FindPublic returns one page of the public profiles of accounts that are not banned.
// Total is at most 1,000. It returns ErrInvalidRequest or ErrUnavailable.
func (p *Profiles) FindPublic(ctx context.Context, in FindPublicParams) (page Page[PublicProfile], err error) {
	all := FindUsersParams{Search: in.Search, SearchIn: "name", SortBy: in.SortBy, Descending: in.Descending, Page: in.Page}
	if in.SortBy == "email" {
		return page, ErrInvalidRequest.detail("sortBy", "must be createdAt or name")
	}
	if err := all.check(); err != nil {
		return page, err
	}
	q := all.query()
	q.RecordKind, q.RecordRef, q.UnbannedAt = recordPublic, refPublic, p.now()
	users, total, err := p.store.FindUsers(ctx, q)
	if err != nil {
		return page, fault(err)
	}
	page.Total, page.Items = total, make([]PublicProfile, 0, len(users))
	for i := range users {
		data, _, err := personalOf[publicData](ctx, p.store, users[i].ID)
		if err != nil {
			return page, fault(err)
		}
		if data.Public { // else it was made private meanwhile
			page.Items = append(page.Items, publicProfileOf(&users[i], data.Slug))
		}
	}
	return page, nil
}
