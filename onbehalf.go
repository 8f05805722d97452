package admit

import (
	"context"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// mailOnBehalf mails something to the address of an account for an operator. It
// spends the budget of the mail, as if the owner had asked, so that no operator's key
// fills a mailbox.
func mailOnBehalf(ctx context.Context, k *kernel, kind, userID string, send func(ctx context.Context, tx *txn, user *store.User) error) error {
	if !uuid.Valid(userID) {
		return ErrUserNotFound
	}
	user, err := existing(k.store.User(ctx, tenant, userID))
	if err != nil {
		return err
	}
	if user.Email == "" {
		return ErrInvalidRequest.detail("email", "is missing: the account has no address")
	}
	if err := k.spendMail(ctx, kind, user.EmailKey); err != nil {
		return err
	}
	return k.tx(planned(ctx, userID), func(ctx context.Context, tx *txn) error {
		now, err := existing(tx.lock(ctx, userID))
		switch {
		case err != nil:
			return err
		case now.Banned(k.now()):
			return ErrAccountBanned
		case now.EmailKey != user.EmailKey:
			return ErrUserNotFound // the address, whose budget was spent, is another now
		}
		return send(ctx, tx, &now)
	})
}
