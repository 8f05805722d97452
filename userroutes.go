package admit

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// This file has the routes of user.go and userchange.go.

// userDoors are the routes of accounts.
type userDoors struct {
	*kernel
	users       *Users
	profiles    *Profiles
	withdrawals *Withdrawals
}

// roleScope is the scope that a key needs to give a role. No wildcard covers it.
const roleScope = "users:role"

func (d *userDoors) feature() feature {
	return feature{
		name:  "users",
		holds: holding{nothing: "the users hold it"},
		routes: []route{
			{method: http.MethodGet, path: usersPath, who: anyUser, scope: "users:read", ownKeys: true, acting: true, serve: d.handleList},
			{method: http.MethodPost, path: usersPath, who: adminGroup, scope: "users:write", ownKeys: true, serve: d.handleCreate},
			{method: http.MethodGet, path: usersPath + "/{userId}", who: selfOrAdmin, scope: "users:read", ownKeys: true, acting: true, serve: d.handleGet},
			{method: http.MethodPatch, path: usersPath + "/{userId}", who: selfOrAdmin, scope: "users:write", ownKeys: true, acting: true, serve: d.handleUpdate},
			{method: http.MethodDelete, path: usersPath + "/{userId}", who: selfOrAdmin, scope: "users:write", serve: d.handleDelete},
			{method: http.MethodPatch, path: usersPath + "/{userId}/role", who: adminGroup, scope: roleScope, exact: true, serve: d.handleRole},
		},
		errors: []*Error{ErrUserUnauthorized, ErrUserForbidden, ErrUserInvalidRequest, ErrUserInvalidName},
	}
}

// isSelf says whether a request is about the account that sent it.
func isSelf(r *http.Request) bool {
	c := callerFrom(r.Context())
	return c.signedIn && c.user.ID == r.PathValue("userId")
}

// showUser is an account for its owner, with the fields of GET /auth/me, and for
// administrators, who also see the ban and, if they are not nil, the ways of signing
// in.
func showUser(u *User, now time.Time, admin bool, accounts []accountBody) (jsontext.Value, error) {
	o := showAccount(u)
	if admin {
		banned := u.Banned(now)
		shown := *u
		if !banned {
			shown.BanReason, shown.BanExpiresAt = "", time.Time{}
		}
		o.Optional("locale", shownLocale(u.Locale))
		o.Raw("banned", strconv.FormatBool(banned))
		o.Optional("banReason", shown.BanReason)
		o.Instant("banExpiresAt", shown.BanExpiresAt)
	}
	if admin && accounts != nil {
		list, err := json.Marshal(accounts)
		if err != nil {
			return nil, ErrInternal.because(err)
		}
		o.Raw("accounts", string(list))
	}
	return jsontext.Value(o.End()), nil
}

// writeUser answers with one account.
func writeUser(w http.ResponseWriter, status int, u *User, now time.Time, admin bool) error {
	body, err := showUser(u, now, admin, nil)
	if err == nil {
		webio.WriteBody(w, status, body)
	}
	return err
}

// linked are the ways in of an account, for a list of accounts: the e-mail address,
// and people at providers.
func (d *userDoors) linked(ctx context.Context, u *User) ([]accountBody, error) {
	list := make([]accountBody, 0, 1)
	if u.Email != "" {
		list = append(list, showIdentity(Identity{ID: u.ID, UserID: u.ID, Provider: "email", Subject: u.Email, Email: u.Email, ConnectedAt: u.CreatedAt}))
	}
	has, err := identitiesOf(ctx, d.store, u.ID)
	for _, one := range has {
		list = append(list, showIdentity(one.shown()))
	}
	return list, fault(err)
}

func (d *userDoors) handleList(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 20)
	if err != nil {
		return err
	}
	query, err := webio.Query(r)
	if err != nil {
		return err
	}
	in := FindUsersParams{Page: PageParams(page)}
	var direction, accounts string
	err = webio.Fields(query, map[string]*string{
		"search": &in.Search, "searchType": &in.SearchIn, "sortBy": &in.SortBy, "sortDirection": &direction, "includeAccounts": &accounts,
	})
	switch {
	case err != nil:
		return err
	case direction != "" && direction != "asc" && direction != "desc":
		return ErrInvalidRequest.detail("sortDirection", "must be asc or desc")
	case accounts != "" && accounts != "true" && accounts != "false":
		return ErrInvalidRequest.detail("includeAccounts", "must be true or false")
	}
	in.Descending = direction == "desc"
	if !callerFrom(r.Context()).inAdminGroup() {
		return d.listPublic(w, r, in)
	}
	found, err := d.users.Find(r.Context(), in)
	if err != nil {
		return err
	}
	now := d.now()
	shown := make([]jsontext.Value, len(found.Items))
	for i := range found.Items {
		var ways []accountBody
		if accounts == "true" {
			if ways, err = d.linked(r.Context(), &found.Items[i]); err != nil {
				return err
			}
		}
		if shown[i], err = showUser(&found.Items[i], now, true, ways); err != nil {
			return err
		}
	}
	return webio.WriteList(w, shown, found.Total, page, func(v jsontext.Value) jsontext.Value { return v })
}

// listPublic answers everybody but administrators, who see public profiles alone, and
// may neither search nor sort by what the profiles do not show.
func (d *userDoors) listPublic(w http.ResponseWriter, r *http.Request, in FindUsersParams) error {
	if in.SearchIn == "email" || in.SortBy == "email" {
		return ErrForbidden
	}
	if err := in.check(); err != nil {
		return err
	}
	found, err := d.profiles.FindPublic(r.Context(), FindPublicParams{Search: in.Search, SortBy: in.SortBy, Descending: in.Descending, Page: in.Page})
	if err != nil {
		return err
	}
	return webio.WriteList(w, found.Items, found.Total, store.Page(in.Page), showPublicProfile)
}

type createUserInput struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Role   string `json:"role"`
	Locale string `json:"locale"`
}

func (d *userDoors) handleCreate(w http.ResponseWriter, r *http.Request) error {
	var in createUserInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if in.Role != "" {
		if !d.config.configured(in.Role) {
			return ErrInvalidRole
		}
		if in.Role != RoleUser && !callerFrom(r.Context()).mayUse(roleScope, true) {
			return ErrScopeInsufficient // else a key could make an administrator
		}
	}
	user, err := d.users.Create(asked(r), CreateUserParams{Email: in.Email, Name: in.Name, Role: in.Role, Locale: in.Locale})
	if err != nil {
		return err
	}
	return writeUser(w, http.StatusCreated, &user, d.now(), true)
}

func (d *userDoors) handleGet(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	user := userOf(&c.user)
	if !isSelf(r) {
		var err error
		if user, err = d.users.Get(r.Context(), r.PathValue("userId")); err != nil {
			return err
		}
	}
	return writeUser(w, http.StatusOK, &user, d.now(), c.inAdminGroup())
}

// updateOwnInput is what everybody may change of the own account.
type updateOwnInput struct {
	Name Optional[string] `json:"name"`
}

type updateUserInput struct {
	Name          Optional[string] `json:"name"`
	EmailVerified Optional[bool]   `json:"emailVerified"`
	Banned        Optional[bool]   `json:"banned"`
	BanReason     Optional[string] `json:"banReason"`
	BanExpiresAt  Optional[string] `json:"banExpiresAt"`
}

// readUpdate reads what a caller changes of a user. A caller who is not an
// administrator may change the name alone.
func readUpdate(r *http.Request, admin bool) (UpdateUserParams, error) {
	params := UpdateUserParams{UserID: r.PathValue("userId")}
	if !admin {
		var in updateOwnInput
		err := webio.DecodeOptional(r, &in)
		params.Name = in.Name
		return params, err
	}
	var in updateUserInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return params, err
	}
	params.Name, params.EmailVerified, params.Banned, params.BanReason = in.Name, in.EmailVerified, in.Banned, in.BanReason
	params.BanExpiresAt.Set = in.BanExpiresAt.Set
	if in.BanExpiresAt.Value != "" {
		at, err := time.Parse(time.RFC3339, in.BanExpiresAt.Value)
		if err != nil {
			return params, ErrInvalidRequest.detail("banExpiresAt", "must be an RFC 3339 time")
		}
		params.BanExpiresAt.Value = at
	}
	return params, nil
}

func (d *userDoors) handleUpdate(w http.ResponseWriter, r *http.Request) error {
	admin := callerFrom(r.Context()).inAdminGroup()
	params, err := readUpdate(r, admin)
	if err != nil {
		return err
	}
	user, err := d.users.Update(r.Context(), params)
	if err != nil {
		return err
	}
	return writeUser(w, http.StatusOK, &user, d.now(), admin)
}

func (d *userDoors) handleDelete(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("userId")
	if isSelf(r) {
		if err := d.withdrawals.Withdraw(r.Context(), WithdrawParams{UserID: id}); err != nil {
			return err
		}
		if d.config.Cookies {
			clearCookie(d.kernel, w.Header())
		}
	} else if err := d.users.Delete(r.Context(), DeleteUserParams{UserID: id, Reason: "administrator"}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The account was deleted."))
}

type roleInput struct {
	Role string `json:"role"`
}

func (d *userDoors) handleRole(w http.ResponseWriter, r *http.Request) error {
	var in roleInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if !d.config.configured(in.Role) {
		return ErrInvalidRole
	}
	id := r.PathValue("userId")
	if err := d.users.SetRole(r.Context(), SetRoleParams{UserID: id, Role: in.Role}); err != nil {
		return err
	}
	user, err := d.users.Get(r.Context(), id)
	if err != nil {
		return err
	}
	return writeUser(w, http.StatusOK, &user, d.now(), true)
}
