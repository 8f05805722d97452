package admit

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

const (
	avatarPath    = usersPath + "/{userId}/avatar"
	uploadPath    = "/avatar-uploads"
	picturesPath  = "/avatars"
	uploadLife    = 10 * time.Minute
	uploadTimeout = 30 * time.Second
	// maxUpload is the greatest size of an upload in bytes.
	maxUpload = 5 << 20
)

// Avatars keeps the pictures of people. It needs Config.Blobs and Config.Avatars.
type Avatars struct{ *kernel }

func (a *Avatars) feature() feature {
	return feature{
		name: "avatar", events: []string{eventAvatarChanged},
		holds: holding{
			part: "avatar", export: exportPicture,
			deleted: clearAvatar,
		},
	}
}

// AvatarUploadParams is the input of Avatars.RequestUpload.
type AvatarUploadParams struct {
	// UserID is the account that will own the picture.
	UserID string
	// ContentType is "image/jpeg", "image/png", "image/gif" or "image/webp". If it is
	// "", the end of Filename decides.
	ContentType, Filename string
}

// AvatarUpload is a permission to upload one picture.
type AvatarUpload struct {
	// UploadURL takes one PUT of the bytes, with the Content-Type that was asked for.
	// It is a secret.
	UploadURL string
	// Key names the picture for Avatars.Set. URL is where the picture is shown after
	// that.
	Key, URL string
	// ExpiresAt is when UploadURL ends: after 10 minutes.
	ExpiresAt time.Time
}

// RequestUpload permits one upload. It answers ErrInvalidRequest, ErrUserNotFound,
// ErrTooManyRequests after 10 uploads in a minute, ErrNotFound if the host keeps no
// pictures, or ErrUnavailable.
func (a *Avatars) RequestUpload(ctx context.Context, in AvatarUploadParams) (AvatarUpload, error) {
	if a.config.Blobs == nil {
		return AvatarUpload{}, ErrNotFound
	}
	contentType, ok := pictureType(in.ContentType, in.Filename)
	if !ok {
		return AvatarUpload{}, ErrInvalidRequest.detail("contentType", "must be image/jpeg, image/png, image/gif or image/webp")
	}
	if _, err := a.spend(ctx, uploadsOfAccount, in.UserID); err != nil {
		return AvatarUpload{}, err
	}
	key, _, err := newSecret()
	if err != nil {
		return AvatarUpload{}, err
	}
	upload := AvatarUpload{Key: key, URL: pictureURL(a.kernel, key)}
	err = onAccount(ctx, a.kernel, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		now, id := tx.now(), tx.newID()
		data, err := json.Marshal(avatarData{Version: avatarVersion, UserID: user.ID, Asked: contentType})
		if err != nil {
			return err
		}
		if err := tx.CreateRecord(ctx, store.Record{
			Tenant: tenant, Kind: recordAvatar, ID: id, Keys: []string{key}, Refs: []string{unusedAvatar}, Data: data, CreatedAt: now, UpdatedAt: now,
		}); err != nil {
			return err
		}
		ticket, expires, err := tx.newToken(ctx, store.Token{Kind: kindAvatar, UserID: user.ID, Data: []byte(id)}, uploadLife)
		upload.UploadURL, upload.ExpiresAt = a.config.BaseURL+a.config.BasePath+uploadPath+"/"+ticket, expires
		return err
	})
	if err != nil {
		return AvatarUpload{}, err
	}
	return upload, nil
}

// pictureType returns the type of a picture that is to be uploaded.
func pictureType(contentType, filename string) (string, bool) {
	if contentType == "" {
		contentType = map[string]string{
			".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp",
		}[strings.ToLower(path.Ext(filename))]
	}
	return contentType, slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}, contentType)
}

func pictureURL(k *kernel, key string) string {
	return k.config.BaseURL + k.config.BasePath + picturesPath + "/" + key
}

// mayUpload returns the type of picture that a ticket permits, without spending the
// ticket.
func (a *Avatars) mayUpload(ctx context.Context, ticket string) (contentType string, err error) {
	if a.config.Blobs == nil {
		return "", ErrNotFound
	}
	found, err := lookAt(ctx, a.kernel, ticket, kindAvatar)
	if err != nil {
		return "", err
	}
	if !found.token.UsedAt.IsZero() {
		return "", ErrInvalidToken
	}
	asked, err := readAvatar(a.store.Record(ctx, tenant, recordAvatar, string(found.token.Data)))
	if errors.Is(err, store.ErrNotFound) {
		return "", ErrInvalidToken
	}
	return asked.Asked, fault(err)
}

// AvatarBytes is a picture that a client has sent.
type AvatarBytes struct {
	// Ticket is the last segment of UploadURL.
	Ticket string
	// Data is the whole file, of at most 5 MiB.
	Data []byte
}

// Upload takes a picture, makes a new one of it and keeps that. The ticket is spent
// by the first upload, good or bad. Upload answers ErrInvalidToken, ErrTokenExpired,
// ErrAccountBanned, ErrPayloadTooLarge, ErrInvalidRequest if the bytes are no picture
// of the type that was asked for, ErrNotFound or ErrUnavailable.
func (a *Avatars) Upload(ctx context.Context, in AvatarBytes) error {
	if a.config.Blobs == nil {
		return ErrNotFound
	}
	if len(in.Data) > maxUpload {
		return errLargePicture()
	}
	var asked storedAvatar
	err := a.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, in.Ticket, kindAvatar)
		if err != nil {
			return err
		}
		if found.used {
			return ErrInvalidToken
		}
		asked, err = readAvatar(tx.Record(ctx, tenant, recordAvatar, string(found.token.Data)))
		if errors.Is(err, store.ErrNotFound) {
			return ErrInvalidToken
		}
		return err
	})
	if err != nil {
		return err
	}
	work, cancel := afresh(ctx, uploadTimeout)
	defer cancel()
	picture, err := a.config.Avatars.Prepare(work, in.Data, asked.Asked)
	if err != nil {
		return ErrInvalidRequest.detail("image", "must be a whole picture of the type "+asked.Asked+" with at most 40 million pixels").because(err)
	}
	put, cancelPut := afresh(ctx, blobTimeout)
	defer cancelPut()
	if err := a.config.Blobs.PutBlob(put, asked.key(), picture.Data); err != nil {
		return ErrUnavailable.because(err)
	}
	last, cancelLast := afresh(ctx, a.config.RequestTimeout)
	defer cancelLast()
	err = a.tx(anonymous(last), func(ctx context.Context, tx *txn) error {
		asked.ContentType = picture.ContentType
		swapped, err := asked.put(ctx, tx, false)
		if err == nil && !swapped {
			return ErrInvalidToken
		}
		return err
	})
	if err != nil {
		deleteBlob(ctx, a.kernel, asked.key())
	}
	return err
}

// SetAvatarParams names an account, and by its key a picture that was uploaded for
// the account.
type SetAvatarParams struct{ UserID, Picture string }

// Set shows an uploaded picture as that of an account, and returns its URL. The
// picture before is deleted. Set answers ErrInvalidRequest if no picture was uploaded
// for the account with this key, ErrUserNotFound, ErrUserConflict, ErrNotFound or
// ErrUnavailable.
func (a *Avatars) Set(ctx context.Context, in SetAvatarParams) (url string, err error) {
	if a.config.Blobs == nil {
		return "", ErrNotFound
	}
	if !wellFormed(in.Picture) {
		return "", errNoSuchUpload()
	}
	url = pictureURL(a.kernel, in.Picture)
	err = onAccount(ctx, a.kernel, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		next, err := readAvatar(tx.RecordByKey(ctx, tenant, recordAvatar, in.Picture))
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && (next.UserID != user.ID || next.ContentType == ""):
			return errNoSuchUpload()
		case err != nil:
			return err
		case slices.Contains(next.record.Refs, avatarRef(user.ID)):
			return nil // it is shown already
		case !tx.now().Before(next.record.UpdatedAt.Add(usableFor)):
			return errNoSuchUpload()
		}
		if err := dropAvatar(ctx, tx, user.ID); err != nil {
			return err
		}
		if swapped, err := next.put(ctx, tx, true); err != nil || !swapped {
			return errors.Join(err, changedMeanwhile(swapped))
		}
		if err := setImage(ctx, tx, user.ID, &url); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventAvatarChanged, subject: user.ID})
	})
	if err != nil {
		return "", err
	}
	return url, nil
}

func errLargePicture() error {
	return ErrPayloadTooLarge.detail("image", "must have at most 5 MiB")
}

func errNoSuchUpload() error {
	return ErrInvalidRequest.detail("s3Key", "must be the key of a picture that was uploaded for this account in the last 23 hours")
}

// Remove takes the picture from an account and deletes it. It is no error if there is
// none. Remove answers ErrUserNotFound, ErrUserConflict or ErrUnavailable.
func (a *Avatars) Remove(ctx context.Context, userID string) error {
	return onAccount(ctx, a.kernel, userID, func(ctx context.Context, tx *txn, user *store.User) error {
		if user.Image == "" {
			return nil
		}
		if err := dropAvatar(ctx, tx, user.ID); err != nil {
			return err
		}
		if err := setImage(ctx, tx, user.ID, nil); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventAvatarChanged, subject: user.ID, data: eventData{"removed": true}})
	})
}

// Picture returns the picture with a key that an account shows. It answers
// ErrNotFound or ErrUnavailable.
func (a *Avatars) Picture(ctx context.Context, key string) (AvatarPicture, error) {
	if a.config.Blobs == nil || !wellFormed(key) {
		return AvatarPicture{}, ErrNotFound
	}
	shown, err := readAvatar(a.store.RecordByKey(ctx, tenant, recordAvatar, key))
	if errors.Is(err, store.ErrNotFound) || err == nil && !slices.Contains(shown.record.Refs, avatarRef(shown.UserID)) {
		return AvatarPicture{}, ErrNotFound
	}
	if err != nil {
		return AvatarPicture{}, fault(err)
	}
	data, err := a.config.Blobs.Blob(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return AvatarPicture{}, ErrNotFound
	}
	if err != nil {
		return AvatarPicture{}, ErrUnavailable.because(err)
	}
	return AvatarPicture{Data: data, ContentType: shown.ContentType}, nil
}

// Of returns the picture of an account, or else its initials as an SVG. An account
// that does not exist has the initial "?". Of answers ErrUnavailable.
func (a *Avatars) Of(ctx context.Context, userID string) (AvatarPicture, error) {
	user, err := existing(a.store.User(ctx, tenant, userID))
	if err != nil && !errors.Is(err, ErrUserNotFound) {
		return AvatarPicture{}, err
	}
	if err == nil {
		picture, err := exportAvatar(ctx, a.kernel, userID)
		if err != nil || picture.Data != nil {
			return picture, err
		}
	}
	return AvatarPicture{Data: initials(user.Name, userID), ContentType: "image/svg+xml"}, nil
}
