package admit

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/admit-go/admit/internal/worker"
	"github.com/admit-go/admit/store"
)

// This file records events about failures. A failure commits nothing, so no
// transaction can hold its event. A worker records the event after the answer,
// so the time of the answer does not show whether an address has an account.

// noticeWindow is how long a repeated failure is only counted.
const noticeWindow = 15 * time.Minute

// maxNotices bounds the number of waiting notices, and of remembered ones.
const maxNotices = 10_000

func newNotices(k *kernel) *notices {
	n := &notices{counted: map[string]*repeated{}}
	n.record = func(ctx context.Context) {
		n.mu.Lock()
		waiting := n.waiting
		n.waiting = nil
		n.mu.Unlock()
		for _, one := range waiting {
			if err := recordNotice(ctx, k, one); err != nil {
				k.log.WarnContext(ctx, "could not record an event", "kind", one.kind, "error", err)
			}
		}
	}
	n.worker = worker.New("the worker of notices", func(ctx context.Context) time.Duration {
		n.record(ctx)
		return time.Hour
	})
	return n
}

// Close records the waiting notices and ends the worker.
func (n *notices) Close(ctx context.Context) error {
	ran, err := n.worker.Close(ctx)
	if ran && err == nil {
		n.record(ctx)
	}
	return err
}

// notice gives an event to the worker. If too many events wait, the event is
// dropped, and the log has a line.
func (k *kernel) notice(ctx context.Context, one notice) {
	one.client, one.from, one.at = clientFrom(ctx), clientName(ctx), k.now()
	n := k.notices
	n.mu.Lock()
	full := len(n.waiting) >= maxNotices
	if !full {
		n.waiting = append(n.waiting, one)
	}
	n.mu.Unlock()
	if full {
		k.log.WarnContext(ctx, "an event was dropped", "kind", one.kind)
		return
	}
	n.worker.Wake()
}

// recordNotice records an event. Its subject is the account of the address.
// Events about addresses without an account are counted per client, because a
// stranger can make up any number of such addresses.
func recordNotice(ctx context.Context, k *kernel, one notice) error {
	var subject string
	if one.emailKey != "" {
		user, err := k.store.UserByEmail(ctx, tenant, one.emailKey)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		subject = user.ID
	}
	if one.once || subject == "" {
		who := subject
		if who == "" {
			who = "client/" + one.from
		}
		count, err := firstInWindow(ctx, k, "event/"+one.kind+"/"+one.about+"/"+who, one.at)
		if err != nil || count == 0 {
			return err
		}
		data := eventData{"count": count}
		maps.Copy(data, one.data)
		one.data = data
	}
	ctx = context.WithValue(ctx, clientKey{}, &one.client)
	return k.tx(ctx, func(ctx context.Context, tx *txn) error {
		return tx.record(ctx, event{kind: one.kind, subject: subject, data: one.data})
	})
}

// firstInWindow returns how often something has happened since it was last
// recorded, this time included. It returns 0 if this or another process has
// recorded it within the window. Each process counts by itself.
func firstInWindow(ctx context.Context, k *kernel, key string, now time.Time) (int, error) {
	n := k.notices
	before := n.counted[key]
	if before != nil && now.Before(before.until) {
		before.count++
		return 0, nil
	}
	if before == nil {
		if len(n.counted) >= maxNotices {
			maps.DeleteFunc(n.counted, func(_ string, r *repeated) bool { return !now.Before(r.until) })
		}
		if len(n.counted) >= maxNotices {
			return 0, nil
		}
		before = &repeated{}
		n.counted[key] = before
	}
	before.count++
	if !k.config.InsecureNoLimits {
		counted, err := k.counters().Hit(ctx, now, store.Counter{Tenant: tenant, Key: key, Limit: 1, Window: noticeWindow})
		if err != nil {
			return 0, err
		}
		if !counted.OK {
			return 0, nil
		}
	}
	count := before.count
	*before = repeated{until: now.Add(noticeWindow)}
	return count, nil
}
