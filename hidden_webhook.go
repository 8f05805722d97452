package admit

import "log/slog"

// This file keeps the keys and the URLs of webhooks out of what fmt and slog print.

// String leaves out the URL.
func (x Webhook) String() string { return redacted(x) }

// GoString is String.
func (x Webhook) GoString() string { return redacted(x) }

// LogValue is String.
func (x Webhook) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String leaves out the URL and the secret.
func (x CreatedWebhook) String() string { return redacted(x) }

// GoString is String.
func (x CreatedWebhook) GoString() string { return redacted(x) }

// LogValue is String.
func (x CreatedWebhook) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String leaves out the URL.
func (x CreateWebhookParams) String() string { return redacted(x) }

// GoString is String.
func (x CreateWebhookParams) GoString() string { return redacted(x) }

// LogValue is String.
func (x CreateWebhookParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }

// String leaves out the URL.
func (x UpdateWebhookParams) String() string { return redacted(x) }

// GoString is String.
func (x UpdateWebhookParams) GoString() string { return redacted(x) }

// LogValue is String.
func (x UpdateWebhookParams) LogValue() slog.Value { return slog.StringValue(redacted(x)) }
