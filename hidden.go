package admit

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"
)

// This file keeps secrets out of what fmt and slog print. Every exported type
// that holds a secret has String, GoString and LogValue here;
// TestS23_NoTypePrintsASecret fails for one that lacks them.

// hiddenFields are the names of fields whose values are secrets.
func hiddenFields() []string {
	return []string{
		"Password", "InsecurePassword", "CurrentPassword", "NewPassword", "PasswordHash", "Hash", "Token", "AccessToken", "RefreshToken", "MFAToken", "CeremonyID", "Code", "RequestID", "Key", "Secrets", "Secret", "URI", "BackupCodes", "Ticket", "DeviceToken",
		"ClientSecret", "State", "Nonce", "CodeVerifier", "IDToken", "Binding", "Credential", "CSRFToken", "CSRFCookie", "RedirectURI", "URL", "InvitationToken", "UploadURL", "PublicKey",
	}
}

// redacted writes a struct as %+v does, without the values of hidden fields. Of
// what a host handed in as an interface or a pointer it names the type alone: the
// password of a mailer is none of the log's business either.
func redacted(v any) string {
	var text strings.Builder
	writeRedacted(&text, reflect.ValueOf(v), true)
	return text.String()
}

func writeRedacted(text *strings.Builder, v reflect.Value, outermost bool) {
	if v.CanInterface() && !outermost {
		switch printable := v.Interface().(type) {
		case time.Time, time.Duration:
			fmt.Fprint(text, printable)
			return
		case *SignedIn:
			if printable != nil {
				text.WriteString(printable.String())
				return
			}
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		writeFields(text, v)
	case reflect.Interface, reflect.Pointer, reflect.Func, reflect.Map, reflect.Chan:
		if v.IsNil() {
			text.WriteString("nil")
			return
		}
		if v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		text.WriteString(v.Type().String())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(text, "[%d bytes]", v.Len())
			return
		}
		text.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				text.WriteByte(' ')
			}
			writeRedacted(text, v.Index(i), false)
		}
		text.WriteByte(']')
	default:
		fmt.Fprint(text, v)
	}
}

// writeFields writes a struct.
func writeFields(text *strings.Builder, v reflect.Value) {
	text.WriteString(v.Type().Name() + "{")
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(field.Name + ":")
		if slices.Contains(hiddenFields(), field.Name) {
			text.WriteString(hiddenIf(v.Field(i)))
			continue
		}
		writeRedacted(text, v.Field(i), false)
	}
	text.WriteByte('}')
}

// hiddenIf tells whether there is a value, and not which.
func hiddenIf(v reflect.Value) string {
	if v.IsZero() {
		return "[none]"
	}
	return "[hidden]"
}

// String writes the fields without secrets.
func (c Config) String() string { return redacted(c) }

// GoString is String.
func (c Config) GoString() string { return redacted(c) }

// LogValue is String, for log/slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(redacted(c)) }

// String writes the fields without secrets.
func (x Tokens) String() string { return redacted(x) }

// GoString is String.
func (x Tokens) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x Tokens) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x SignedIn) String() string { return redacted(x) }

// GoString is String.
func (x SignedIn) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x SignedIn) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x SignUpResult) String() string { return redacted(x) }

// GoString is String.
func (x SignUpResult) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x SignUpResult) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x CreatedAPIKey) String() string { return redacted(x) }

// GoString is String.
func (x CreatedAPIKey) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x CreatedAPIKey) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x SignInParams) String() string { return redacted(x) }

// GoString is String.
func (x SignInParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x SignInParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x SignUpParams) String() string { return redacted(x) }

// GoString is String.
func (x SignUpParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x SignUpParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x CreateUserParams) String() string { return redacted(x) }

// GoString is String.
func (x CreateUserParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x CreateUserParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ChangePasswordParams) String() string { return redacted(x) }

// GoString is String.
func (x ChangePasswordParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ChangePasswordParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ConfirmPasswordResetParams) String() string { return redacted(x) }

// GoString is String.
func (x ConfirmPasswordResetParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ConfirmPasswordResetParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x TokenParams) String() string { return redacted(x) }

// GoString is String.
func (x TokenParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x TokenParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x RedeemCodeParams) String() string { return redacted(x) }

// GoString is String.
func (x RedeemCodeParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x RedeemCodeParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x SignOutParams) String() string { return redacted(x) }

// GoString is String.
func (x SignOutParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x SignOutParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ImportUserParams) String() string { return redacted(x) }

// GoString is String.
func (x ImportUserParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ImportUserParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ExportedUser) String() string { return redacted(x) }

// GoString is String.
func (x ExportedUser) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ExportedUser) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x PreparePasswordParams) String() string { return redacted(x) }

// GoString is String.
func (x PreparePasswordParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x PreparePasswordParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x BeginPasskeyParams) String() string { return redacted(x) }

// GoString is String.
func (x BeginPasskeyParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x BeginPasskeyParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x PasskeySignInParams) String() string { return redacted(x) }

// GoString is String.
func (x PasskeySignInParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x PasskeySignInParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x RegisteredPasskey) String() string { return redacted(x) }

// GoString is String.
func (x RegisteredPasskey) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x RegisteredPasskey) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x PasskeyOptions) String() string { return redacted(x) }

// GoString is String.
func (x PasskeyOptions) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x PasskeyOptions) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x PasskeyAnswer) String() string { return redacted(x) }

// GoString is String.
func (x PasskeyAnswer) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x PasskeyAnswer) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x FinishPasskeyParams) String() string { return redacted(x) }

// GoString is String.
func (x FinishPasskeyParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x FinishPasskeyParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x EnableMFAParams) String() string { return redacted(x) }

// GoString is String.
func (x EnableMFAParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x EnableMFAParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (s MFASetup) String() string { return redacted(s) }

// GoString is String.
func (s MFASetup) GoString() string { return redacted(s) }

// LogValue is String, for log/slog.
func (s MFASetup) LogValue() slog.Value { return slog.StringValue(redacted(s)) }

// String writes the fields without secrets.
func (x ConfirmMFAParams) String() string { return redacted(x) }

// GoString is String.
func (x ConfirmMFAParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ConfirmMFAParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ConfirmedMFA) String() string { return redacted(x) }

// GoString is String.
func (x ConfirmedMFA) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ConfirmedMFA) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x WithdrawParams) String() string { return redacted(x) }

// GoString is String.
func (x WithdrawParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x WithdrawParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x VerifyMFAParams) String() string { return redacted(x) }

// GoString is String.
func (x VerifyMFAParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x VerifyMFAParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x VerifiedMFA) String() string { return redacted(x) }

// GoString is String.
func (x VerifiedMFA) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x VerifiedMFA) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ChangeMFAParams) String() string { return redacted(x) }

// GoString is String.
func (x ChangeMFAParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ChangeMFAParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ReauthenticateParams) String() string { return redacted(x) }

// GoString is String.
func (x ReauthenticateParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ReauthenticateParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

func (secretList) String() string       { return "[hidden]" }
func (secretList) GoString() string     { return "[hidden]" }
func (secretList) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// String writes the fields without secrets.
func (x AcceptInvitationParams) String() string { return redacted(x) }

// GoString is String.
func (x AcceptInvitationParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x AcceptInvitationParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without the link.
func (x CreatedInvitationLink) String() string { return redacted(x) }

// GoString is String.
func (x CreatedInvitationLink) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x CreatedInvitationLink) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x AvatarUpload) String() string { return redacted(x) }

// GoString is String.
func (x AvatarUpload) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x AvatarUpload) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x AvatarBytes) String() string { return redacted(x) }

// GoString is String.
func (x AvatarBytes) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x AvatarBytes) LogValue() slog.Value { return slog.StringValue(redacted(x)) }
