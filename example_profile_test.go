package admit_test

import (
	"errors"
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// A person says what there is to say, field by field, and chooses to be found by a
// name that nobody else has.
func Example_profile() {
	kit := authtest.New(t)
	ann, bob := kit.SignedIn(admit.RoleUser).User, kit.SignedIn(admit.RoleUser).User
	profiles := kit.Auth.Profiles

	profile, err := profiles.Update(t.Context(), admit.UpdateProfileParams{
		UserID: ann.ID, Name: admit.Some("Ann Lee"), Mobile: admit.Some("+49 151 1234-5678"), GitHub: admit.Some("https://github.com/ann"),
	})
	fmt.Println(profile.Name, profile.Mobile, profile.SocialLinks.GitHub, err)
	profile, err = profiles.Update(t.Context(), admit.UpdateProfileParams{UserID: ann.ID, Mobile: admit.Some("")}) // "" clears
	fmt.Printf("%s %q %s %v\n", profile.Name, profile.Mobile, profile.SocialLinks.GitHub, err)

	preferences, err := profiles.UpdatePreferences(t.Context(), admit.UpdatePreferencesParams{
		UserID: ann.ID, Locale: admit.Some("de_at"), Timezone: admit.Some("europe/vienna"),
	})
	fmt.Println(preferences.Locale, preferences.Timezone, err)

	wanted := admit.UpdatePublicSettingsParams{UserID: ann.ID, Slug: admit.Some("ann-lee"), IsPublic: admit.Some(true)}
	if _, err := profiles.UpdatePublicSettings(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	public, err := profiles.Public(t.Context(), "ann-lee")
	fmt.Println(public.Name, public.ID == ann.ID, err)
	wanted.UserID = bob.ID
	_, err = profiles.UpdatePublicSettings(t.Context(), wanted)
	fmt.Println(errors.Is(err, admit.ErrSlugTaken))

	// Output:
	// Ann Lee +4915112345678 https://github.com/ann <nil>
	// Ann Lee "" https://github.com/ann <nil>
	// de-AT Europe/Vienna <nil>
	// Ann Lee true <nil>
	// true
}
