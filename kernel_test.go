package admit

import (
	"context"
	"errors"
	"testing"

	"github.com/admit-go/admit/store"
)

// What a transaction adds is written at its end. A rule does not have to know.

func TestAKillReachesWhatTheTransactionHasAdded(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	var before, after string
	err := p.tx(t.Context(), func(ctx context.Context, tx *txn) (err error) {
		if before, _, err = tx.newToken(ctx, store.Token{Kind: kindReset, UserID: user.ID}, resetLife); err != nil {
			return err
		}
		if err := tx.kill(ctx, afterReset, user.ID, keyOf(user.Email)); err != nil {
			return err
		}
		after, _, err = tx.newToken(ctx, store.Token{Kind: kindReset, UserID: user.ID}, resetLife)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.store.Token(t.Context(), tenant, kindReset, hashSecret(before)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the token from before the kill: %v", err)
	}
	if _, err := p.store.Token(t.Context(), tenant, kindReset, hashSecret(after)); err != nil {
		t.Errorf("the token from after the kill: %v", err)
	}
}

func TestAHookFindsWhatWasWrittenBefore(t *testing.T) {
	told := 0
	p := newPausing(t, func(c *Config) {
		c.Hooks.UserCreated = func(ctx context.Context, tx Tx, user User) error {
			told++
			_, err := tx.inside.Password(ctx, tenant, user.ID)
			return err
		}
	})
	p.user(t)
	if told != 1 {
		t.Errorf("the hook was told %d times", told)
	}
}

func TestANewSecretThatExistsIsRefused(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	token := store.Token{Tenant: tenant, Kind: kindReset, Hash: hashSecret("a"), UserID: user.ID, CreatedAt: p.time(), ExpiresAt: p.time().Add(resetLife)}
	if err := p.store.CreateToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	events, err := p.store.ListEvents(t.Context(), store.EventQuery{Tenant: tenant, Limit: 100})
	if err != nil || len(events) == 0 {
		t.Fatal(events, err)
	}
	for name, add := range map[string]func(tx *txn){
		"a secret": func(tx *txn) { addNewToken(tx, token) },
		"an id":    func(tx *txn) { tx.batch.Events = append(tx.batch.Events, events[0]) },
	} {
		err := p.tx(t.Context(), func(_ context.Context, tx *txn) error {
			tx.batch.Passwords = append(tx.batch.Passwords, store.Password{Tenant: tenant, UserID: name, Hash: "x"})
			add(tx)
			return nil
		})
		if !errors.Is(err, ErrInternal) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := p.store.Password(t.Context(), tenant, name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: what stood beside it was written: %v", name, err)
		}
	}
}
