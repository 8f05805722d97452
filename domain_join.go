package admit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// This file lets accounts with a verified address in a proven domain ask to join.

const (
	recordJoinRequest  = "join-request"
	joinRequestVersion = 1
	// joinRequestLife is how long a request waits for an answer.
	joinRequestLife = 30 * 24 * time.Hour
)

// joinRequestData is what the record of a request holds.
type joinRequestData struct {
	Version        int    `json:"v"`
	OrganizationID string `json:"organization"`
	UserID         string `json:"user"`
	Domain         string `json:"domain"`
}

// JoinRequest is the wish of an account to join the organisation of its domain.
type JoinRequest struct {
	OrganizationID string
	// User is the account that asks.
	User User
	// Domain is the domain by which the account asks.
	Domain string
	// CreatedAt is when the account asked, ExpiresAt when the request ends, UTC.
	CreatedAt, ExpiresAt time.Time
}

// Joinable is an organisation that an account may join because of its address.
type Joinable struct {
	Organization Organization
	// Domain is the domain of the address.
	Domain string
	// Join is DomainJoinRequest or DomainJoinAutomatic.
	Join string
	// Asked says that a request of the account waits for an answer.
	Asked bool
}

// JoinRequestParams names a request to join, and who asks.
type JoinRequestParams struct {
	OrganizationID, UserID string
	// ActorID is the account that answers: its role must include RoleAdmin. "" is the
	// host itself. Ask does not read it. Refuse lets the account itself take its
	// request back.
	ActorID string
}

func readJoinRequest(r store.Record) (joinRequestData, error) {
	var data joinRequestData
	if err := json.Unmarshal(r.Data, &data); err != nil || data.Version != joinRequestVersion {
		return data, ErrInternal.because(fmt.Errorf("the request %s to join cannot be read: version %d, %w", r.ID, data.Version, err))
	}
	return data, nil
}

// Joinable returns the organisation that an account may join because of its verified
// address, if there is one. An account that is a member already may join nothing. It
// returns ErrUserNotFound or ErrUnavailable.
func (d *Domains) Joinable(ctx context.Context, userID string) ([]Joinable, error) {
	if !uuid.Valid(userID) {
		return nil, ErrUserNotFound
	}
	user, err := existing(d.store.User(ctx, tenant, userID))
	if err != nil {
		return nil, err
	}
	found, err := openTo(ctx, d.store, &user)
	if errors.Is(err, ErrOrgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fault(err)
	}
	if member, err := exists(d.store.Member(ctx, tenant, found.OrganizationID, userID)); err != nil || member {
		return nil, fault(err)
	}
	o, err := liveOrganization(d.store.Organization(ctx, tenant, found.OrganizationID))
	if errors.Is(err, ErrOrgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	asked, err := exists(d.store.Record(ctx, tenant, recordJoinRequest, memberID(o.ID, userID)))
	return []Joinable{{Organization: organizationOf(&o, ""), Domain: found.Domain, Join: found.Join, Asked: asked}}, fault(err)
}

// openTo returns the proven domain by which an account may join an organisation. It
// returns ErrOrgNotFound if there is none.
func openTo(ctx context.Context, s store.Store, user *store.User) (storedDomain, error) {
	domain := provenDomain(user)
	if domain == "" {
		return storedDomain{}, ErrOrgNotFound
	}
	found, err := domainOwner(ctx, s, domain)
	if errors.Is(err, store.ErrNotFound) || err == nil && found.Join == DomainJoinNone {
		return storedDomain{}, ErrOrgNotFound
	}
	return found, err
}

// Ask asks to join the organisation that has proven the domain of the verified address
// of an account, and says whether the account has joined: where accounts join
// automatically, it does at once. Otherwise those who manage the organisation answer
// within 30 days. A second request changes nothing. Ask returns ErrOrgNotFound for any
// other organisation, ErrAlreadyMember, ErrNoSeat, ErrTooManyOrgs, ErrUserNotFound,
// ErrAccountBanned or ErrUnavailable.
func (d *Domains) Ask(ctx context.Context, in JoinRequestParams) (joined bool, err error) {
	if !uuid.Valid(in.UserID) {
		return false, ErrUserNotFound
	}
	err = d.tx(planned(ctx, in.UserID), func(ctx context.Context, tx *txn) error {
		joined = false
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		if err := usable(&user, tx.now()); err != nil {
			return err
		}
		found, err := openTo(ctx, tx, &user)
		if err != nil {
			return err
		}
		if found.OrganizationID != in.OrganizationID {
			return ErrOrgNotFound
		}
		if found.Join == DomainJoinAutomatic {
			joined = true
			return joinDomain(ctx, tx, &found, &user, "domain")
		}
		return ask(ctx, tx, &found, &user)
	})
	return onlyDone(joined, err)
}

// ask stores a request of a locked account.
func ask(ctx context.Context, t *txn, d *storedDomain, user *store.User) error {
	if _, err := liveOrganization(t.LockOrganization(ctx, tenant, d.OrganizationID)); err != nil {
		return err
	}
	if member, err := exists(t.Member(ctx, tenant, d.OrganizationID, user.ID)); err != nil {
		return err
	} else if member {
		return ErrAlreadyMember
	}
	now := t.now()
	r, err := t.Record(ctx, tenant, recordJoinRequest, memberID(d.OrganizationID, user.ID))
	switch {
	case err == nil && now.Before(r.ExpiresAt):
		return nil
	case err == nil:
		_, err = t.DeleteRecord(ctx, tenant, recordJoinRequest, r.ID)
	case errors.Is(err, store.ErrNotFound):
		err = nil
	}
	if err != nil {
		return err
	}
	data, err := json.Marshal(joinRequestData{Version: joinRequestVersion, OrganizationID: d.OrganizationID, UserID: user.ID, Domain: d.Domain})
	if err != nil {
		return ErrInternal.because(err)
	}
	err = t.CreateRecord(ctx, store.Record{
		Tenant: tenant, Kind: recordJoinRequest, ID: memberID(d.OrganizationID, user.ID), Data: data,
		Refs: []string{resourceRef(ResourceOrganization, d.OrganizationID), userRef(user.ID)}, CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(joinRequestLife),
	})
	if err != nil {
		return err
	}
	return t.record(ctx, event{kind: eventJoinAsked, subject: user.ID, data: eventData{"organization": d.OrganizationID, "domain": d.Domain}})
}

// Requests returns one page of the requests to join an organisation that wait for an
// answer. It returns ErrUnavailable.
func (d *Domains) Requests(ctx context.Context, organizationID string, page PageParams) (Page[JoinRequest], error) {
	records, total, err := d.store.ListRecords(ctx, tenant, recordJoinRequest, resourceRef(ResourceOrganization, organizationID), store.Page(page))
	if err != nil {
		return Page[JoinRequest]{}, fault(err)
	}
	list := Page[JoinRequest]{Items: []JoinRequest{}, Total: total}
	for _, r := range records {
		data, err := readJoinRequest(r)
		if err != nil {
			return Page[JoinRequest]{}, err
		}
		user, err := existing(d.store.User(ctx, tenant, data.UserID))
		if errors.Is(err, ErrUserNotFound) || err == nil && !d.now().Before(r.ExpiresAt) {
			continue // the sweeper removes it
		}
		if err != nil {
			return Page[JoinRequest]{}, err
		}
		list.Items = append(list.Items, JoinRequest{OrganizationID: organizationID, User: userOf(&user), Domain: data.Domain, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt})
	}
	return list, nil
}

// Accept lets an account join that has asked. Its verified address must still be in the
// domain, and the domain proven. It returns ErrJoinRequestNotFound, ErrAlreadyMember,
// ErrNoSeat, ErrTooManyOrgs, ErrOrgNotFound, ErrForbidden, ErrAccountBanned,
// ErrOrgConflict or ErrUnavailable.
func (d *Domains) Accept(ctx context.Context, in JoinRequestParams) error {
	return d.managed(ctx, DomainParams{OrganizationID: in.OrganizationID, ActorID: in.ActorID}, func(ctx context.Context, tx *txn, own string) error {
		if err := takeRequest(ctx, tx, &in); err != nil {
			return err
		}
		user, err := existing(tx.User(ctx, tenant, in.UserID)) // planned: it is locked
		if errors.Is(err, ErrUserNotFound) {
			return ErrJoinRequestNotFound
		}
		if err == nil {
			err = usable(&user, tx.now())
		}
		if err != nil {
			return err
		}
		found, err := openTo(ctx, tx, &user)
		if errors.Is(err, ErrOrgNotFound) || err == nil && found.OrganizationID != in.OrganizationID {
			return ErrJoinRequestNotFound // the address or the domain has changed
		}
		if err != nil {
			return err
		}
		if err := mayGrant(tx.kernel, own, RoleMember); err != nil {
			return err
		}
		return joinDomain(ctx, tx, &found, &user, "request")
	}, in.UserID)
}

// takeRequest removes a request, which is answered.
func takeRequest(ctx context.Context, t *txn, in *JoinRequestParams) error {
	if !uuid.Valid(in.UserID) {
		return ErrJoinRequestNotFound
	}
	id := memberID(in.OrganizationID, in.UserID)
	r, err := t.Record(ctx, tenant, recordJoinRequest, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !t.now().Before(r.ExpiresAt) {
		return ErrJoinRequestNotFound
	}
	if err != nil {
		return err
	}
	removed, err := t.DeleteRecord(ctx, tenant, recordJoinRequest, id)
	if err == nil && !removed {
		return ErrJoinRequestNotFound
	}
	return err
}

// Refuse ends a request to join. The account may ask again. It returns
// ErrJoinRequestNotFound, ErrOrgNotFound, ErrForbidden, ErrOrgConflict or
// ErrUnavailable.
func (d *Domains) Refuse(ctx context.Context, in JoinRequestParams) error {
	rule := func(ctx context.Context, tx *txn, _ string) error {
		if err := takeRequest(ctx, tx, &in); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventJoinRefused, subject: in.UserID, data: eventData{"organization": in.OrganizationID}})
	}
	if in.ActorID != "" && in.ActorID == in.UserID {
		return d.tx(planned(ctx, in.UserID), func(ctx context.Context, tx *txn) error { return rule(ctx, tx, "") })
	}
	return d.managed(ctx, DomainParams{OrganizationID: in.OrganizationID, ActorID: in.ActorID}, rule)
}

// dropJoinRequests removes the requests of an account that is deleted.
func dropJoinRequests(ctx context.Context, t *txn, user *store.User) error {
	_, err := t.DeleteRecordsOf(ctx, tenant, userRef(user.ID), recordJoinRequest)
	return err
}

// exportJoinRequests puts the requests of an account.
func exportJoinRequests(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	for page := (store.Page{Number: 1, Limit: exportPage}); ; page.Number++ {
		records, total, err := k.store.ListRecords(ctx, tenant, recordJoinRequest, userRef(user.ID), page)
		if err != nil {
			return err
		}
		for _, r := range records {
			data, err := readJoinRequest(r)
			if err != nil {
				return err
			}
			err = put(struct {
				OrganizationID string        `json:"organizationId"`
				Domain         string        `json:"domain"`
				CreatedAt      webio.Instant `json:"createdAt"`
				ExpiresAt      webio.Instant `json:"expiresAt"`
			}{data.OrganizationID, data.Domain, webio.Instant(r.CreatedAt), webio.Instant(r.ExpiresAt)})
			if err != nil {
				return err
			}
		}
		if len(records) == 0 || page.Number*page.Limit >= total {
			return nil
		}
	}
}
