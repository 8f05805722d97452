package admit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file keeps the records that an account has at most one of. Each kind has a
// file of its own, which says what the data is: profile_record.go and others.

// personal is the data of a record whose id is the id of the account. The zero value
// is what an account has that has no record.
type personal interface {
	// kind is the kind of the record, version that of its data.
	kind() string
	version() int
	// keys find the record in the kind, refs list it, beside the account.
	keys() []string
	refs() []string
}

// versioned is the data as it is stored.
type versioned[T personal] struct {
	Version int `json:"v"`
	Data    T   `json:",embed"`
}

// personalTries is how often a change is made anew when somebody else has changed the
// record meanwhile. Rules lock the account first, so a second try is rare.
const personalTries = 20

// errKeyTaken means that a key of the record belongs to another account.
var errKeyTaken = errors.New("a key belongs to another record")

// personalOf returns the data of an account, and its record. The record has no id if
// there is none.
func personalOf[T personal](ctx context.Context, s store.Store, userID string) (data T, r store.Record, err error) {
	r, err = s.Record(ctx, tenant, data.kind(), userID)
	if errors.Is(err, store.ErrNotFound) {
		return data, store.Record{}, nil
	}
	if err != nil {
		return data, r, err
	}
	data, err = readPersonal[T](r)
	return data, r, err
}

func readPersonal[T personal](r store.Record) (T, error) {
	var in versioned[T]
	err := json.Unmarshal(r.Data, &in)
	if err == nil && in.Version != in.Data.version() {
		err = fmt.Errorf("version %d", in.Version)
	}
	if err != nil {
		return in.Data, ErrInternal.because(fmt.Errorf("the record %s of account %s: %w", r.Kind, r.ID, err))
	}
	return in.Data, nil
}

func encodePersonal[T personal](data T) ([]byte, error) {
	out, err := json.Marshal(versioned[T]{data.version(), data})
	if err != nil {
		return nil, ErrInternal.because(err)
	}
	return out, nil
}

// changePersonal changes the data of an account and writes it only if nobody has
// changed it since it was read. Otherwise it reads the data and calls change again.
// It returns errKeyTaken if a key belongs to another account, and ErrUserConflict if
// others change the data all the time.
func changePersonal[T personal](ctx context.Context, t *txn, userID string, change func(data *T) error) (data T, r store.Record, err error) {
	for range personalTries {
		if data, r, err = personalOf[T](ctx, t, userID); err != nil {
			return data, r, err
		}
		before, err := encodePersonal(data)
		if err != nil {
			return data, r, err
		}
		if err := change(&data); err != nil {
			return data, r, err
		}
		after, err := encodePersonal(data)
		if err != nil || bytes.Equal(before, after) {
			return data, r, err
		}
		written, err := putPersonal(ctx, t, userID, data, after, &r)
		if err != nil || written {
			return data, r, err
		}
	}
	return data, r, ErrUserConflict
}

// putPersonal writes a record, and returns false if somebody else was faster.
func putPersonal[T personal](ctx context.Context, t *txn, userID string, data T, encoded []byte, r *store.Record) (bool, error) {
	now := t.now()
	fresh := r.ID == ""
	if fresh {
		*r = store.Record{Tenant: tenant, Kind: data.kind(), ID: userID, CreatedAt: now}
	}
	r.Keys, r.Refs, r.Data, r.UpdatedAt = data.keys(), append([]string{userRef(userID)}, data.refs()...), encoded, now
	// Two transactions that take each other's keys would wait for each other.
	if err := keysAreFree(ctx, t, r); err != nil {
		return false, err
	}
	if !fresh {
		swapped, err := t.SwapRecord(ctx, *r)
		if errors.Is(err, store.ErrConflict) {
			err = errKeyTaken
		}
		return swapped, err
	}
	err := t.CreateRecord(ctx, *r)
	if !errors.Is(err, store.ErrConflict) {
		return err == nil, err
	}
	return false, keysAreFree(ctx, t, r)
}

// keysAreFree returns errKeyTaken if a key of a record belongs to another record.
func keysAreFree(ctx context.Context, t *txn, r *store.Record) error {
	for _, key := range r.Keys {
		switch holder, err := t.RecordByKey(ctx, tenant, r.Kind, key); {
		case err == nil && holder.ID != r.ID:
			return errKeyTaken
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	return nil
}

// put sets a field to a value that is given, and adds its name to the names of what
// was changed.
func put[T comparable](changed *[]string, name string, at *T, given Optional[T]) {
	if given.Set && *at != given.Value {
		*at = given.Value
		*changed = append(*changed, name)
	}
}
