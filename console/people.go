package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/uuid"
)

const (
	// peopleShown is the number of accounts on a page.
	peopleShown = 50
	// mostSearch bounds what is searched for, in bytes.
	mostSearch = 254
)

// peopleView is the list of people.
type peopleView struct {
	People             []admit.User
	Query, Role, State string
	Next               string
	// First says that this is not the first part of the list.
	First bool
}

// peoplePage lists people, in the order in which their accounts were made. A whole
// address and an id are looked up by their index, so they are found at once among any
// number of accounts.
func (v *visit) peoplePage() error {
	v.view.Section = "people"
	data := peopleView{
		Query: strings.TrimSpace(atMost(v.query.Get("q"), mostSearch)), Role: v.query.Get("role"), State: v.query.Get("state"), First: v.query.Get("after") != "",
	}
	v.view.Data = &data
	if data.Query != "" && !data.First && data.Role == "" && data.State == "" {
		found, err := v.exactly(data.Query)
		if err != nil {
			return err
		}
		if found != nil {
			data.People = found
			return v.show(http.StatusOK, "people")
		}
	}
	after := v.query.Get("after")
	if after != "" && !uuid.Valid(after) {
		return admit.ErrInvalidRequest
	}
	list, err := v.auth.Users.List(v.r.Context(), admit.ListUsersParams{
		Search: data.Query, Role: data.Role, Unverified: data.State == "unverified", Banned: data.State == "banned", After: after, Limit: peopleShown,
	})
	if err != nil {
		return err
	}
	data.People, data.Next = list.Items, list.Next
	return v.show(http.StatusOK, "people")
}

// exactly finds the account of a whole address or an id. Nil is none.
func (v *visit) exactly(query string) ([]admit.User, error) {
	var user admit.User
	var err error
	switch {
	case uuid.Valid(query):
		user, err = v.auth.Users.Get(v.r.Context(), query)
	case strings.Contains(query, "@") && strings.Contains(query[strings.LastIndex(query, "@"):], "."):
		user, err = v.auth.Users.GetByEmail(v.r.Context(), query)
	default:
		return nil, nil
	}
	if errors.Is(err, admit.ErrUserNotFound) || errors.Is(err, admit.ErrInvalidEmail) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []admit.User{user}, nil
}

func (v *visit) newPersonPage() error {
	v.view.Section = "people"
	return v.show(http.StatusOK, "person-new")
}

// newPerson makes an account, whose owner gets a mail to set a password.
func (v *visit) newPerson() error {
	v.view.Section = "people"
	body := map[string]any{"name": v.form.Get("name"), "email": v.form.Get("email"), "role": v.form.Get("role")}
	if _, err := v.call(http.MethodPost, "/users", body); err != nil {
		return v.again(err, "person-new")
	}
	user, err := v.auth.Users.GetByEmail(v.r.Context(), v.form.Get("email"))
	if err != nil {
		return v.done("people", "person-new")
	}
	return v.done("people/"+user.ID, "person-new")
}

// again shows a form once more, with what was typed and what was wrong.
func (v *visit) again(err error, name string) error {
	refused := asError(err)
	if refused.Status >= http.StatusInternalServerError || errors.Is(refused, admit.ErrForbidden) || errors.Is(refused, admit.ErrReauthenticationRequired) {
		return err
	}
	v.view.Alert = v.explain(refused)
	return v.show(http.StatusUnprocessableEntity, name)
}

// personView is one person on one page.
type personView struct {
	Person        admit.User
	Self          bool
	Sessions      admit.Page[admit.Session]
	Factors       []admit.Factor
	Passkeys      []admit.Passkey
	Identities    []admit.Identity
	Organizations admit.Page[admit.Organization]
	Events        []admit.Event
	Mails         []admit.Event
	// Since is when the first of the events may have happened.
	Since time.Time
	Why   []reason
}

// listed is how many sessions and organisations of a person are shown.
const listed = 20

// person reads the account that the path names.
func (v *visit) person() (admit.User, error) {
	return v.auth.Users.Get(v.r.Context(), v.params["id"])
}

// personPage shows everything about one person, with one question to the store for
// each part.
func (v *visit) personPage() error {
	v.view.Section = "people"
	ctx := v.r.Context()
	data := personView{}
	var err error
	if data.Person, err = v.person(); err != nil {
		return err
	}
	id := data.Person.ID
	data.Self = id == v.user.ID
	if data.Sessions, err = v.auth.Sessions.List(ctx, id, admit.PageParams{Number: 1, Limit: listed}); err != nil {
		return err
	}
	if data.Factors, err = v.auth.MFA.Factors(ctx, id); err != nil {
		return err
	}
	if v.config.Passkeys.Engine != nil {
		if data.Passkeys, err = v.auth.Passkeys.List(ctx, id); err != nil {
			return err
		}
	}
	if data.Identities, err = v.auth.Identities.List(ctx, id); err != nil {
		return err
	}
	if data.Organizations, err = v.auth.Organizations.List(ctx, id, admit.PageParams{Number: 1, Limit: listed}); err != nil {
		return err
	}
	all, since, err := v.lately(id)
	if err != nil {
		return err
	}
	data.Since = since
	data.Why = v.why(data.Person, all)
	for _, e := range all {
		if e.Kind == "mail.requested" && len(data.Mails) < listed {
			data.Mails = append(data.Mails, e)
		}
	}
	data.Events = all[:min(len(all), 2*listed)]
	v.view.Title = data.Person.Name
	if v.view.Title == "" {
		v.view.Title = data.Person.Email
	}
	v.view.Data = &data
	return v.show(http.StatusOK, "person")
}

// lately reads the events about an account, the newest first, and says since when.
// An account with a great many events is shown for a shorter time.
func (v *visit) lately(userID string) ([]admit.Event, time.Time, error) {
	now := v.config.Now()
	for _, back := range []time.Duration{30 * 24 * time.Hour, 24 * time.Hour, time.Hour} {
		since := now.Add(-back)
		list, err := v.auth.Events.List(v.r.Context(), admit.ListEventsParams{UserID: userID, After: uuid.First(since), Limit: 1000})
		if err != nil {
			return nil, since, err
		}
		if list.Next != "" && back > time.Hour {
			continue
		}
		newest := make([]admit.Event, 0, len(list.Items))
		for _, e := range slices.Backward(list.Items) {
			newest = append(newest, e)
		}
		return newest, since, nil
	}
	return nil, now, nil
}
