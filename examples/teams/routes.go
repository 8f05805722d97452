package main

import (
	"embed"
	"errors"
	"html/template"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/admit-go/admit"
)

//go:embed teams.html
var files embed.FS

var views = template.Must(template.ParseFS(files, "teams.html"))

// routes are the pages of the app, and those of package pages.
func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	a.auth.Mount(mux)
	mux.Handle("GET /{$}", a.auth.RequirePage(page(a.home)))
	mux.Handle("POST /teams", a.auth.RequirePage(page(a.makeTeam)))
	mux.Handle("POST /switch", a.auth.RequirePage(page(a.switchTeam)))
	mux.Handle("GET /team", a.member(admit.RoleMember, a.team))
	mux.Handle("POST /team/notes", a.member(admit.RoleMember, a.addNote))
	mux.Handle("POST /team/invitations", a.member(admit.RoleAdmin, a.invite))
	mux.Handle("POST /team/links", a.member(admit.RoleAdmin, a.makeLink))
	mux.Handle("POST /team/remove", a.member(admit.RoleAdmin, a.remove))
	mux.Handle("GET /invitation", a.auth.OptionalUser(page(a.invitation)))
	mux.Handle("POST /invitation", a.auth.RequireVerifiedPage(page(a.accept)))
	mux.Handle("POST /invitation/sign-up", a.auth.Limit(admit.GuessLimit)(page(a.signUp)))
	mux.Handle("GET /dev/mailbox", page(a.mailbox))
	return mux
}

// member lets members with the role pass whose session works in a team. A browser
// whose session is outside of any team, or whose team is gone, goes home.
func (a *app) member(role string, show page) http.Handler {
	inside := a.auth.RequireOrganization(role)(show)
	return a.auth.RequirePage(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if caller, _ := admit.CallerFrom(r.Context()); caller.OrganizationID == "" {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		inside.ServeHTTP(w, r)
	}))
}

// page is a handler that may fail. What the library refuses is shown with its reason.
type page func(w http.ResponseWriter, r *http.Request) error

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "same-origin") // an invitation has its secret in the URL
	err := p(w, r)
	var refused *admit.Error
	switch {
	case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError:
		w.WriteHeader(refused.Status)
		err = views.ExecuteTemplate(w, "refused", refused)
	case err != nil:
		http.Error(w, "that did not work", http.StatusInternalServerError)
	}
	if err != nil {
		log.Print(err)
	}
}

func (a *app) home(w http.ResponseWriter, r *http.Request) error {
	user, _ := admit.UserFrom(r.Context())
	teams, err := a.auth.Organizations.List(r.Context(), user.ID, admit.PageParams{Number: 1, Limit: 100})
	if err != nil {
		return err
	}
	return views.ExecuteTemplate(w, "home", map[string]any{"User": user, "Teams": teams.Items})
}

func (a *app) makeTeam(w http.ResponseWriter, r *http.Request) error {
	user, _ := admit.UserFrom(r.Context())
	made, err := a.auth.Organizations.Create(r.Context(), admit.CreateOrganizationParams{Name: r.PostFormValue("name"), OwnerID: user.ID})
	if err != nil {
		return err
	}
	return a.enter(w, r, made.ID)
}

func (a *app) switchTeam(w http.ResponseWriter, r *http.Request) error {
	return a.enter(w, r, r.PostFormValue("team"))
}

// enter moves the session of the browser into a team.
func (a *app) enter(w http.ResponseWriter, r *http.Request, team string) error {
	moved, err := a.auth.Organizations.Switch(r.Context(), team)
	if err != nil {
		return err
	}
	if err := a.auth.Sessions.SetCookie(w, r, moved); err != nil {
		return err
	}
	http.Redirect(w, r, "/team", http.StatusSeeOther)
	return nil
}

func (a *app) team(w http.ResponseWriter, r *http.Request) error { return a.showTeam(w, r, "") }

// showTeam shows the team, and a link that was made for it just now.
func (a *app) showTeam(w http.ResponseWriter, r *http.Request, link string) error {
	caller, _ := admit.CallerFrom(r.Context())
	team, err := a.auth.Organizations.Get(r.Context(), caller.OrganizationID)
	if err != nil {
		return err
	}
	members, err := a.auth.Organizations.Members(r.Context(), admit.ListMembersParams{OrganizationID: team.ID, Page: admit.PageParams{Number: 1, Limit: 100}})
	if err != nil {
		return err
	}
	notes, err := a.notes(r.Context())
	if err != nil {
		return err
	}
	return views.ExecuteTemplate(w, "team", map[string]any{
		"User": caller.User, "Team": team, "Members": members.Items, "Notes": notes, "Link": link,
		"Manages": caller.OrganizationRole == admit.RoleOwner || caller.OrganizationRole == admit.RoleAdmin,
	})
}

func (a *app) addNote(w http.ResponseWriter, r *http.Request) error {
	user, _ := admit.UserFrom(r.Context())
	if text := strings.TrimSpace(r.PostFormValue("note")); text != "" {
		if err := a.write(r.Context(), user.Name, text); err != nil {
			return err
		}
	}
	http.Redirect(w, r, "/team", http.StatusSeeOther)
	return nil
}

// invite mails an invitation for an address.
func (a *app) invite(w http.ResponseWriter, r *http.Request) error {
	caller, _ := admit.CallerFrom(r.Context())
	_, err := a.auth.Invitations.Create(r.Context(), admit.CreateInvitationParams{
		ResourceType: admit.ResourceOrganization, ResourceID: caller.OrganizationID, Email: r.PostFormValue("email"), Role: r.PostFormValue("role"),
		InviterID: caller.User.ID,
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/team", http.StatusSeeOther)
	return nil
}

// makeLink makes a link that ten people may join by. It is shown only now.
func (a *app) makeLink(w http.ResponseWriter, r *http.Request) error {
	caller, _ := admit.CallerFrom(r.Context())
	link, err := a.auth.Invitations.CreateLink(r.Context(), admit.CreateInvitationLinkParams{
		OrganizationID: caller.OrganizationID, Role: admit.RoleMember, MaxUses: 10, ActorID: caller.User.ID,
	})
	if err != nil {
		return err
	}
	return a.showTeam(w, r, link.URL)
}

func (a *app) remove(w http.ResponseWriter, r *http.Request) error {
	caller, _ := admit.CallerFrom(r.Context())
	err := a.auth.Organizations.RemoveMember(r.Context(), admit.MemberParams{
		OrganizationID: caller.OrganizationID, UserID: r.PostFormValue("member"), ActorID: caller.User.ID,
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/team", http.StatusSeeOther)
	return nil
}

// invitation is where mails and links lead. A mail has its secret in the query, so
// the page knows the invitation. A link has it in the fragment, which only the
// script of the page reads. Opening the page changes nothing: programs that look
// for danger in mails open it, too.
func (a *app) invitation(w http.ResponseWriter, r *http.Request) error {
	user, signedIn := admit.UserFrom(r.Context())
	token, here := r.URL.Query().Get("token"), r.URL.RequestURI()
	if token == "" {
		return views.ExecuteTemplate(w, "link", map[string]any{"User": user, "SignedIn": signedIn})
	}
	found, hasAccount, err := a.auth.Invitations.Look(r.Context(), admit.AcceptInvitationParams{Token: token})
	if err != nil {
		return err
	}
	return views.ExecuteTemplate(w, "invitation", map[string]any{
		"User": user, "SignedIn": signedIn, "HasAccount": hasAccount, "Invitation": found, "Token": token, "Here": here,
	})
}

// accept joins the user by an invitation or a link, and enters the team.
func (a *app) accept(w http.ResponseWriter, r *http.Request) error {
	user, _ := admit.UserFrom(r.Context())
	joined, err := a.auth.Invitations.Accept(r.Context(), admit.AcceptInvitationParams{Token: r.PostFormValue("token"), UserID: user.ID})
	if err != nil {
		return err
	}
	return a.enter(w, r, joined.ResourceID)
}

// signUp makes the account of somebody who was invited by mail, and joins in the
// same transaction. The mail has proven the address.
func (a *app) signUp(w http.ResponseWriter, r *http.Request) error {
	made, err := a.auth.SignUps.Create(r.Context(), admit.SignUpParams{
		Email: r.PostFormValue("email"), Name: r.PostFormValue("name"), Password: r.PostFormValue("password"), InvitationToken: r.PostFormValue("token"),
	})
	if err != nil {
		return err
	}
	if err := a.auth.Sessions.SetCookie(w, r, *made.SignedIn); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// mailbox shows the mail that the app would send, to this machine: a page of another
// site that had its name resolved to 127.0.0.1 reads nothing.
func (a *app) mailbox(w http.ResponseWriter, r *http.Request) error {
	host, _, _ := net.SplitHostPort(r.Host)
	if at, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !at.IsLoopback()) {
		return &admit.Error{Code: "mailbox/elsewhere", Status: http.StatusNotFound, Message: "There is no mailbox here."}
	}
	return views.ExecuteTemplate(w, "mailbox", a.mail.Messages())
}
