package admit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// printed has a value of every exported struct type of the package. Those of
// generic types and of interfaces hold nothing of their own.
func printed() map[string]any {
	return map[string]any{
		"APIKey": admit.APIKey{}, "APIKeyConfig": admit.APIKeyConfig{}, "ListAPIKeysParams": admit.ListAPIKeysParams{}, "Avatars": admit.Avatars{}, "AvatarPicture": admit.AvatarPicture{}, "AvatarUpload": admit.AvatarUpload{}, "AvatarUploadParams": admit.AvatarUploadParams{}, "AvatarBytes": admit.AvatarBytes{}, "SetAvatarParams": admit.SetAvatarParams{}, "OwnedAPIKey": admit.OwnedAPIKey{}, "RotateAPIKeyParams": admit.RotateAPIKeyParams{}, "APIKeys": admit.APIKeys{}, "Event": admit.Event{}, "Mail": admit.Mail{}, "PageParams": admit.PageParams{}, "Session": admit.Session{}, "User": admit.User{},
		"BanParams": admit.BanParams{}, "Bound": admit.Bound{}, "Budget": admit.Budget{}, "PreparePasswordParams": admit.PreparePasswordParams{}, "PreparedPassword": admit.PreparedPassword{}, "Caller": admit.Caller{}, "ChangePasswordParams": admit.ChangePasswordParams{},
		"FindPublicParams": admit.FindPublicParams{}, "Notifications": admit.Notifications{}, "Onboarding": admit.Onboarding{}, "Preferences": admit.Preferences{},
		"Profile": admit.Profile{}, "Profiles": admit.Profiles{}, "PublicProfile": admit.PublicProfile{}, "PublicSettings": admit.PublicSettings{}, "SocialLinks": admit.SocialLinks{},
		"UpdateNotificationsParams": admit.UpdateNotificationsParams{}, "UpdateOnboardingParams": admit.UpdateOnboardingParams{},
		"UpdatePreferencesParams": admit.UpdatePreferencesParams{}, "UpdateProfileParams": admit.UpdateProfileParams{}, "UpdatePublicSettingsParams": admit.UpdatePublicSettingsParams{},
		"Client": admit.Client{}, "Config": admit.Config{}, "ConfirmPasswordResetParams": admit.ConfirmPasswordResetParams{},
		"CreateAPIKeyParams": admit.CreateAPIKeyParams{}, "CreateUserParams": admit.CreateUserParams{}, "CreatedAPIKey": admit.CreatedAPIKey{},
		"EmailChangeParams": admit.EmailChangeParams{}, "EmailChanges": admit.EmailChanges{}, "DeleteUserParams": admit.DeleteUserParams{}, "Events": admit.Events{}, "Verification": admit.Verification{}, "Stats": admit.Stats{}, "Statistics": admit.Statistics{}, "StatsSpan": admit.StatsSpan{}, "ExportUsersParams": admit.ExportUsersParams{}, "ExportedUser": admit.ExportedUser{}, "ListEventsParams": admit.ListEventsParams{}, "ListUsersParams": admit.ListUsersParams{}, "RenameUserParams": admit.RenameUserParams{}, "UpdateUserParams": admit.UpdateUserParams{}, "FindUsersParams": admit.FindUsersParams{}, "Permissions": admit.Permissions{}, "PermissionsError": admit.PermissionsError{}, "EndOtherSessionsParams": admit.EndOtherSessionsParams{},
		"EndSessionParams": admit.EndSessionParams{}, "Error": admit.Error{}, "Hooks": admit.Hooks{}, "ImpersonateParams": admit.ImpersonateParams{}, "Impersonations": admit.Impersonations{}, "ImportUserParams": admit.ImportUserParams{},
		"ImportedUser": admit.ImportedUser{}, "Imports": admit.Imports{}, "Instrument": admit.Instrument{}, "LeakedPasswordOptions": admit.LeakedPasswordOptions{},
		"LinkParams": admit.LinkParams{}, "MagicLinkConfig": admit.MagicLinkConfig{}, "MagicLinkParams": admit.MagicLinkParams{}, "MagicLinks": admit.MagicLinks{},
		"MailFacts": admit.MailFacts{}, "NewPassword": admit.NewPassword{}, "MessageConfig": admit.MessageConfig{}, "LanguageConfig": admit.LanguageConfig{}, "Outbox": admit.Outbox{}, "PasswordConfig": admit.PasswordConfig{},
		"PasswordResets": admit.PasswordResets{}, "Passwords": admit.Passwords{}, "Policy": admit.Policy{}, "PolicyError": admit.PolicyError{},
		"RedeemCodeParams": admit.RedeemCodeParams{}, "RequestFacts": admit.RequestFacts{}, "RevokedBefore": admit.RevokedBefore{}, "Route": admit.Route{},
		"OpenedPages": admit.OpenedPages{}, "Sealing": admit.Sealing{}, "SessionConfig": admit.SessionConfig{}, "Sessions": admit.Sessions{}, "SetRoleParams": admit.SetRoleParams{},
		"SignInParams": admit.SignInParams{}, "SignOutParams": admit.SignOutParams{}, "SignUpAttempt": admit.SignUpAttempt{}, "SignUpParams": admit.SignUpParams{},
		"SignUpResult": admit.SignUpResult{}, "SignUps": admit.SignUps{}, "SignedIn": admit.SignedIn{}, "TokenParams": admit.TokenParams{},
		"MFAConfig": admit.MFAConfig{}, "Factor": admit.Factor{}, "MFA": admit.MFA{}, "EnableMFAParams": admit.EnableMFAParams{}, "MFASetup": admit.MFASetup{}, "ConfirmMFAParams": admit.ConfirmMFAParams{}, "ConfirmedMFA": admit.ConfirmedMFA{}, "VerifyMFAParams": admit.VerifyMFAParams{}, "VerifiedMFA": admit.VerifiedMFA{}, "ChangeMFAParams": admit.ChangeMFAParams{}, "ResetMFAParams": admit.ResetMFAParams{}, "ForgetDeviceParams": admit.ForgetDeviceParams{}, "Reauthentication": admit.Reauthentication{}, "ReauthenticateParams": admit.ReauthenticateParams{}, "RememberedDevice": admit.RememberedDevice{}, "StartOvers": admit.StartOvers{},
		"Webhooks": admit.Webhooks{}, "Webhook": admit.Webhook{}, "CreatedWebhook": admit.CreatedWebhook{}, "CreateWebhookParams": admit.CreateWebhookParams{}, "UpdateWebhookParams": admit.UpdateWebhookParams{}, "RotateWebhookParams": admit.RotateWebhookParams{}, "ReplayWebhookParams": admit.ReplayWebhookParams{}, "ReplayedWebhook": admit.ReplayedWebhook{}, "WebhookDelivery": admit.WebhookDelivery{}, "ListWebhookDeliveriesParams": admit.ListWebhookDeliveriesParams{}, "WebhookConfig": admit.WebhookConfig{},
		"Settings": admit.Settings{}, "ResetPasskeysParams": admit.ResetPasskeysParams{}, "ListOutboxParams": admit.ListOutboxParams{}, "Templates": admit.Templates{}, "EmailTemplate": admit.EmailTemplate{}, "TemplateParams": admit.TemplateParams{}, "UpdateTemplateParams": admit.UpdateTemplateParams{}, "PreviewTemplateParams": admit.PreviewTemplateParams{}, "EmailPreview": admit.EmailPreview{}, "RevertTemplateParams": admit.RevertTemplateParams{}, "TestTemplateParams": admit.TestTemplateParams{}, "PasswordPolicy": admit.PasswordPolicy{}, "EmailSettings": admit.EmailSettings{}, "UpdateEmailSettingsParams": admit.UpdateEmailSettingsParams{}, "ProviderSettings": admit.ProviderSettings{}, "UpdateProviderSettingsParams": admit.UpdateProviderSettingsParams{},
		"DeletionConfig": admit.DeletionConfig{}, "Exports": admit.Exports{}, "ListDeletedParams": admit.ListDeletedParams{}, "Withdrawals": admit.Withdrawals{}, "WithdrawParams": admit.WithdrawParams{},
		"Tokens": admit.Tokens{}, "Tx": admit.Tx{}, "Passkey": admit.Passkey{}, "Passkeys": admit.Passkeys{}, "PasskeyOptions": admit.PasskeyOptions{},
		"BeginPasskeyParams": admit.BeginPasskeyParams{}, "FinishPasskeyParams": admit.FinishPasskeyParams{}, "RegisteredPasskey": admit.RegisteredPasskey{},
		"PasskeySignInParams": admit.PasskeySignInParams{}, "RenamePasskeyParams": admit.RenamePasskeyParams{}, "RemovePasskeyParams": admit.RemovePasskeyParams{},
		"PasskeyAnswer": admit.PasskeyAnswer{}, "PasskeyConfig": admit.PasskeyConfig{}, "PasskeySite": admit.PasskeySite{},
		"PasskeyRegistration": admit.PasskeyRegistration{}, "PasskeyRequest": admit.PasskeyRequest{}, "PasskeyDescriptor": admit.PasskeyDescriptor{},
		"PasskeyChallenge": admit.PasskeyChallenge{}, "PasskeyFlags": admit.PasskeyFlags{}, "PasskeyCredential": admit.PasskeyCredential{},
		"PasskeyAssertion": admit.PasskeyAssertion{}, "Users": admit.Users{}, "Verifications": admit.Verifications{},
		"ProviderCredentials": admit.ProviderCredentials{}, "ProviderRequest": admit.ProviderRequest{}, "ProviderAnswer": admit.ProviderAnswer{}, "ProviderIdentity": admit.ProviderIdentity{}, "ProviderTokens": admit.ProviderTokens{}, "BegunProvider": admit.BegunProvider{}, "FinishProviderParams": admit.FinishProviderParams{}, "FinishedProvider": admit.FinishedProvider{}, "ProviderSignInParams": admit.ProviderSignInParams{}, "OneTapParams": admit.OneTapParams{}, "LinkIdentityParams": admit.LinkIdentityParams{}, "BeginProviderParams": admit.BeginProviderParams{}, "Providers": admit.Providers{}, "Identities": admit.Identities{}, "Identity": admit.Identity{}, "UnlinkIdentityParams": admit.UnlinkIdentityParams{}, "IdentityExistsParams": admit.IdentityExistsParams{}, "ProviderNotice": admit.ProviderNotice{}, "ProviderTokenParams": admit.ProviderTokenParams{},
		"Organization": admit.Organization{}, "Member": admit.Member{}, "Organizations": admit.Organizations{}, "CreateOrganizationParams": admit.CreateOrganizationParams{}, "UpdateOrganizationParams": admit.UpdateOrganizationParams{}, "DeleteOrganizationParams": admit.DeleteOrganizationParams{}, "ListMembersParams": admit.ListMembersParams{}, "MemberParams": admit.MemberParams{}, "OrganizationConfig": admit.OrganizationConfig{}, "Invitation": admit.Invitation{}, "Invitations": admit.Invitations{}, "InvitationConfig": admit.InvitationConfig{}, "InvitationAttempt": admit.InvitationAttempt{}, "ProjectMember": admit.ProjectMember{}, "CreateInvitationParams": admit.CreateInvitationParams{}, "InvitationOutcome": admit.InvitationOutcome{}, "AcceptInvitationParams": admit.AcceptInvitationParams{}, "InvitationParams": admit.InvitationParams{}, "ListInvitationsParams": admit.ListInvitationsParams{}, "InvitationLink": admit.InvitationLink{}, "CreateInvitationLinkParams": admit.CreateInvitationLinkParams{}, "CreatedInvitationLink": admit.CreatedInvitationLink{},
		"Domain": admit.Domain{}, "DomainConfig": admit.DomainConfig{}, "DomainParams": admit.DomainParams{}, "Domains": admit.Domains{}, "OrganizationPolicy": admit.OrganizationPolicy{}, "SetPolicyParams": admit.SetPolicyParams{}, "JoinRequest": admit.JoinRequest{}, "JoinRequestParams": admit.JoinRequestParams{}, "Joinable": admit.Joinable{},
	}
}

// openMailer is a mailer of a host that does not hide its password.
type openMailer struct {
	Password string
}

func (openMailer) Send(context.Context, mailer.Message) error { return nil }

// secretName is what fields are called that hold secrets.
var secretName = regexp.MustCompile(`(Password|Secret|Token|Code|Key|Hash|Ticket|URI)$|^RequestID$`)

// plant writes a canary into every field of a type of this package that is named
// like a secret, and returns whether there is one.
func plant(v reflect.Value, canary string) (planted bool) {
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i)
		switch {
		case !name.IsExported():
		case field.Kind() == reflect.String && secretName.MatchString(name.Name):
			field.SetString(canary)
			planted = true
		case field.Kind() == reflect.Struct && field.Type().PkgPath() == v.Type().PkgPath():
			planted = plant(field, canary) || planted
		case field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct && field.Type().Elem().PkgPath() == v.Type().PkgPath():
			field.Set(reflect.New(field.Type().Elem()))
			planted = plant(field.Elem(), canary) || planted
		}
	}
	return planted
}

// everyPrint is what the verbs of fmt and the handlers of log/slog make of a value.
func everyPrint(v any) map[string]string {
	prints := map[string]string{"%d": fmt.Sprintf("%d", v)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		prints[verb] = fmt.Sprintf(verb, v) + fmt.Sprintf(verb, []any{v}) + fmt.Sprintf(verb, struct{ Inside any }{v})
	}
	var text, structured bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("it", "value", v)
	slog.New(slog.NewJSONHandler(&structured, nil)).Info("it", "value", v)
	prints["slog text"], prints["slog JSON"] = text.String(), structured.String()
	return prints
}

// TestS23_NoTypePrintsASecret goes through every exported struct type, and fails
// for a new one that nobody put into the list.
func TestS23_NoTypePrintsASecret(t *testing.T) {
	const canary = "canary-7f3a9c1e5b"
	types := printed()
	for _, name := range exportedStructs(t) {
		value, ok := types[name]
		if !ok {
			t.Errorf("%s is not in the list of this test", name)
			continue
		}
		filled := reflect.New(reflect.TypeOf(value))
		if name == "Error" || name == "Client" || name == "Event" {
			continue // the code of an error is for programs, the request id of a request for logs
		}
		if !plant(filled.Elem(), canary) && name != "Config" {
			continue
		}
		if config, ok := reflect.TypeAssert[*admit.Config](filled); ok {
			config.Secrets, config.Mailer = admit.Secrets(canary, canary), openMailer{Password: canary}
		}
		for how, text := range everyPrint(filled.Elem().Interface()) {
			// %d is no verb for text, so fmt prints the fields themselves.
			if how != "%d" && strings.Contains(text, canary) {
				t.Errorf("%s printed by %s shows a secret: %s", name, how, text)
			}
		}
		for how, text := range everyPrint(filled.Interface()) {
			if how != "%d" && how != "%q" && strings.Contains(text, canary) {
				t.Errorf("*%s printed by %s shows a secret: %s", name, how, text)
			}
		}
	}
	if text := fmt.Sprintf("%+v %#v %s", admit.Secrets(canary), admit.Secrets(canary), admit.Secrets(canary)); strings.Contains(text, canary) {
		t.Errorf("Secrets prints itself: %s", text)
	}
}

// What is no secret is still to be seen, and a client is still given its tokens.
func TestPrintingHidesNothingElse(t *testing.T) {
	text := fmt.Sprint(admit.SignInParams{Email: "ann@x.test", Password: "quiet-harbour-lamp"}, admit.SignInParams{Email: "bob@x.test"})
	if !strings.Contains(text, "ann@x.test Password:[hidden]") || !strings.Contains(text, "bob@x.test Password:[none]") {
		t.Errorf("got %s", text)
	}
	config := fmt.Sprintf("%+v", admit.Config{BaseURL: "https://app.example", Store: memory.New(), Mailer: &mailer.Recorder{}})
	for _, want := range []string{"BaseURL:https://app.example", "Store:*memory.Store", "Mailer:*mailer.Recorder", "Secrets:[none]", "OnEvent:nil"} {
		if !strings.Contains(config, want) {
			t.Errorf("%s is not in %s", want, config)
		}
	}
	raw, err := json.Marshal(admit.Tokens{AccessToken: "a", RefreshToken: "r", TokenType: "Bearer", ExpiresIn: 60})
	if err != nil || string(raw) != `{"accessToken":"a","refreshToken":"r","tokenType":"Bearer","expiresIn":60}` {
		t.Errorf("%s, %v", raw, err)
	}
}

// exportedStructs lists the exported struct types of the package by its source.
func exportedStructs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				// Auth holds a kernel, which no fmt verb opens; Page is generic.
				if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && s.TypeParams == nil && s.Name.Name != "Auth" {
					if _, isStruct := s.Type.(*ast.StructType); isStruct {
						names = append(names, s.Name.Name)
					}
				}
			}
		}
	}
	if len(names) < 40 {
		t.Fatalf("found %d types", len(names))
	}
	return names
}

// TestS24_ASecretFileThatOthersReadIsRefused: whoever reads the file makes tokens.
func TestS24_ASecretFileThatOthersReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes; run it on any other system")
	}
	path := filepath.Join(t.TempDir(), "admit.secret")
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o640: "warn", 0o440: "warn", 0o660: "warn",
		0o644: "refuse", 0o604: "refuse", 0o602: "refuse", 0o666: "refuse", 0o444: "refuse",
	} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		_, err := admit.New(admit.Config{
			BaseURL: "https://app.example", Secrets: admit.SecretFile(path), Store: memory.New(), Mailer: &mailer.Recorder{},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if (err != nil) != (want == "refuse") || err != nil && (!strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "wHs8kX2nPq5")) {
			t.Errorf("%#o: %v", mode, err)
		}
		if warned := strings.Contains(log.String(), "level=WARN"); warned != (want == "warn") {
			t.Errorf("%#o: the log says %q", mode, log.String())
		}
	}
}
