package admit

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/store"
)

// This file keeps profiles. The name, the nickname and the picture of a profile are
// those of the account, which every answer about the account has.

// profileData is what the record of a profile holds. The view admit_profiles reads
// it. "" is what is not given.
type profileData struct {
	Mobile   string `json:"mobile,omitempty"`
	Gender   string `json:"gender,omitempty"`
	Bio      string `json:"bio,omitempty"`
	GitHub   string `json:"github,omitempty"`
	Twitter  string `json:"twitter,omitempty"`
	LinkedIn string `json:"linkedin,omitempty"`
}

func (profileData) kind() string   { return recordProfile }
func (profileData) version() int   { return 1 }
func (profileData) keys() []string { return nil }
func (profileData) refs() []string { return nil }

// SocialLinks are pages of a person elsewhere: https URLs; "" when not given.
type SocialLinks struct {
	GitHub, Twitter, LinkedIn string
}

// Profile is what an account says of its owner. "" is what is not given.
type Profile struct {
	// ID is the id of the account.
	ID string
	// Email is the address of the account.
	Email string
	// Name and Nickname are those of the account.
	Name, Nickname string
	// Image is the URL of a picture.
	Image string
	// Mobile is a telephone number in the form of E.164: "+4915112345678".
	Mobile string
	// Gender is "none", "male", "female" or "etc".
	Gender string
	// Bio has at most 500 characters.
	Bio         string
	SocialLinks SocialLinks
	// CreatedAt is when the account was made. UpdatedAt is when the account or its
	// profile last changed.
	CreatedAt, UpdatedAt time.Time
}

func profileOf(user *store.User, data profileData, r store.Record) Profile {
	p := Profile{
		ID: user.ID, Email: user.Email, Name: user.Name, Nickname: user.Nickname, Image: user.Image,
		Mobile: data.Mobile, Gender: data.Gender, Bio: data.Bio,
		SocialLinks: SocialLinks{GitHub: data.GitHub, Twitter: data.Twitter, LinkedIn: data.LinkedIn},
		CreatedAt:   user.CreatedAt, UpdatedAt: user.UpdatedAt,
	}
	if r.UpdatedAt.After(p.UpdatedAt) {
		p.UpdatedAt = r.UpdatedAt
	}
	return p
}

// updateUser writes an account that is locked.
func updateUser(ctx context.Context, t *txn, user *store.User) error {
	user.UpdatedAt = t.now()
	err := t.UpdateUser(ctx, *user)
	if errors.Is(err, store.ErrConflict) {
		return ErrUserConflict
	}
	if err == nil {
		user.Version++
	}
	return err
}

// setImage gives an account another picture; nil removes it. Answers about the
// account have the URL.
func setImage(ctx context.Context, t *txn, userID string, image *string) error {
	user, err := existing(t.lock(ctx, userID))
	if err != nil {
		return err
	}
	var url string
	if image != nil {
		url = *image
	}
	var changed []string
	if put(&changed, "image", &user.Image, Some(url)); changed == nil {
		return nil
	}
	if err := updateUser(ctx, t, &user); err != nil {
		return err
	}
	return recordPersonal(ctx, t, userID, recordProfile, changed)
}

// recordPersonal records what was changed of the personal data of an account: the
// names of the fields, and no value.
func recordPersonal(ctx context.Context, t *txn, userID, part string, changed []string) error {
	if len(changed) == 0 {
		return nil
	}
	return t.record(ctx, event{kind: eventProfileChanged, subject: userID, data: eventData{"part": part, "fields": changed}})
}

// exportProfile returns the profile of an account for an export.
func exportProfile(ctx context.Context, k *kernel, userID string) (Profile, error) {
	user, err := existing(k.store.User(ctx, tenant, userID))
	if err != nil {
		return Profile{}, err
	}
	data, r, err := personalOf[profileData](ctx, k.store, userID)
	if err != nil {
		return Profile{}, fault(err)
	}
	return profileOf(&user, data, r), nil
}
