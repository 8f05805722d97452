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

// resealPage is how many rows are read at once.
const resealPage = 100

// Reseal seals everything that is sealed in the store with the first secret:
// signing keys, the secrets of authenticator apps, the tokens of providers, the
// client secrets in the settings of providers, the keys of webhooks, and mail and
// messages of webhooks that wait or were given up. What is sealed for minutes only, such as a state of a sign-in at a
// provider, stays as it is. Reseal is the third of the four steps of a rotation
// (docs/operations.md). Every process must have the first secret before Reseal is
// called. The processes may continue to work meanwhile. Remove the old secret only
// after the refresh tokens that were made with it have expired.
//
// Reseal calls progress, which may be nil, after each row. The total can change
// while mail is queued and sent. Calling Reseal again does no harm. Reseal
// returns ErrUnavailable. If no configured secret opens some rows, or this program
// cannot read them, Reseal seals the other rows and returns an error that names
// these rows.
func (s *Sealing) Reseal(ctx context.Context, progress func(done, total int)) error {
	if progress == nil {
		progress = func(int, int) {}
	}
	for {
		r := resealing{kernel: s.kernel, progress: progress}
		if err := r.all(ctx); err != nil {
			return fault(err)
		}
		// Rows that changed meanwhile may have been missed, so rounds are repeated
		// until a round changes nothing and misses nothing.
		if r.changed == 0 && !r.contested {
			return errors.Join(r.failed...)
		}
	}
}

// resealing is one round through all sealed rows.
type resealing struct {
	*kernel
	progress             func(done, total int)
	done, total, changed int
	// contested says that a record changed between reading and writing. It may still
	// be sealed with an old secret.
	contested bool
	// failed are the rows that no secret opens, or that cannot be read.
	failed []error
}

// sealedKind is a kind of record with something sealed in it.
type sealedKind struct {
	// kind is the kind of record, what its name in errors, and purpose what the part
	// is sealed for.
	kind, what, purpose string
	part                func(r store.Record) (sealedPart, error)
}

// sealedPart is what is sealed in a record.
type sealedPart struct {
	// box is empty in a record with nothing sealed. bound is what box is bound to.
	box, bound []byte
	// with returns the Data of the record with another box.
	with func(box []byte) ([]byte, error)
}

// sealedKinds are the kinds of record with something sealed in them.
func sealedKinds() []sealedKind {
	return []sealedKind{
		{kindFactor, "factor", factorPurpose, sealedInFactor},
		{recordIdentity, "identity", identityPurpose, sealedInIdentity},
		{recordProvider, "settings of provider", settingsPurpose, sealedInSettings},
		{recordHook, "webhook", hookPurpose, sealedInHook},
	}
}

func sealedInFactor(r store.Record) (sealedPart, error) {
	d, err := readFactorData(r)
	return sealedPart{box: d.Secret, bound: factorContext(r.ID, d.User), with: func(box []byte) ([]byte, error) {
		d.Secret = box
		return d.encode()
	}}, err
}

func sealedInIdentity(r store.Record) (sealedPart, error) {
	i, err := readIdentity(r)
	return sealedPart{box: i.Tokens, bound: identityContext(r.ID, i.UserID), with: func(box []byte) ([]byte, error) {
		i.Tokens = box
		err := i.encode()
		return i.record.Data, err
	}}, err
}

func sealedInSettings(r store.Record) (sealedPart, error) {
	set, err := readSettings(r)
	return sealedPart{box: set.Secret, bound: settingsContext(r.ID), with: func(box []byte) ([]byte, error) {
		set.Secret = box
		return set.encode()
	}}, err
}

func sealedInHook(r store.Record) (sealedPart, error) {
	h, err := readHook(r)
	return sealedPart{box: h.Sealed, bound: []byte(r.ID), with: func(box []byte) ([]byte, error) {
		h.Sealed = box
		return h.encode()
	}}, err
}

func (r *resealing) all(ctx context.Context) error {
	s := r.store
	keys, err := s.ListKeys(ctx, tenant)
	if err != nil {
		return err
	}
	queues := []outboxPart{
		{store.QueueMail, false, 0}, {store.QueueMail, true, 0}, {store.QueueRevocation, false, 0}, {store.QueueRevocation, true, 0},
	}
	hooks, err := allHooks(ctx, s)
	if err != nil {
		return err
	}
	for i := range hooks {
		queue := hookQueue + hooks[i].record.ID
		queues = append(queues, outboxPart{queue, false, 0}, outboxPart{queue, true, 0})
	}
	kinds := sealedKinds()
	records := make([]int, len(kinds))
	r.total = len(keys)
	for i, of := range queues {
		if _, queues[i].total, err = s.ListMail(ctx, tenant, of.queue, of.dead, store.Page{Number: 1, Limit: 1}); err != nil {
			return err
		}
		r.total += queues[i].total
	}
	for i, kind := range kinds {
		if _, records[i], err = s.ListRecords(ctx, tenant, kind.kind, "", store.Page{Number: 1, Limit: 1}); err != nil {
			return err
		}
		r.total += records[i]
	}
	for _, key := range keys {
		if err := r.row("signing key "+key.ID, key.Purpose, []byte(key.ID), key.Sealed, func(box []byte) (bool, error) {
			return s.ResealKey(ctx, tenant, key.ID, key.Sealed, box)
		}); err != nil {
			return err
		}
	}
	for i, kind := range kinds {
		if err := r.records(ctx, kind, records[i]); err != nil {
			return err
		}
	}
	for _, of := range queues {
		if err := r.mail(ctx, of); err != nil {
			return err
		}
	}
	return nil
}

// outboxPart are the messages of a queue that wait, or were given up.
type outboxPart struct {
	queue string
	dead  bool
	total int
}

// records goes from the last page to the first: after a removal the rest moves
// forward, to pages still to be read. What is added meanwhile is sealed with the
// first secret already.
func (r *resealing) records(ctx context.Context, kind sealedKind, total int) error {
	for number := (total + resealPage - 1) / resealPage; number > 0; number-- {
		page, _, err := r.store.ListRecords(ctx, tenant, kind.kind, "", store.Page{Number: number, Limit: resealPage})
		if err != nil {
			return err
		}
		for _, record := range page {
			if err := r.record(ctx, kind, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// record seals the sealed part of a record again. A record that changed since it
// was read is sealed in the next round.
func (r *resealing) record(ctx context.Context, kind sealedKind, record store.Record) error {
	what := kind.what + " " + record.ID
	part, err := kind.part(record)
	if err != nil {
		r.failed = append(r.failed, fmt.Errorf("%s: %w", what, err))
	}
	if err != nil || len(part.box) == 0 {
		r.passed()
		return nil //nolint:nilerr // Reseal returns the error after all rows
	}
	return r.row(what, kind.purpose, part.bound, part.box, func(box []byte) (swapped bool, err error) {
		if record.Data, err = part.with(box); err != nil {
			return false, err
		}
		swapped, err = r.store.SwapRecord(ctx, record)
		r.contested = r.contested || err == nil && !swapped
		return swapped, err
	})
}

// mail goes from the last page to the first: what is sent meanwhile moves the
// rest forward, to pages still to be read.
func (r *resealing) mail(ctx context.Context, of outboxPart) error {
	s := r.store
	for number := (of.total + resealPage - 1) / resealPage; number > 0; number-- {
		page, _, err := s.ListMail(ctx, tenant, of.queue, of.dead, store.Page{Number: number, Limit: resealPage})
		if err != nil {
			return err
		}
		for _, mail := range page {
			if err := r.row("mail "+mail.ID, outbox.Purpose, []byte(mail.ID), mail.Sealed, func(box []byte) (bool, error) {
				return s.ResealMail(ctx, tenant, mail.ID, mail.Sealed, box)
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// row seals one row again. The row is replaced only if it has not changed, so a row
// that another process changed or deleted stays as it is.
func (r *resealing) row(what, purpose string, bound, old []byte, replace func(box []byte) (bool, error)) error {
	defer r.passed()
	ring := r.ring
	if ring.Current(old) {
		return nil
	}
	plain, err := ring.Open(purpose, bound, old)
	if err != nil {
		r.failed = append(r.failed, fmt.Errorf("%s: %w", what, err))
		return nil
	}
	box, err := ring.Seal(purpose, bound, plain)
	if err != nil {
		return ErrInternal.because(err)
	}
	replaced, err := replace(box)
	if replaced {
		r.changed++
	}
	return err
}

// passed tells the progress after a row.
func (r *resealing) passed() {
	r.done++
	r.progress(r.done, max(r.done, r.total))
}
