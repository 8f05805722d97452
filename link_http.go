package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
)

// linkDoors serves the rules of link.go.
type linkDoors struct {
	*kernel
	identities *Identities
}

func (d *linkDoors) feature() feature {
	return feature{
		name:     "link",
		holds:    holding{part: "linkedAccounts", list: true, export: exportIdentities},
		reproofs: providersOf,
		routes: []route{
			{method: http.MethodPost, path: accountsPath, who: signedIn, scope: "accounts:create", limit: limitProvider, fresh: true, serve: d.handleLink},
			{method: http.MethodGet, path: accountsPath, who: signedIn, scope: "accounts:read", acting: true, serve: d.handleList},
			{method: http.MethodDelete, path: accountsPath + "/{provider}", who: signedIn, scope: "accounts:delete", fresh: true, serve: d.handleUnlink},
			{method: http.MethodPost, path: accountsPath + "/check", who: anyone, scope: "accounts:check", exchanges: true, limit: limitProvider, serve: d.handleCheck},
		},
		mails:  []mailer.Kind{mailer.AccountLinked, mailer.AccountUnlinked},
		events: []string{eventIdentityLinked, eventIdentityUnlinked},
		errors: []*Error{ErrAccountAlreadyLinked, ErrAccountNotFound},
	}
}

type linkInput struct {
	Provider string `json:"provider"`
	providerInput
}

func (d *linkDoors) handleLink(w http.ResponseWriter, r *http.Request) error {
	var in linkInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if err := d.recent(c); err != nil {
		return err
	}
	linked, err := d.identities.Link(r.Context(), LinkIdentityParams{UserID: c.user.ID, ProviderSignInParams: in.params(d.kernel, r, in.Provider)})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusCreated, showIdentity(linked))
}

func (d *linkDoors) handleList(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 100)
	if err != nil {
		return err
	}
	list, err := d.identities.List(r.Context(), callerFrom(r.Context()).user.ID)
	if err != nil {
		return err
	}
	from := min((page.Number-1)*page.Limit, len(list))
	return webio.WriteList(w, list[from:min(from+page.Limit, len(list))], len(list), page, showIdentity)
}

func (d *linkDoors) handleUnlink(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	if err := d.recent(c); err != nil {
		return err
	}
	if err := d.identities.Unlink(r.Context(), UnlinkIdentityParams{UserID: c.user.ID, Provider: r.PathValue("provider")}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The account is no longer linked."))
}

type checkInput struct {
	Type              string `json:"type"`
	Provider          string `json:"provider"`
	ProviderAccountID string `json:"providerAccountId"`
}

type checkBody struct {
	Exists   bool   `json:"exists"`
	Type     string `json:"type"`
	Provider string `json:"provider"`
}

func (d *linkDoors) handleCheck(w http.ResponseWriter, r *http.Request) error {
	if !d.config.AllowAccountCheck && !callerFrom(r.Context()).hasApplicationKey() {
		return ErrForbidden
	}
	var in checkInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if err := d.spendClient(r.Context(), clientProvider); err != nil {
		return err
	}
	exists, err := d.identities.Exists(r.Context(), IdentityExistsParams(in))
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, checkBody{exists, in.Type, in.Provider})
}
