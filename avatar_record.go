package admit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file keeps the pictures of people: a record names each file in Config.Blobs
// before the file is written, so that the sweeper finds every file that nothing
// uses. Deletion and export stand on it.

// recordAvatar are the records of pictures. A record is found by the key of the
// file.
const recordAvatar = "avatar"

const (
	avatarVersion = 1
	// unusedAvatar lists the pictures that no account shows.
	unusedAvatar = "avatar-unused"
	// unusedFor is how long a picture is kept that no account shows.
	unusedFor = 24 * time.Hour
	// usableFor is how long an uploaded picture can be shown first. It ends well
	// before the sweeper of a process with another clock deletes the picture.
	usableFor = unusedFor - time.Hour
	// blobTimeout bounds a call of Config.Blobs.
	blobTimeout = 10 * time.Second
)

// avatarRef lists the picture that an account shows. It is no ref of the records of
// the account: the record outlives the account until the file is gone.
func avatarRef(userID string) string { return "avatar-of/" + userID }

// avatarData is what a record of a picture holds.
type avatarData struct {
	Version int    `json:"v"`
	UserID  string `json:"user"`
	// ContentType is that of the file, or "" if there is no file yet. Asked is the
	// type of the upload.
	ContentType string `json:"type,omitempty"`
	Asked       string `json:"asked"`
}

// storedAvatar is a record with its data read.
type storedAvatar struct {
	record store.Record
	avatarData
}

// key is the key of the file.
func (a *storedAvatar) key() string { return a.record.Keys[0] }

func readAvatar(r store.Record, err error) (storedAvatar, error) {
	if err != nil {
		return storedAvatar{}, err
	}
	a := storedAvatar{record: r}
	if err := json.Unmarshal(r.Data, &a.avatarData); err != nil || a.Version != avatarVersion || len(r.Keys) != 1 {
		return a, ErrInternal.because(fmt.Errorf("the record of the picture %s cannot be read: version %d, %w", r.ID, a.Version, err))
	}
	return a, nil
}

// put writes a changed record. Shown says whether the account shows the picture. It
// answers false if somebody has changed the record meanwhile.
func (a *storedAvatar) put(ctx context.Context, t *txn, shown bool) (bool, error) {
	data, err := json.Marshal(a.avatarData)
	if err != nil {
		return false, err
	}
	a.record.Data, a.record.UpdatedAt, a.record.Refs = data, t.now(), []string{unusedAvatar}
	if shown {
		a.record.Refs = []string{avatarRef(a.UserID)}
	}
	return t.SwapRecord(ctx, a.record)
}

// shownAvatar returns the picture that an account shows, or store.ErrNotFound.
func shownAvatar(ctx context.Context, s store.Store, userID string) (storedAvatar, error) {
	records, _, err := s.ListRecords(ctx, tenant, recordAvatar, avatarRef(userID), store.Page{Number: 1, Limit: 1})
	if err == nil && len(records) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return storedAvatar{}, err
	}
	return readAvatar(records[0], nil)
}

// clearAvatar takes the picture and its URL from an account that is deleted: a
// restore does not bring the file back. The URL of a picture elsewhere stays.
func clearAvatar(ctx context.Context, t *txn, user *store.User) error {
	if _, err := shownAvatar(ctx, t, user.ID); errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if err := dropAvatar(ctx, t, user.ID); err != nil {
		return err
	}
	user.Image = ""
	err := t.UpdateUser(ctx, *user)
	if errors.Is(err, store.ErrConflict) {
		return changedMeanwhile(false)
	}
	user.Version++
	return err
}

// dropAvatar takes the picture from an account that is locked. The file is deleted
// after the commit; where that fails, the sweeper does it.
func dropAvatar(ctx context.Context, t *txn, userID string) error {
	shown, err := shownAvatar(ctx, t, userID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	shown.ContentType = "" // without a file, it is not shown again
	if swapped, err := shown.put(ctx, t, false); err != nil || !swapped {
		return errors.Join(err, changedMeanwhile(swapped))
	}
	t.then = append(t.then, func() { deleteBlob(ctx, t.kernel, shown.key()) })
	return nil
}

func changedMeanwhile(swapped bool) error {
	if swapped {
		return nil
	}
	return ErrUnavailable.because(errors.New("the record of a picture was changed meanwhile"))
}

// deleteBlob deletes a file that nothing uses. The sweeper deletes it again later.
func deleteBlob(ctx context.Context, k *kernel, key string) {
	if k.config.Blobs == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), blobTimeout)
	defer cancel()
	if err := k.config.Blobs.DeleteBlob(ctx, key); err != nil {
		k.log.WarnContext(ctx, "could not delete a picture; it is tried again in a day", "error", err)
	}
}

// sweepAvatars deletes the files, and the records, of pictures that no account has
// shown for a day.
func sweepAvatars(ctx context.Context, k *kernel) error {
	if k.config.Blobs == nil {
		return nil
	}
	var over []storedAvatar
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		records, total, err := k.store.ListRecords(ctx, tenant, recordAvatar, unusedAvatar, page)
		if err != nil {
			return err
		}
		for _, r := range records {
			a, err := readAvatar(r, nil)
			if err != nil {
				return err
			}
			if !k.now().Before(r.UpdatedAt.Add(unusedFor)) {
				over = append(over, a)
			}
		}
		if len(records) == 0 || page.Number*page.Limit >= total {
			break
		}
	}
	for i := range over {
		// The file goes first: without its record nobody would find it.
		if err := k.config.Blobs.DeleteBlob(ctx, over[i].key()); err != nil {
			return err
		}
		if _, err := k.store.DeleteRecord(ctx, tenant, recordAvatar, over[i].record.ID); err != nil {
			return err
		}
	}
	return nil
}

// exportAvatar returns the picture that an account shows, for an export. It returns
// no Data if the account shows none.
func exportAvatar(ctx context.Context, k *kernel, userID string) (AvatarPicture, error) {
	shown, err := shownAvatar(ctx, k.store, userID)
	if errors.Is(err, store.ErrNotFound) || err == nil && k.config.Blobs == nil {
		return AvatarPicture{}, nil
	}
	if err != nil {
		return AvatarPicture{}, fault(err)
	}
	ctx, cancel := context.WithTimeout(ctx, blobTimeout)
	defer cancel()
	data, err := k.config.Blobs.Blob(ctx, shown.key())
	if errors.Is(err, store.ErrNotFound) {
		return AvatarPicture{}, nil
	}
	if err != nil {
		return AvatarPicture{}, ErrUnavailable.because(err)
	}
	return AvatarPicture{Data: data, ContentType: shown.ContentType}, nil
}
