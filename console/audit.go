package console

import (
	"net/http"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/uuid"
)

// auditView is a part of the audit log.
type auditView struct {
	Events                   []admit.Event
	Kind, Person, From, Next string
	First                    bool
}

// auditShown is how many events are on a page.
const auditShown = 100

// auditPage shows the audit log from a day on, the oldest first.
func (v *visit) auditPage() error {
	v.view.Section = "audit"
	data := &auditView{Kind: atMost(v.query.Get("kind"), 64), Person: atMost(v.query.Get("person"), 64), From: v.query.Get("from"), First: v.query.Get("after") != ""}
	from, err := time.Parse("2006-01-02", data.From)
	if err != nil {
		from = v.config.Now().UTC().Truncate(24 * time.Hour)
		data.From = from.Format("2006-01-02")
	}
	after := v.query.Get("after")
	switch {
	case after == "":
		after = uuid.First(from)
	case !uuid.Valid(after):
		return admit.ErrInvalidRequest
	}
	if data.Person != "" && !uuid.Valid(data.Person) {
		user, err := v.auth.Users.GetByEmail(v.r.Context(), data.Person)
		if err != nil {
			v.view.Alert, v.view.Data = v.words.Say("audit.nobody"), data
			return v.show(http.StatusUnprocessableEntity, "audit")
		}
		data.Person = user.ID
	}
	list, err := v.auth.Events.List(v.r.Context(), admit.ListEventsParams{UserID: data.Person, Kind: data.Kind, After: after, Limit: auditShown})
	if err != nil {
		return err
	}
	data.Events, data.Next = list.Items, list.Next
	v.view.Data = data
	return v.show(http.StatusOK, "audit")
}

// organizationView is one organisation.
type organizationView struct {
	admit.Organization
	Members paged[admit.Member]
}

// organizationsPage finds an organisation by its id.
func (v *visit) organizationsPage() error {
	v.view.Section = "organizations"
	id := v.query.Get("id")
	if id == "" {
		return v.show(http.StatusOK, "organizations")
	}
	if uuid.Valid(id) {
		if found, err := v.auth.Organizations.Get(v.r.Context(), id); err == nil {
			return v.goTo("organizations/" + found.ID)
		}
	}
	v.view.Alert = v.words.Say("organizations.none")
	return v.show(http.StatusUnprocessableEntity, "organizations")
}

func (v *visit) organizationPage() error {
	v.view.Section = "organizations"
	number := v.number("page")
	found, err := v.auth.Organizations.Get(v.r.Context(), v.params["organization"])
	if err != nil {
		return err
	}
	members, err := v.auth.Organizations.Members(v.r.Context(), admit.ListMembersParams{OrganizationID: found.ID, Page: admit.PageParams{Number: number, Limit: shown}})
	if err != nil {
		return err
	}
	v.view.Title, v.view.Data = found.Name, organizationView{found, pageOf(members, number)}
	return v.show(http.StatusOK, "organization")
}
