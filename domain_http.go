package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

const (
	domainsPath      = "/organizations/{id}/domains"
	domainPath       = domainsPath + "/{domain}"
	joinRequestsPath = "/organizations/{id}/join-requests"
	joinRequestPath  = joinRequestsPath + "/{userId}"
)

// domainDoors serves the rules of domain.go and domain_join.go.
type domainDoors struct {
	*kernel
	domains *Domains
}

func (d *domainDoors) feature() feature {
	return feature{
		name:  "domain",
		holds: holding{part: "joinRequests", list: true, export: exportJoinRequests, deleted: dropJoinRequests},
		routes: []route{
			{method: http.MethodGet, path: domainsPath, who: signedIn, scope: "domains:read", fresh: true, serve: d.handleList},
			{method: http.MethodPost, path: domainsPath, who: signedIn, scope: "domains:write", fresh: true, serve: d.handleClaim},
			{method: http.MethodPost, path: domainPath + "/verify", who: signedIn, scope: "domains:write", limit: limitProvider, fresh: true, serve: d.handleVerify},
			{method: http.MethodDelete, path: domainPath, who: signedIn, scope: "domains:write", fresh: true, serve: d.handleRemove},
			{method: http.MethodGet, path: "/organizations/joinable", who: signedIn, scope: "organizations:read", fresh: true, serve: d.handleJoinable},
			{method: http.MethodPost, path: joinRequestsPath, who: signedIn, scope: "join-requests:create", fresh: true, serve: d.handleAsk},
			{method: http.MethodGet, path: joinRequestsPath, who: signedIn, scope: "join-requests:read", fresh: true, serve: d.handleRequests},
			{method: http.MethodPost, path: joinRequestPath + "/accept", who: signedIn, scope: "members:write", fresh: true, serve: d.handleAccept},
			{method: http.MethodDelete, path: joinRequestPath, who: signedIn, scope: "join-requests:delete", fresh: true, serve: d.handleRefuse},
		},
		events: []string{eventDomainClaimed, eventDomainVerified, eventDomainMissing, eventDomainLost, eventDomainRemoved, eventJoinAsked, eventJoinRefused},
		errors: []*Error{ErrDomainNotFound, ErrDomainNotVerified, ErrDomainTaken, ErrJoinRequestNotFound},
	}
}

// domainBody is a domain for those who manage the organisation.
type domainBody struct {
	Domain      string        `json:"domain"`
	Join        string        `json:"join"`
	Verified    bool          `json:"verified"`
	RecordName  string        `json:"recordName"`
	RecordType  string        `json:"recordType"`
	RecordValue string        `json:"recordValue"`
	VerifiedAt  webio.Instant `json:"verifiedAt"`
	CheckedAt   webio.Instant `json:"checkedAt"`
	MissingAt   webio.Instant `json:"missingAt"`
	CreatedAt   webio.Instant `json:"createdAt"`
}

func showDomain(d Domain) domainBody {
	return domainBody{
		d.Name, d.Join, !d.VerifiedAt.IsZero(), d.RecordName, "TXT", d.RecordValue,
		webio.Instant(d.VerifiedAt), webio.Instant(d.CheckedAt), webio.Instant(d.MissingAt), webio.Instant(d.CreatedAt),
	}
}

// domainAt names the domain of a request and its caller.
func domainAt(r *http.Request) DomainParams {
	return DomainParams{OrganizationID: r.PathValue("id"), Domain: r.PathValue("domain"), ActorID: callerFrom(r.Context()).user.ID}
}

func (d *domainDoors) handleList(w http.ResponseWriter, r *http.Request) error {
	organizationID, err := managedOrganization(d.kernel, r)
	if err != nil {
		return err
	}
	all, err := d.domains.List(r.Context(), organizationID)
	if err != nil {
		return err
	}
	return webio.WriteList(w, all, len(all), store.Page{Number: 1, Limit: maxDomains}, showDomain)
}

type claimInput struct {
	Domain string `json:"domain"`
	Join   string `json:"join"`
}

func (d *domainDoors) handleClaim(w http.ResponseWriter, r *http.Request) error {
	var in claimInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	params := domainAt(r)
	params.Domain, params.Join = in.Domain, in.Join
	claimed, added, err := d.domains.claim(r.Context(), params)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if added {
		status = http.StatusCreated
	}
	return webio.Write(w, status, showDomain(claimed))
}

func (d *domainDoors) handleVerify(w http.ResponseWriter, r *http.Request) error {
	if err := d.spendClient(r.Context(), clientProvider); err != nil {
		return err
	}
	proven, err := d.domains.Verify(r.Context(), domainAt(r))
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showDomain(proven))
}

func (d *domainDoors) handleRemove(w http.ResponseWriter, r *http.Request) error {
	if err := d.domains.Remove(r.Context(), domainAt(r)); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The domain was removed."))
}

// joinableBody is an organisation for an account that may join it.
type joinableBody struct {
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Slug   webio.Optional `json:"slug"`
	Domain string         `json:"domain"`
	Join   string         `json:"join"`
	Asked  bool           `json:"asked"`
}

func (d *domainDoors) handleJoinable(w http.ResponseWriter, r *http.Request) error {
	all, err := d.domains.Joinable(r.Context(), callerFrom(r.Context()).user.ID)
	if err != nil {
		return err
	}
	return webio.WriteList(w, all, len(all), store.Page{Number: 1, Limit: 10}, func(j Joinable) joinableBody {
		return joinableBody{j.Organization.ID, j.Organization.Name, webio.Optional(j.Organization.Slug), j.Domain, j.Join, j.Asked}
	})
}

func (d *domainDoors) handleAsk(w http.ResponseWriter, r *http.Request) error {
	if err := webio.DecodeOptional(r, &struct{}{}); err != nil {
		return err
	}
	joined, err := d.domains.Ask(r.Context(), JoinRequestParams{OrganizationID: r.PathValue("id"), UserID: callerFrom(r.Context()).user.ID})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusCreated, struct {
		Joined bool `json:"joined"`
	}{joined})
}

// joinRequestBody is a request for those who answer it.
type joinRequestBody struct {
	UserID    string         `json:"userId"`
	Name      string         `json:"name"`
	Email     string         `json:"email"`
	Image     webio.Optional `json:"image"`
	Domain    string         `json:"domain"`
	CreatedAt webio.Instant  `json:"createdAt"`
	ExpiresAt webio.Instant  `json:"expiresAt"`
}

func (d *domainDoors) handleRequests(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	organizationID, err := managedOrganization(d.kernel, r)
	if err != nil {
		return err
	}
	list, err := d.domains.Requests(r.Context(), organizationID, PageParams(page))
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, page, func(j JoinRequest) joinRequestBody {
		return joinRequestBody{j.User.ID, j.User.Name, j.User.Email, webio.Optional(j.User.Image), j.Domain, webio.Instant(j.CreatedAt), webio.Instant(j.ExpiresAt)}
	})
}

// requestAt names the request to join of a request and its caller.
func requestAt(r *http.Request) JoinRequestParams {
	return JoinRequestParams{OrganizationID: r.PathValue("id"), UserID: r.PathValue("userId"), ActorID: callerFrom(r.Context()).user.ID}
}

func (d *domainDoors) handleAccept(w http.ResponseWriter, r *http.Request) error {
	if err := d.domains.Accept(r.Context(), requestAt(r)); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The account is a member now."))
}

func (d *domainDoors) handleRefuse(w http.ResponseWriter, r *http.Request) error {
	if err := d.domains.Refuse(r.Context(), requestAt(r)); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The request was ended."))
}
