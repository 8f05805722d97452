package admit

import (
	"context"
	"errors"
	"fmt"

	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/store"
)

// Sealing seals stored rows again after a change of secrets.
type Sealing struct {
	*kernel
}

// resealPage is how many messages are read at once.
const resealPage = 100

// Reseal seals everything that is sealed in the store with the first secret:
// signing keys, mail that waits, and mail that was given up. It is the third of
// the four steps of a rotation (docs/operations.md). Every process must have
// the first secret before Reseal is called. The processes may continue to work
// meanwhile. Remove the old secret only after the refresh tokens that were made
// with it have expired.
//
// Reseal calls progress, which may be nil, after each row. The total can change
// while mail is queued and sent. Calling Reseal again does no harm. Reseal
// returns ErrUnavailable. If no configured secret opens some rows, Reseal seals
// the other rows and returns an error that names these rows.
func (s *Sealing) Reseal(ctx context.Context, progress func(done, total int)) error {
	if progress == nil {
		progress = func(int, int) {}
	}
	for {
		r := resealing{kernel: s.kernel, progress: progress}
		if err := r.all(ctx); err != nil {
			return fault(err)
		}
		// Mail that changed its state meanwhile may have been missed, so rounds
		// are repeated until a round changes nothing.
		if r.changed == 0 {
			return errors.Join(r.failed...)
		}
	}
}

// resealing is one round through all sealed rows.
type resealing struct {
	*kernel
	progress             func(done, total int)
	done, total, changed int
	// failed are the rows that no secret opens.
	failed []error
}

func (r *resealing) all(ctx context.Context) error {
	s := r.store
	keys, err := s.ListKeys(ctx, tenant)
	if err != nil {
		return err
	}
	_, waiting, err := s.ListMail(ctx, tenant, store.QueueMail, false, store.Page{Number: 1, Limit: 1})
	if err != nil {
		return err
	}
	_, dead, err := s.ListMail(ctx, tenant, store.QueueMail, true, store.Page{Number: 1, Limit: 1})
	if err != nil {
		return err
	}
	_, factors, err := s.ListRecords(ctx, tenant, kindFactor, "", store.Page{Number: 1, Limit: 1})
	if err != nil {
		return err
	}
	r.total = len(keys) + factors + waiting + dead
	for _, key := range keys {
		if err := r.row("signing key", key.Purpose, key.ID, key.Sealed, func(box []byte) (bool, error) {
			return s.ResealKey(ctx, tenant, key.ID, key.Sealed, box)
		}); err != nil {
			return err
		}
	}
	if err := r.factors(ctx); err != nil {
		return err
	}
	if err := r.mail(ctx, false, waiting); err != nil {
		return err
	}
	return r.mail(ctx, true, dead)
}

// factors goes through the secrets of authenticator apps. Setups that begin
// meanwhile are sealed under the first secret already.
func (r *resealing) factors(ctx context.Context) error {
	for page := (store.Page{Number: 1, Limit: resealPage}); ; page.Number++ {
		records, total, err := r.store.ListRecords(ctx, tenant, kindFactor, "", page)
		if err != nil {
			return err
		}
		for _, record := range records {
			d, err := readFactorData(record)
			if err != nil {
				return err
			}
			bound := string(factorContext(record.ID, d.User))
			if err := r.row("factor", factorPurpose, bound, d.Secret, func(box []byte) (bool, error) {
				d.Secret = box
				if record.Data, err = d.encode(); err != nil {
					return false, err
				}
				return r.store.SwapRecord(ctx, record)
			}); err != nil {
				return err
			}
		}
		if page.Number*resealPage >= total {
			return nil
		}
	}
}

// mail goes from the last page to the first: what is sent meanwhile moves the
// rest forward, to pages still to be read.
func (r *resealing) mail(ctx context.Context, dead bool, total int) error {
	s := r.store
	for number := (total + resealPage - 1) / resealPage; number > 0; number-- {
		page, _, err := s.ListMail(ctx, tenant, store.QueueMail, dead, store.Page{Number: number, Limit: resealPage})
		if err != nil {
			return err
		}
		for _, mail := range page {
			if err := r.row("mail", outbox.Purpose, mail.ID, mail.Sealed, func(box []byte) (bool, error) {
				return s.ResealMail(ctx, tenant, mail.ID, mail.Sealed, box)
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// row seals one row again. The row is replaced only if its bytes have not
// changed, so a row that another process changed or deleted stays as it is.
func (r *resealing) row(what, purpose, id string, old []byte, replace func(box []byte) (bool, error)) error {
	r.done++
	defer func() { r.progress(r.done, max(r.done, r.total)) }()
	ring := r.ring
	if ring.Current(old) {
		return nil
	}
	plain, err := ring.Open(purpose, []byte(id), old)
	if err != nil {
		r.failed = append(r.failed, fmt.Errorf("%s %s: %w", what, id, err))
		return nil
	}
	box, err := ring.Seal(purpose, []byte(id), plain)
	if err != nil {
		return ErrInternal.because(err)
	}
	replaced, err := replace(box)
	if replaced {
		r.changed++
	}
	return err
}
