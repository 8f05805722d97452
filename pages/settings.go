package pages

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/webio"
)

// This file has what a person is shown as, and told: the picture, the notifications,
// the language and the time zone.

// Settings are what some pages of the account show.
type Settings struct {
	// Picture is the URL of the picture, or of the initials; "" where the host keeps
	// no pictures. HasPicture says that it is a picture.
	Picture    string
	HasPicture bool
	// Choices are the messages that a person can switch on and off.
	Choices []Choice
	// Links are the providers, and Onward is where the browser is on its way to.
	Links  []LinkRow
	Onward string
	// Keys are the API keys of the account, NewKey is the one that was just made.
	Keys   []admit.APIKey
	NewKey string
	// Password says that the deletion needs the password. Days is for how long a
	// deleted account can be restored.
	Password bool
	Days     int
	// Alone are the organisations that would be without an owner.
	Alone []string
}

// Option is one of a list to choose from.
type Option struct {
	Value, Label string
	// Language is that of the label, if it is not that of the page.
	Language string
	Chosen   bool
}

// Choice is something that is on or off.
type Choice struct {
	Name string
	On   bool
}

// LinkRow is a provider, and the person there whom the account is linked with.
type LinkRow struct {
	// Name is the provider's in the API, Label that for people.
	Name, Label string
	// Email is the address at the provider, and ConnectedAt is when the account was
	// linked with it: zero if it is not.
	Email       string
	ConnectedAt time.Time
	// Open says that people can sign in by the provider now.
	Open bool
}

// rehearsedSettings are settings with everything in them.
func rehearsedSettings() Settings {
	return Settings{
		Picture: "/picture", HasPicture: true, Choices: choices(admit.Notifications{}), Onward: "https://provider.example", NewKey: "key", Days: 14,
		Links: []LinkRow{{Name: "google", Label: "Google", ConnectedAt: time.Unix(0, 0)}, {Name: "github", Label: "GitHub", Open: true}},
		Keys:  []admit.APIKey{{Name: "Key"}}, Password: true, Alone: []string{"Acme"},
	}
}

// maxPicture is the greatest size of a picture. A form with a greater one is read up
// to maxUpload, so that the browser gets to see the answer.
const (
	maxPicture     = 5 << 20
	maxUpload      = 32 << 20
	uploadPatience = time.Minute
)

func (v *visit) picturePage() error {
	if v.config.Blobs == nil {
		return errNoSuchPage
	}
	v.view.Done = v.said("picture", "picture-removed")
	return v.showPicture(http.StatusOK)
}

func (v *visit) showPicture(status int) error {
	v.view.Settings.Picture, v.view.Settings.HasPicture = v.pictureOf(&v.user)
	return v.show(status, "account-picture")
}

// pictureOf is the URL of a picture that the policy of the pages lets in: that of
// this host. A picture of another host is not shown.
func (v *visit) pictureOf(user *admit.User) (url string, own bool) {
	if v.config.Blobs == nil {
		return "", false
	}
	pictures := v.config.BasePath + "/avatars/"
	if rest, ok := strings.CutPrefix(user.Image, v.config.BaseURL+pictures); ok {
		return v.base + pictures + rest, true
	}
	return v.base + pictures + "users/" + user.ID, false
}

// picture takes the file of a form, and shows it as the picture of the account.
func (v *visit) picture() error {
	if v.config.Blobs == nil {
		return errNoSuchPage
	}
	// A slow upload may last longer than the time limit of a request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.r.Context()), 2*uploadPatience)
	defer cancel()
	file, err := v.readFile("picture")
	var asked admit.AvatarUpload
	if err == nil {
		asked, err = v.auth.Avatars.RequestUpload(ctx, admit.AvatarUploadParams{UserID: v.user.ID, ContentType: http.DetectContentType(file)})
	}
	if err == nil {
		err = v.auth.Avatars.Upload(ctx, admit.AvatarBytes{Ticket: path.Base(asked.UploadURL), Data: file})
	}
	if err == nil {
		_, err = v.auth.Avatars.Set(ctx, admit.SetAvatarParams{UserID: v.user.ID, Picture: asked.Key})
	}
	key := "picture.refused"
	switch {
	case err == nil:
		return v.goTo(v.to("account/picture", "") + "?done=picture")
	case errors.Is(err, admit.ErrPayloadTooLarge):
		key = "picture.large"
	case errors.Is(err, errNoFile):
		key = "picture.none"
	case !errors.Is(err, admit.ErrInvalidRequest):
		v.view.Settings.Picture, v.view.Settings.HasPicture = v.pictureOf(&v.user)
		return v.refused(err, "account-picture")
	}
	if v.view.errors["picture"], err = v.words.Text(key); err != nil {
		return err
	}
	return v.showPicture(http.StatusUnprocessableEntity)
}

// errNoFile says that a form was sent without its file.
var errNoFile = errors.New("the form has no file")

// readFile reads one file of a form. The other fields are not kept.
func (v *visit) readFile(name string) ([]byte, error) {
	if !webio.IsUpload(v.r) {
		return nil, admit.ErrUnsupportedMediaType
	}
	// A writer that knows no deadline leaves the time limit to the server.
	_ = http.NewResponseController(v.w).SetReadDeadline(time.Now().Add(uploadPatience))
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxUpload)
	parts, err := v.r.MultipartReader()
	if err != nil {
		return nil, admit.ErrInvalidRequest
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, errNoFile
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if part.FormName() != name {
			continue
		}
		file, err := io.ReadAll(io.LimitReader(part, maxPicture+1))
		switch {
		case err != nil:
			return nil, unreadable(err)
		case len(file) == 0:
			return nil, errNoFile
		case len(file) > maxPicture:
			// What is not read closes the connection before the answer is seen.
			_, _ = io.Copy(io.Discard, v.r.Body)
			return nil, admit.ErrPayloadTooLarge
		}
		return file, nil
	}
}

func unreadable(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return admit.ErrPayloadTooLarge
	}
	return admit.ErrInvalidRequest
}

func (v *visit) removePicture() error {
	if v.config.Blobs == nil {
		return errNoSuchPage
	}
	if err := v.auth.Avatars.Remove(v.r.Context(), v.user.ID); err != nil {
		return err
	}
	return v.goTo(v.to("account/picture", "") + "?done=picture-removed")
}

// choices are the notifications in their order.
func choices(n admit.Notifications) []Choice {
	return []Choice{
		{"securityAlerts", n.SecurityAlerts}, {"service", n.Service}, {"marketing", n.Marketing}, {"email", n.Email},
		{"push", n.Push}, {"sms", n.SMS}, {"nightTime", n.NightTime},
	}
}

// Notice is what a notification is for, in the language of the reader.
func (v *View) Notice(name string) (string, error) {
	keys := map[string]string{
		"securityAlerts": "notice.alerts", "service": "notice.service", "marketing": "notice.marketing", "email": "notice.email",
		"push": "notice.push", "sms": "notice.sms", "nightTime": "notice.night",
	}
	return v.T(keys[name])
}

func (v *visit) notificationsPage() error {
	now, err := v.auth.Profiles.Notifications(v.r.Context(), v.user.ID)
	if err != nil {
		return err
	}
	v.view.Settings.Choices = choices(now)
	v.view.Done = v.said("notifications")
	return v.show(http.StatusOK, "account-notifications")
}

// notifications keeps what is on. To switch the alerts off needs a recent proof: the
// other choices are kept before the reader is asked for one.
func (v *visit) notifications() error {
	ctx := v.r.Context()
	on := func(name string) admit.Optional[bool] { return admit.Some(v.form.Get(name) == "true") }
	_, err := v.auth.Profiles.UpdateNotifications(ctx, admit.UpdateNotificationsParams{
		UserID: v.user.ID, Service: on("service"), Marketing: on("marketing"), Push: on("push"), Email: on("email"), SMS: on("sms"), NightTime: on("nightTime"),
	})
	if err == nil {
		_, err = v.auth.Profiles.UpdateNotifications(ctx, admit.UpdateNotificationsParams{UserID: v.user.ID, SecurityAlerts: on("securityAlerts")})
	}
	switch {
	case errors.Is(err, admit.ErrReauthenticationRequired):
		return v.goTo(v.way(v.r, admit.NeedRecent, v.here()))
	case err != nil:
		return err
	}
	return v.goTo(v.to("account/notifications", "") + "?done=notifications")
}

func (v *visit) preferencesPage() error {
	now, err := v.auth.Profiles.Preferences(v.r.Context(), v.user.ID)
	if err != nil {
		return err
	}
	v.view.values["timezone"] = now.Timezone
	if now.Locale != "" {
		v.view.values["locale"] = v.texts.Match([]string{now.Locale}).Tag
	}
	v.view.Done = v.said("preferences")
	return v.show(http.StatusOK, "account-preferences")
}

func (v *visit) preferences() error {
	tag, zone := v.form.Get("locale"), strings.TrimSpace(v.form.Get("timezone"))
	if tag != "" && !slices.Contains(v.texts.Tags(), tag) {
		return admit.ErrInvalidRequest
	}
	_, err := v.auth.Profiles.UpdatePreferences(v.r.Context(), admit.UpdatePreferencesParams{
		UserID: v.user.ID, Locale: admit.Some(tag), Timezone: admit.Some(zone),
	})
	if errors.Is(err, admit.ErrInvalidRequest) {
		v.view.values["locale"], v.view.values["timezone"] = tag, zone
		if v.view.errors["timezone"], err = v.words.Text("timezone.unknown"); err != nil {
			return err
		}
		return v.show(http.StatusUnprocessableEntity, "account-preferences")
	}
	if err != nil {
		return v.refused(err, "account-preferences", "locale", "timezone")
	}
	// The choice that this browser has kept is older.
	life := languageLife
	if tag == "" {
		life = 0
	}
	v.setCookie(v.cookie(languageCookie, tag, life))
	return v.goTo(v.to("account/preferences", "") + "?done=preferences")
}

// options are what can be chosen in a field; nil for a field that is typed.
func (v *View) options(name string) (list []Option, err error) {
	text := func(key string, values ...any) string {
		said, failed := v.T(key, values...)
		err = errors.Join(err, failed)
		return said
	}
	switch name {
	case "locale":
		list = []Option{{Label: text("preferences.browser")}}
		for _, l := range v.Languages {
			list = append(list, Option{Value: l.Tag, Label: l.Name, Language: l.Tag})
		}
	case "role":
		for _, role := range v.roles {
			said, failed := v.RoleName(role)
			list, err = append(list, Option{Value: role, Label: said}), errors.Join(err, failed)
		}
	case "keyDays":
		for _, days := range []int{30, 90, 365} {
			list = append(list, Option{Value: strconv.Itoa(days), Label: text("keys.days", "count", days)})
		}
		list = append(list, Option{Value: "0", Label: text("keys.never")})
	}
	for i := range list {
		list[i].Chosen = list[i].Value == v.values[name]
	}
	return list, err
}
