package chain

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/admit-go/admit/store"
)

const (
	// keyPurpose is the purpose of the key of the chain, in the store and in the
	// ring.
	keyPurpose = "audit-chain"
	// recordKind is the kind of the record of the head, and headID its id.
	recordKind = "audit-chain"
	headID     = "head"
	headFormat = 1
)

// head is the end of the chain, and where it starts since the last cut. It is
// kept in a record and has a MAC of its own.
type head struct {
	Version int    `json:"v"`
	Key     string `json:"key"`
	Seq     int64  `json:"seq"`
	MAC     []byte `json:"mac"`
	// CutSeq is the last event that was deleted because of its age, and CutMAC its
	// MAC. Zero if none was deleted.
	CutSeq int64  `json:"cutSeq"`
	CutMAC []byte `json:"cutMac"`
	// ToldSeq is the last event of the last checkpoint.
	ToldSeq int64     `json:"toldSeq"`
	ToldAt  time.Time `json:"toldAt"`
	Proof   []byte    `json:"proof"`

	key    []byte
	record store.Record
}

// last is the MAC that the next link holds as the one before.
func (h *head) last() [macSize]byte { return fixed(h.MAC) }

// cut is the MAC before the first event that is left.
func (h *head) cut() [macSize]byte { return fixed(h.CutMAC) }

func fixed(mac []byte) (out [macSize]byte) {
	copy(out[:], mac)
	return out
}

func (h *head) proof(tenant string) []byte {
	return sum(h.key, "head", tenant, h.Key, number(h.Seq), string(h.MAC), number(h.CutSeq), string(h.CutMAC), number(h.ToldSeq), number(h.ToldAt.UnixMicro()))
}

// keeper remembers the opened key of the chain.
type keeper struct {
	mu  sync.Mutex
	id  string
	key []byte
	// looked is when this process last looked whether a checkpoint is due.
	looked time.Time
}

// opened returns the key that this process has opened before, or nil.
func (k *keeper) opened() *opened {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.id == "" {
		return nil
	}
	return &opened{k.id, k.key}
}

// lookEvery is how often a process looks whether a checkpoint is due.
const lookEvery = time.Minute

// due says whether it is time to look for a checkpoint.
func (k *keeper) due(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if since := now.Sub(k.looked); since >= 0 && since < lookEvery {
		return false
	}
	k.looked = now
	return true
}

// read returns the head with its key. It returns nil if there is no chain yet, and
// ErrBroken if only a part of it is there.
func (c *Chain) read(ctx context.Context, s store.Store) (*head, error) {
	h, err := c.readOnce(ctx, s)
	if errors.Is(err, ErrBroken) {
		// Another process may have started the chain between two reads.
		return c.readOnce(ctx, s)
	}
	return h, err
}

func (c *Chain) readOnce(ctx context.Context, s store.Store) (*head, error) {
	r, err := s.Record(ctx, c.Tenant, recordKind, headID)
	missing := errors.Is(err, store.ErrNotFound)
	if err != nil && !missing {
		return nil, err
	}
	h := &head{record: r}
	if err := json.Unmarshal(r.Data, h); !missing && (err != nil || h.Version != headFormat) {
		return nil, fmt.Errorf("%w: its head cannot be read", ErrBroken)
	}
	key := c.keys.opened()
	if key == nil || key.id != h.Key {
		if key, err = c.key(ctx, s); err != nil {
			return nil, err
		}
	}
	switch {
	case missing && key == nil:
		return nil, nil
	case missing:
		return nil, fmt.Errorf("%w: its head is missing", ErrBroken)
	case key == nil:
		return nil, fmt.Errorf("%w: its key is missing", ErrBroken)
	case h.Key != key.id:
		return nil, fmt.Errorf("%w: its key was replaced", ErrBroken)
	}
	if h.key = key.key; !hmac.Equal(h.Proof, h.proof(c.Tenant)) {
		return nil, fmt.Errorf("%w: its head is forged", ErrBroken)
	}
	return h, nil
}

// peek is read outside a transaction.
func (c *Chain) peek(ctx context.Context) (*head, error) { return c.read(ctx, c.Store) }

// open returns the head. It starts the chain if there is none.
func (c *Chain) open(ctx context.Context, tx store.Store) (head, error) {
	h, err := c.read(ctx, tx)
	if err != nil {
		return head{}, err
	}
	if h != nil {
		return *h, nil
	}
	first, err := tx.ChainedEvents(ctx, c.Tenant, 0, 1)
	if err != nil {
		return head{}, err
	}
	if len(first) > 0 {
		// Another process may have started the chain since.
		if h, err := c.read(ctx, tx); err != nil || h != nil {
			return head{}, errors.Join(err, errLost)
		}
		return head{}, fmt.Errorf("%w: its head and its key are missing", ErrBroken)
	}
	now := c.Now().UTC().Truncate(time.Microsecond)
	id, key := c.IDs.New(now), make([]byte, macSize)
	_, _ = rand.Read(key) // never fails
	box, err := c.Ring.Seal(keyPurpose, []byte(id), key)
	if err != nil {
		return head{}, err
	}
	err = tx.CreateKey(ctx, store.Key{
		Tenant: c.Tenant, ID: id, Purpose: keyPurpose, Sequence: 1, Algorithm: "HS256", Sealed: box, CreatedAt: now, ActiveAt: now,
	})
	if errors.Is(err, store.ErrConflict) {
		return head{}, errLost
	}
	if err != nil {
		return head{}, err
	}
	return head{Version: headFormat, Key: id, ToldAt: now, key: key}, nil
}

// save writes the head if no other process has moved it, else it returns errLost.
func (c *Chain) save(ctx context.Context, tx store.Store, h *head) error {
	h.Proof = h.proof(c.Tenant)
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	r := h.record
	r.Tenant, r.Kind, r.ID, r.Data = c.Tenant, recordKind, headID, data
	r.UpdatedAt = c.Now().UTC().Truncate(time.Microsecond)
	if r.Version == 0 {
		r.CreatedAt = r.UpdatedAt
		err := tx.CreateRecord(ctx, r)
		if errors.Is(err, store.ErrConflict) {
			return errLost
		}
		return err
	}
	swapped, err := tx.SwapRecord(ctx, r)
	if err == nil && !swapped {
		err = errLost
	}
	return err
}

// opened is a key of a chain.
type opened struct {
	id  string
	key []byte
}

// key returns the key of the chain, or nil if there is none.
func (c *Chain) key(ctx context.Context, s store.Store) (*opened, error) {
	all, err := s.ListKeys(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if k.Purpose != keyPurpose {
			continue
		}
		c.keys.mu.Lock()
		defer c.keys.mu.Unlock()
		if c.keys.id != k.ID {
			key, err := c.Ring.Open(keyPurpose, []byte(k.ID), k.Sealed)
			if err != nil {
				return nil, fmt.Errorf("the key of the audit log: %w", err)
			}
			c.keys.id, c.keys.key = k.ID, key
		}
		return &opened{c.keys.id, c.keys.key}, nil
	}
	return nil, nil
}
