package admit

import "log/slog"

// This file keeps the secrets of providers out of what fmt and slog print, as hidden.go
// does for other types.

// String writes the fields without secrets.
func (x ProviderCredentials) String() string { return redacted(x) }

// GoString is String.
func (x ProviderCredentials) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ProviderCredentials) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ProviderRequest) String() string { return redacted(x) }

// GoString is String.
func (x ProviderRequest) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ProviderRequest) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ProviderAnswer) String() string { return redacted(x) }

// GoString is String.
func (x ProviderAnswer) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ProviderAnswer) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ProviderIdentity) String() string { return redacted(x) }

// GoString is String.
func (x ProviderIdentity) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ProviderIdentity) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ProviderTokens) String() string { return redacted(x) }

// GoString is String.
func (x ProviderTokens) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ProviderTokens) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x BegunProvider) String() string { return redacted(x) }

// GoString is String.
func (x BegunProvider) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x BegunProvider) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x FinishProviderParams) String() string { return redacted(x) }

// GoString is String.
func (x FinishProviderParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x FinishProviderParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x FinishedProvider) String() string { return redacted(x) }

// GoString is String.
func (x FinishedProvider) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x FinishedProvider) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ProviderSignInParams) String() string { return redacted(x) }

// GoString is String.
func (x ProviderSignInParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ProviderSignInParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x OneTapParams) String() string { return redacted(x) }

// GoString is String.
func (x OneTapParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x OneTapParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x LinkIdentityParams) String() string { return redacted(x) }

// GoString is String.
func (x LinkIdentityParams) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x LinkIdentityParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (x ProviderSettings) String() string { return redacted(x) }

// GoString is String.
func (x ProviderSettings) GoString() string { return redacted(x) }

// LogValue is String, for log/slog.
func (x ProviderSettings) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String writes the fields without secrets.
func (in UpdateProviderSettingsParams) String() string { return redacted(in) }

// GoString is String.
func (in UpdateProviderSettingsParams) GoString() string { return redacted(in) }

// LogValue is String, for log/slog.
func (in UpdateProviderSettingsParams) LogValue() slog.Value { return slog.StringValue(redacted(in)) }
