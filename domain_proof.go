package admit

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
)

// This file looks for the TXT records that prove domains: when an organisation asks,
// and again and again as long as a domain is proven. The sweeper stands on it.

const (
	// recheckDomain is how long after a record was looked for it is looked for again,
	// recheckMissing where it was not found.
	recheckDomain  = 24 * time.Hour
	recheckMissing = time.Hour
	// recheckMost is how many records one sweep looks for.
	recheckMost = 50
)

// domainRecord is the name under which the record of a domain stands.
func domainRecord(domain string) string { return domainLabel + "." + domain }

// lookUpDomain returns the TXT records that may prove a domain: none if there are
// none. An error means that nobody knows.
func lookUpDomain(ctx context.Context, k *kernel, domain string) ([]string, error) {
	answer := make(chan []string, 1)
	err := k.runHook(ctx, "Domains.Resolver", func(ctx context.Context) error {
		// The dot keeps resolvers from trying the name below the domains of the host.
		found, err := k.config.Domains.Resolver.LookupTXT(ctx, domainRecord(domain)+".")
		if missing, ok := errors.AsType[*net.DNSError](err); ok && missing.IsNotFound {
			err = nil
		}
		answer <- found
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-answer, nil
}

// recheckDomains looks again for the records of the domains that are proven. Where a
// record is missing, its domain stays proven for Domains.Grace.
func recheckDomains(ctx context.Context, k *kernel) error {
	var due []storedDomain
	for page := (store.Page{Number: 1, Limit: 100}); len(due) < recheckMost; page.Number++ {
		records, total, err := k.store.ListRecords(ctx, tenant, recordDomain, provenDomains, page)
		if err != nil {
			return err
		}
		for _, r := range records {
			d, err := readDomain(r, nil)
			if err != nil {
				return err
			}
			if len(due) < recheckMost && d.due(k.now()) {
				due = append(due, d)
			}
		}
		if len(records) == 0 || page.Number*page.Limit >= total {
			break
		}
	}
	for i := range due {
		if err := recheckOne(ctx, k, &due[i]); err != nil && !errors.Is(err, errMoved) {
			return err
		}
	}
	return nil
}

// due says whether it is time to look for the record of a domain again.
func (d *storedDomain) due(now time.Time) bool {
	every := recheckDomain
	if !d.TriedAt.Equal(d.CheckedAt) {
		every = recheckMissing
	}
	return !now.Before(d.TriedAt.Add(every))
}

// recheckOne looks for the record of one domain, and notes what it has found. A
// resolver that does not answer proves nothing, so it changes nothing.
func recheckOne(ctx context.Context, k *kernel, d *storedDomain) error {
	found, failed := lookUpDomain(ctx, k, d.Domain)
	if failed != nil {
		k.log.WarnContext(ctx, "the record of a domain could not be looked for", "domain", d.Domain, "error", failed)
	}
	return k.tx(ctx, func(ctx context.Context, tx *txn) error {
		d, now := *d, tx.now()
		d.TriedAt = now
		switch {
		case failed != nil:
		case slices.Contains(found, d.value()):
			d.CheckedAt, d.MissingAt = now, time.Time{}
		case d.MissingAt.IsZero():
			d.MissingAt = now
			data := eventData{"organization": d.OrganizationID, "domain": d.Domain}
			if err := tx.record(ctx, event{kind: eventDomainMissing, data: data}); err != nil {
				return err
			}
		case !now.Before(d.MissingAt.Add(tx.config.Domains.Grace)):
			return d.lose(ctx, tx, "record-missing")
		}
		return d.swap(ctx, tx)
	})
}
