package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file keeps the domains that organisations claim: one record for each claim.
// A claim that is proven has the key of its domain too, so a domain has one owner,
// and a claim that is not proven is in nobody's way. The policies and the gate stand on it.

// Errors of domains.
var (
	ErrDomainNotFound = &Error{Code: "org/domain-not-found", Status: http.StatusNotFound, Message: "The organization has not claimed this domain."}
	// ErrDomainNotVerified means that the TXT record of a domain is missing. Details
	// name the record, and reason is "no-record" or "lookup-failed".
	ErrDomainNotVerified = &Error{Code: "org/domain-not-verified", Status: http.StatusBadRequest, Message: "The DNS record that proves the domain was not found."}
	// ErrDomainTaken means that the record of another organisation, which has proven
	// the domain, is still there.
	ErrDomainTaken = &Error{Code: "org/domain-taken", Status: http.StatusConflict, Message: "Another organization has proven this domain."}
	// ErrJoinRequestNotFound means that the account has not asked to join.
	ErrJoinRequestNotFound = &Error{Code: "org/join-request-not-found", Status: http.StatusNotFound, Message: "There is no such request to join."}
)

// Who joins the organisation that has proven a domain, of the accounts with a
// verified address in exactly this domain.
const (
	// DomainJoinNone lets nobody join.
	DomainJoinNone = "none"
	// DomainJoinRequest lets them ask.
	DomainJoinRequest = "request"
	// DomainJoinAutomatic makes them members as soon as the address is verified, and at
	// each sign-in.
	DomainJoinAutomatic = "automatic"
)

const (
	recordDomain  = "organization-domain"
	domainVersion = 1
	// provenDomains lists the proven claims, automaticDomains those by which accounts
	// join automatically.
	provenDomains    = "domain-proven"
	automaticDomains = "domain-automatic"
	// claimLife is how long a claim is kept that is not proven.
	claimLife = 30 * 24 * time.Hour
	// domainLabel is the label in front of a domain where its record stands, and
	// domainMark the beginning of the record.
	domainLabel = "_admit-verification"
	domainMark  = "admit-verification="
)

// domainData is what the record of a claim holds.
type domainData struct {
	Version        int    `json:"v"`
	OrganizationID string `json:"organization"`
	Domain         string `json:"domain"`
	Join           string `json:"join"`
	// Token is in the TXT record, so it is no secret.
	Token    string    `json:"token"`
	ProvenAt time.Time `json:"provenAt,omitzero"`
	// CheckedAt is when the record was last found, TriedAt when it was last looked
	// for, MissingAt when it was first missing since.
	CheckedAt time.Time `json:"checkedAt,omitzero"`
	TriedAt   time.Time `json:"triedAt,omitzero"`
	MissingAt time.Time `json:"missingAt,omitzero"`
}

// storedDomain is a record with its data read.
type storedDomain struct {
	record store.Record
	domainData
}

func claimKey(organizationID, domain string) string { return "claim/" + organizationID + "/" + domain }

func domainOwnerKey(domain string) string { return "owner/" + domain }

func (d *storedDomain) proven() bool { return !d.ProvenAt.IsZero() }

// value is the TXT record that proves the domain.
func (d *storedDomain) value() string { return domainMark + d.Token }

func readDomain(r store.Record, err error) (storedDomain, error) {
	d := storedDomain{record: r}
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(r.Data, &d.domainData); err != nil || d.Version != domainVersion {
		return d, ErrInternal.because(fmt.Errorf("the record of the domain %s cannot be read: version %d, %w", r.ID, d.Version, err))
	}
	return d, nil
}

// encode makes the record say what the data says.
func (d *storedDomain) encode() (err error) {
	d.Version = domainVersion
	d.record.Keys = []string{claimKey(d.OrganizationID, d.Domain)}
	d.record.Refs = []string{resourceRef(ResourceOrganization, d.OrganizationID)}
	if d.proven() {
		d.record.ExpiresAt = time.Time{}
		d.record.Keys = append(d.record.Keys, domainOwnerKey(d.Domain))
		d.record.Refs = append(d.record.Refs, provenDomains)
		if d.Join == DomainJoinAutomatic {
			d.record.Refs = append(d.record.Refs, automaticDomains)
		}
	}
	if d.record.Data, err = json.Marshal(d.domainData); err != nil {
		return ErrInternal.because(err)
	}
	return nil
}

// swap writes a claim. It returns errMoved if somebody else has changed it since it
// was read, and ErrDomainTaken if another claim has proven the domain.
func (d *storedDomain) swap(ctx context.Context, t *txn) error {
	if err := d.encode(); err != nil {
		return err
	}
	d.record.UpdatedAt = t.now()
	swapped, err := t.SwapRecord(ctx, d.record)
	switch {
	case errors.Is(err, store.ErrConflict):
		return ErrDomainTaken
	case err == nil && !swapped:
		return errMoved
	}
	t.then = append(t.then, t.automaticJoins.Forget)
	return err
}

// lose makes a proven claim one that is not proven. Why is for the audit log.
func (d *storedDomain) lose(ctx context.Context, t *txn, why string) error {
	d.ProvenAt, d.MissingAt, d.CheckedAt = time.Time{}, time.Time{}, time.Time{}
	d.record.ExpiresAt = t.now().Add(claimLife)
	if err := d.swap(ctx, t); err != nil {
		return err
	}
	return t.record(ctx, event{kind: eventDomainLost, data: eventData{"organization": d.OrganizationID, "domain": d.Domain, "reason": why}})
}

// domainsOf returns all claims of an organisation: they are few.
func domainsOf(ctx context.Context, s store.Store, organizationID string) (all []storedDomain, err error) {
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		records, total, err := s.ListRecords(ctx, tenant, recordDomain, resourceRef(ResourceOrganization, organizationID), page)
		if err != nil {
			return nil, fault(err)
		}
		for _, r := range records {
			d, err := readDomain(r, nil)
			if err != nil {
				return nil, err
			}
			all = append(all, d)
		}
		if len(records) == 0 || page.Number*page.Limit >= total {
			return all, nil
		}
	}
}

// domainOwner returns the proven claim of a domain, or store.ErrNotFound.
func domainOwner(ctx context.Context, s store.Store, domain string) (storedDomain, error) {
	return readDomain(s.RecordByKey(ctx, tenant, recordDomain, domainOwnerKey(domain)))
}

// loseDomains makes every proven domain of an organisation, whose lock is held, free
// for others.
func loseDomains(ctx context.Context, t *txn, organizationID, why string) error {
	all, err := domainsOf(ctx, t, organizationID)
	if err != nil {
		return err
	}
	for i := range all {
		if !all[i].proven() {
			continue
		}
		if err := all[i].lose(ctx, t, why); err != nil {
			return err
		}
	}
	return nil
}

// provenDomain is the domain of the verified address of an account, or "".
func provenDomain(user *store.User) string {
	if user.EmailVerifiedAt.IsZero() || user.Email == "" {
		return ""
	}
	return user.EmailKey[strings.LastIndexByte(user.EmailKey, '@')+1:]
}

// inProvenDomain says whether the verified address of an account is in a domain that an
// organisation has proven.
func inProvenDomain(ctx context.Context, s store.Store, organizationID string, user *store.User) (bool, error) {
	domain := provenDomain(user)
	if domain == "" {
		return false, nil
	}
	d, err := domainOwner(ctx, s, domain)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && d.OrganizationID == organizationID, err
}

// automaticJoinsLast is how long a process remembers whether accounts join any
// organisation automatically. Its own changes count at once.
const automaticJoinsLast = time.Minute

// someJoinAutomatically says whether accounts join any organisation automatically.
// Without one, the gate reads no domain.
func someJoinAutomatically(ctx context.Context, t *txn) (bool, error) {
	return recalled(t.kernel, &t.automaticJoins, automaticJoinsLast, func() (bool, error) {
		return listsAny(ctx, t, recordDomain, automaticDomains)
	})
}

// listsAny says whether any record of a kind has a ref.
func listsAny(ctx context.Context, s store.Store, kind, ref string) (bool, error) {
	_, total, err := s.ListRecords(ctx, tenant, kind, ref, store.Page{Number: 1, Limit: 1})
	return total > 0, fault(err)
}
