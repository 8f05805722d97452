package admit

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file deletes accounts, takes a deletion back, and purges what is left of an
// account. A deleted account keeps its row, its password, its factors and its other
// records until the purge, so that a restore brings them back. None of them opens
// anything meanwhile, because usable refuses the account. Sessions, tokens,
// identities and API keys are gone for good.

// noEnd is the end of the reservation of an address whose account was deleted
// during a ban without an end.
var noEnd = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// restorePath is the page and the route that take a deletion back.
const restorePath = "/auth/restore"

// departure is how an account is deleted.
type departure struct {
	// why is the reason in the event and for the hook.
	why string
	// silent leaves out the mail.
	silent bool
	// link mails a link that restores the account.
	link bool
	// final removes also what a restore would bring back.
	final bool
}

// deleteAccount ends every way into an account and frees its address. The address
// of a banned account stays reserved until the end of the ban. Otherwise a deletion
// would lift the ban. It returns ErrLastAdmin if no other account administers.
func deleteAccount(ctx context.Context, t *txn, user *store.User, how departure) error {
	if err := keepAdmin(ctx, t, user); err != nil {
		return err
	}
	return removeAccount(ctx, t, user, how)
}

// removeAccount is deleteAccount for an account whose mailbox belongs to somebody
// else, who says so: also the last administrator is removed then.
func removeAccount(ctx context.Context, t *txn, user *store.User, how departure) error {
	now := t.now()
	var reserved time.Time
	if user.Banned(now) {
		if reserved = user.BanExpiresAt; reserved.IsZero() {
			reserved = noEnd
		}
	}
	if err := queueRevocationsOf(ctx, t, user); err != nil {
		return err
	}
	if err := closeAccount(ctx, t, user, how.final); err != nil {
		return err
	}
	for _, h := range t.holdings {
		if h.deleted == nil {
			continue
		}
		if err := h.deleted(ctx, t, user); err != nil {
			return err
		}
	}
	if _, err := t.DeleteUser(ctx, tenant, user.ID, now, reserved); err != nil {
		return err
	}
	if err := tellDeleted(ctx, t, user, how); err != nil {
		return err
	}
	if err := t.record(ctx, event{kind: eventUserDeleted, subject: user.ID, data: eventData{"reason": how.why}}); err != nil {
		return err
	}
	hook := t.config.Hooks.BeforeDelete
	if hook == nil {
		return nil
	}
	if err := flush(ctx, t); err != nil {
		return err
	}
	return t.runHook(ctx, "BeforeDelete", func(ctx context.Context) error { return hook(ctx, Tx{t.Store}, userOf(user), how.why) })
}

// closeAccount ends the sessions, pending tokens, identities and API keys of an
// account. Final also removes its password and every record.
func closeAccount(ctx context.Context, t *txn, user *store.User, final bool) error {
	now := t.now()
	if _, err := t.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, At: now, Reason: endedByDelete}); err != nil {
		return err
	}
	if _, err := t.RevokeAPIKeysOf(ctx, tenant, user.ID, now); err != nil {
		return err
	}
	if err := t.kill(ctx, afterDelete, user.ID, user.EmailKey); err != nil {
		return err
	}
	if !final {
		_, err := t.DeleteRecordsOf(ctx, tenant, userRef(user.ID), recordIdentity)
		return err
	}
	if err := t.DeletePassword(ctx, tenant, user.ID); err != nil {
		return err
	}
	if _, err := t.DeleteTokens(ctx, store.TokenFilter{Tenant: tenant, UserID: user.ID}); err != nil {
		return err
	}
	_, err := t.DeleteRecordsOf(ctx, tenant, userRef(user.ID))
	return err
}

// tellDeleted mails that an account was deleted, with a link to restore it where the
// owner may.
func tellDeleted(ctx context.Context, t *txn, user *store.User, how departure) error {
	switch {
	case how.link && user.Email != "":
		// The mail always arrives: a thief of the account could switch notices off.
		return t.mailLink(ctx, link{
			kind: kindRestore, mail: mailer.AccountWithdrawn, kills: afterRestore, life: t.config.Deletion.Grace, user: user, wanted: true,
			url: func(secret string) (string, error) { return t.callbackLink("", restorePath, "token", secret) },
		})
	case how.silent:
		return nil
	}
	return t.notify(ctx, user, mailer.AccountDeleted)
}

// restoreAccount takes the deletion of a locked account back. By says who does it.
// It returns ErrEmailAlreadyExists if the address was taken since, and
// ErrUserNotFound if the account is not deleted.
func restoreAccount(ctx context.Context, t *txn, user *store.User, by string) error {
	if err := refile(ctx, t, user.Email); err != nil {
		return err
	}
	err := t.RestoreUser(ctx, tenant, user.ID, t.now())
	if errors.Is(err, store.ErrConflict) {
		if moved, failed := makeRoom(ctx, t, user.EmailKey); failed != nil {
			return failed
		} else if moved {
			err = t.RestoreUser(ctx, tenant, user.ID, t.now())
		}
	}
	switch {
	case errors.Is(err, store.ErrConflict):
		return ErrEmailAlreadyExists
	case errors.Is(err, store.ErrNotFound):
		return ErrUserNotFound
	case err != nil:
		return err
	}
	user.DeletedAt, user.UpdatedAt = time.Time{}, t.now()
	user.Version++
	t.touch(user.ID)
	if err := t.kill(ctx, afterRestore, user.ID, ""); err != nil {
		return err
	}
	return t.record(ctx, event{kind: eventUserRestored, subject: user.ID, data: eventData{"by": by}})
}

// purgeBlank are the kinds of event whose data may be about a person: reasons that
// an operator has typed.
func purgeBlank() []string {
	return []string{eventUserBanned, eventUserDeleted, eventMFAReset}
}

// purgeAccount removes everything that is left of a deleted account but the audit
// log. Mails are its messages in the outbox. It returns ErrUserNotFound for an
// account that is not deleted, or was not deleted before a time unless that is zero.
func purgeAccount(ctx context.Context, k *kernel, id string, before time.Time, mails []string) error {
	return k.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := tx.lock(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && (!user.Deleted() || !before.IsZero() && !user.DeletedAt.Before(before)):
			return ErrUserNotFound
		case err != nil:
			return err
		}
		for _, h := range tx.holdings {
			if h.purged == nil {
				continue
			}
			if err := h.purged(ctx, tx, &user); err != nil {
				return err
			}
		}
		if _, err := tx.DeleteRecordsOf(ctx, tenant, userRef(id)); err != nil {
			return err
		}
		_, err = tx.UserByEmail(ctx, tenant, user.EmailKey)
		switch {
		case errors.Is(err, store.ErrNotFound):
			// Nobody else has the address, so nobody else's guesses are forgotten.
			err = tx.count(ctx, append(ownCounters(user.EmailKey), ownCounters(id)...), nil)
		case err == nil:
			mails = nil // they may be the other account's
		}
		if err != nil {
			return err
		}
		_, err = tx.PurgeUser(ctx, store.UserPurge{Tenant: tenant, UserID: id, Now: tx.now(), Blank: purgeBlank(), Mails: mails})
		if err != nil {
			return err
		}
		if err := tx.record(ctx, event{kind: eventUserPurged, subject: id}); err != nil {
			return err
		}
		hook := tx.config.Hooks.UserPurged
		if hook == nil {
			return nil
		}
		if err := flush(ctx, tx); err != nil {
			return err
		}
		return tx.runHook(ctx, "UserPurged", func(ctx context.Context) error { return hook(ctx, Tx{tx.Store}, userOf(&user)) })
	})
}

// ownCounters are the keys of the counters that an address, or the id of an
// account, names alone.
func ownCounters(owner string) (keys []string) {
	for _, b := range Budgets() {
		if b.Per == "account" || b.Per == "mailbox" {
			keys = append(keys, keysOf(b.counters(fingerprint(owner)))...)
		}
	}
	return keys
}

// purgePage is how many accounts, and how many messages, are read at once.
const purgePage = 100

// purgeDue purges the accounts whose retention has ended, from the id after on, and
// returns the id to go on from, or "" at the end. An account that cannot be purged,
// because a hook refuses, is tried again with the next sweep.
func purgeDue(ctx context.Context, k *kernel, now time.Time, after string) (next string, err error) {
	before := now.Add(-k.config.Deletion.Retention)
	due, err := k.store.ListDeletedUsers(ctx, store.DeletedQuery{Tenant: tenant, Before: before, After: after, Limit: purgePage})
	if err != nil || len(due) == 0 {
		return "", err
	}
	mails, err := mailsTo(ctx, k, due)
	if err != nil {
		return "", err
	}
	for i := range due {
		id := due[i].ID
		err := purgeAccount(ctx, k, id, before, mails[due[i].EmailKey])
		if err != nil && !errors.Is(err, ErrUserNotFound) { // restored or purged meanwhile
			k.log.WarnContext(ctx, "an account could not be purged", "user", id, "error", err)
		}
	}
	if len(due) < purgePage {
		return "", nil
	}
	return due[len(due)-1].ID, nil
}

// mailsTo returns the ids of the messages in the outbox to the addresses of
// accounts, by the key of the address.
func mailsTo(ctx context.Context, k *kernel, users []store.User) (map[string][]string, error) {
	found := map[string][]string{}
	for _, user := range users {
		found[user.EmailKey] = nil
	}
	for _, dead := range []bool{false, true} {
		for number := 1; ; number++ {
			page, _, err := k.store.ListMail(ctx, tenant, store.QueueMail, dead, store.Page{Number: number, Limit: purgePage})
			if err != nil {
				return nil, err
			}
			for _, mail := range page {
				message, err := k.mailQueue.Open(mail)
				if err != nil {
					continue // nobody can read it
				}
				address, err := emailaddress.Parse(message.To)
				if _, wanted := found[address.Key]; err == nil && wanted {
					found[address.Key] = append(found[address.Key], mail.ID)
				}
			}
			if len(page) < purgePage {
				break
			}
		}
	}
	return found, nil
}
