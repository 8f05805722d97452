package admit

import (
	"context"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file has the routes of profile.go.

// profileDoors are the routes of profiles.
type profileDoors struct {
	*kernel
	profiles *Profiles
}

func (d *profileDoors) feature() feature {
	const of, notificationsPath = usersPath + "/{userId}", "/notifications"
	read := func(path string, serve func(http.ResponseWriter, *http.Request) error) route {
		return route{method: http.MethodGet, path: of + path, who: selfOrAdmin, scope: "users:read", acting: true, serve: serve}
	}
	write := func(path string, serve func(http.ResponseWriter, *http.Request) error) route {
		return route{method: http.MethodPatch, path: of + path, who: selfOrAdmin, scope: "users:write", acting: path != notificationsPath, serve: serve}
	}
	return feature{
		name:  "profile",
		holds: holding{part: "profile", export: exportPersonal},
		routes: []route{
			read("/profile", d.handleProfile), write("/profile", d.handleUpdate),
			read("/preferences", d.handlePreferences), write("/preferences", d.handleUpdatePreferences),
			read(notificationsPath, d.handleNotifications), write(notificationsPath, d.handleUpdateNotifications),
			read("/onboarding", d.handleOnboarding), write("/onboarding", d.handleUpdateOnboarding),
			read("/public-settings", d.handlePublicSettings), write("/public-settings", d.handleUpdatePublicSettings),
			{method: http.MethodGet, path: "/profiles/{slug}", who: anyone, scope: "users:read", acting: true, serve: d.handlePublic},
		},
		mails:  []mailer.Kind{mailer.AlertsMuted},
		events: []string{eventProfileChanged},
		errors: []*Error{ErrInvalidNickname, ErrSlugTaken},
	}
}

// sent is a text in a body that may be null, but not empty.
type sent = Optional[*string]

// readTexts reads texts of a body. A field that is null is cleared.
func readTexts(c *checked, given map[string]sent, into map[string]*Optional[string]) {
	for field, in := range given {
		at := into[field]
		switch at.Set = in.Set; {
		case in.Value == nil:
		case *in.Value == "":
			c.refuse(field, "must not be empty: null clears it")
		default:
			at.Value = *in.Value
		}
	}
}

// flag reads a setting of a body. Null is the default.
func flag(in Optional[*bool], normal bool) Optional[bool] {
	if in.Value != nil {
		normal = *in.Value
	}
	return Optional[bool]{normal, in.Set}
}

func showProfile(p *Profile) []byte {
	links := make(webio.Object, 0, 256)
	links.Optional("github", p.SocialLinks.GitHub)
	links.Optional("twitter", p.SocialLinks.Twitter)
	links.Optional("linkedin", p.SocialLinks.LinkedIn)
	o := make(webio.Object, 0, 1024)
	o.Text("id", p.ID)
	o.Optional("email", p.Email)
	o.Text("name", p.Name)
	o.Optional("nickname", p.Nickname)
	o.Optional("image", p.Image)
	o.Optional("mobile", p.Mobile)
	o.Optional("gender", p.Gender)
	o.Optional("bio", p.Bio)
	o.Raw("socialLinks", string(links.End()))
	o.Instant("createdAt", p.CreatedAt)
	o.Instant("updatedAt", p.UpdatedAt)
	return o.End()
}

func (d *profileDoors) handleProfile(w http.ResponseWriter, r *http.Request) error {
	profile, err := d.profiles.Get(r.Context(), r.PathValue("userId"))
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showProfile(&profile))
	return nil
}

type profileInput struct {
	Name        Optional[string]            `json:"name"`
	Nickname    sent                        `json:"nickname"`
	Mobile      sent                        `json:"mobile"`
	Gender      sent                        `json:"gender"`
	Bio         Optional[string]            `json:"bio"`
	SocialLinks Optional[*socialLinksInput] `json:"socialLinks"`
}

type socialLinksInput struct {
	GitHub   sent `json:"github"`
	Twitter  sent `json:"twitter"`
	LinkedIn sent `json:"linkedin"`
}

// params reads what changes. socialLinks is merged member by member, and null clears
// all of them.
func (in *profileInput) params(c *checked, userID string) UpdateProfileParams {
	params := UpdateProfileParams{UserID: userID, Name: in.Name, Bio: in.Bio}
	var links socialLinksInput
	switch {
	case in.SocialLinks.Value != nil:
		links = *in.SocialLinks.Value
	case in.SocialLinks.Set:
		links = socialLinksInput{Some[*string](nil), Some[*string](nil), Some[*string](nil)}
	}
	readTexts(c, map[string]sent{
		"mobile": in.Mobile, "gender": in.Gender,
		"socialLinks.github": links.GitHub, "socialLinks.twitter": links.Twitter, "socialLinks.linkedin": links.LinkedIn,
	}, map[string]*Optional[string]{
		"mobile": &params.Mobile, "gender": &params.Gender,
		"socialLinks.github": &params.GitHub, "socialLinks.twitter": &params.Twitter, "socialLinks.linkedin": &params.LinkedIn,
	})
	params.Nickname = Optional[string]{Set: in.Nickname.Set}
	if nickname := in.Nickname.Value; nickname != nil {
		if params.Nickname.Value = *nickname; *nickname == "" {
			c.code = ErrInvalidNickname
			c.refuse("nickname", "must have 1 to 50 characters: null clears it")
		}
	}
	return params
}

func (d *profileDoors) handleUpdate(w http.ResponseWriter, r *http.Request) error {
	var in profileInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	var c checked
	params := in.params(&c, r.PathValue("userId"))
	c.profile(&params)
	if err := c.err(); err != nil {
		return err
	}
	profile, err := d.profiles.Update(r.Context(), params)
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showProfile(&profile))
	return nil
}

func showPreferences(p Preferences) []byte {
	o := make(webio.Object, 0, 128)
	o.Optional("locale", p.Locale)
	o.Optional("timezone", p.Timezone)
	o.Optional("theme", p.Theme)
	return o.End()
}

func (d *profileDoors) handlePreferences(w http.ResponseWriter, r *http.Request) error {
	preferences, err := d.profiles.Preferences(r.Context(), r.PathValue("userId"))
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showPreferences(preferences))
	return nil
}

type preferencesInput struct {
	Locale   sent `json:"locale"`
	Timezone sent `json:"timezone"`
	Theme    sent `json:"theme"`
}

func (d *profileDoors) handleUpdatePreferences(w http.ResponseWriter, r *http.Request) error {
	var in preferencesInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	params := UpdatePreferencesParams{UserID: r.PathValue("userId")}
	var c checked
	readTexts(&c, map[string]sent{"locale": in.Locale, "timezone": in.Timezone, "theme": in.Theme},
		map[string]*Optional[string]{"locale": &params.Locale, "timezone": &params.Timezone, "theme": &params.Theme})
	c.preferences(&params)
	if err := c.err(); err != nil {
		return err
	}
	preferences, err := d.profiles.UpdatePreferences(r.Context(), params)
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showPreferences(preferences))
	return nil
}

func showNotifications(n Notifications) []byte {
	o := make(webio.Object, 0, 192)
	o.Raw("service", strconv.FormatBool(n.Service))
	o.Raw("marketing", strconv.FormatBool(n.Marketing))
	o.Raw("push", strconv.FormatBool(n.Push))
	o.Raw("email", strconv.FormatBool(n.Email))
	o.Raw("sms", strconv.FormatBool(n.SMS))
	o.Raw("nightTime", strconv.FormatBool(n.NightTime))
	o.Raw("securityAlerts", strconv.FormatBool(n.SecurityAlerts))
	return o.End()
}

func (d *profileDoors) handleNotifications(w http.ResponseWriter, r *http.Request) error {
	notifications, err := d.profiles.Notifications(r.Context(), r.PathValue("userId"))
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showNotifications(notifications))
	return nil
}

type notificationsInput struct {
	Service        Optional[*bool] `json:"service"`
	Marketing      Optional[*bool] `json:"marketing"`
	Push           Optional[*bool] `json:"push"`
	Email          Optional[*bool] `json:"email"`
	SMS            Optional[*bool] `json:"sms"`
	NightTime      Optional[*bool] `json:"nightTime"`
	SecurityAlerts Optional[*bool] `json:"securityAlerts"`
}

func (d *profileDoors) handleUpdateNotifications(w http.ResponseWriter, r *http.Request) error {
	var in notificationsInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	normal := notificationsOf(&store.User{}, notificationsData{})
	notifications, err := d.profiles.UpdateNotifications(r.Context(), UpdateNotificationsParams{
		UserID: r.PathValue("userId"), Service: flag(in.Service, normal.Service), Marketing: flag(in.Marketing, normal.Marketing),
		Push: flag(in.Push, normal.Push), Email: flag(in.Email, normal.Email), SMS: flag(in.SMS, normal.SMS),
		NightTime: flag(in.NightTime, normal.NightTime), SecurityAlerts: flag(in.SecurityAlerts, normal.SecurityAlerts),
	})
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showNotifications(notifications))
	return nil
}

func showOnboarding(in Onboarding) []byte {
	o := make(webio.Object, 0, 128+len(in.Data))
	o.Text("status", in.Status)
	o.Optional("step", in.Step)
	if in.Data == nil {
		o.Raw("data", "null")
	} else {
		o.Raw("data", string(in.Data))
	}
	return o.End()
}

func (d *profileDoors) handleOnboarding(w http.ResponseWriter, r *http.Request) error {
	onboarding, err := d.profiles.Onboarding(r.Context(), r.PathValue("userId"))
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showOnboarding(onboarding))
	return nil
}

type onboardingInput struct {
	Status sent                     `json:"status"`
	Step   sent                     `json:"step"`
	Data   Optional[jsontext.Value] `json:"data"`
}

func (d *profileDoors) handleUpdateOnboarding(w http.ResponseWriter, r *http.Request) error {
	var in onboardingInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	params := UpdateOnboardingParams{UserID: r.PathValue("userId"), Data: Optional[[]byte]{in.Data.Value, in.Data.Set}}
	var c checked
	readTexts(&c, map[string]sent{"status": in.Status, "step": in.Step}, map[string]*Optional[string]{"status": &params.Status, "step": &params.Step})
	c.onboarding(&params)
	if err := c.err(); err != nil {
		return err
	}
	onboarding, err := d.profiles.UpdateOnboarding(r.Context(), params)
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showOnboarding(onboarding))
	return nil
}

func showPublicSettings(s PublicSettings) []byte {
	o := make(webio.Object, 0, 96)
	o.Optional("slug", s.Slug)
	o.Raw("isPublic", strconv.FormatBool(s.IsPublic))
	return o.End()
}

func (d *profileDoors) handlePublicSettings(w http.ResponseWriter, r *http.Request) error {
	settings, err := d.profiles.PublicSettings(r.Context(), r.PathValue("userId"))
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showPublicSettings(settings))
	return nil
}

type publicSettingsInput struct {
	Slug     sent            `json:"slug"`
	IsPublic Optional[*bool] `json:"isPublic"`
}

func (d *profileDoors) handleUpdatePublicSettings(w http.ResponseWriter, r *http.Request) error {
	var in publicSettingsInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	params := UpdatePublicSettingsParams{UserID: r.PathValue("userId"), IsPublic: flag(in.IsPublic, false)}
	var c checked
	readTexts(&c, map[string]sent{"slug": in.Slug}, map[string]*Optional[string]{"slug": &params.Slug})
	c.public(&params)
	if err := c.err(); err != nil {
		return err
	}
	settings, err := d.profiles.UpdatePublicSettings(r.Context(), params)
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showPublicSettings(settings))
	return nil
}

func (d *profileDoors) handlePublic(w http.ResponseWriter, r *http.Request) error {
	profile, err := d.profiles.Public(r.Context(), r.PathValue("slug"))
	if err != nil {
		return err
	}
	webio.WriteBody(w, http.StatusOK, showPublicProfile(profile))
	return nil
}

// exportPersonal puts the profile, the preferences and the other records that an
// account has at most one of, each as its route shows it.
func exportPersonal(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	profile, err := exportProfile(ctx, k, user.ID)
	if err != nil {
		return err
	}
	preferences, err := exportPreferences(ctx, k, user.ID)
	if err != nil {
		return err
	}
	notifications, err := exportNotifications(ctx, k, user.ID)
	if err != nil {
		return err
	}
	onboarding, err := exportOnboarding(ctx, k, user.ID)
	if err != nil {
		return err
	}
	public, err := exportPublicSettings(ctx, k, user.ID)
	if err != nil {
		return err
	}
	return put(map[string]jsontext.Value{
		"profile": showProfile(&profile), "preferences": showPreferences(preferences), "notifications": showNotifications(notifications),
		"onboarding": showOnboarding(onboarding), "publicSettings": showPublicSettings(public),
	})
}
