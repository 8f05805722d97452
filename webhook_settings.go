package admit

// WebhookConfig sets where webhooks may lead.
type WebhookConfig struct {
	// AllowPrivate lets webhooks lead to this machine, by http too, and into private
	// networks, by https. New logs a warning. Otherwise a webhook leads to a public
	// address by https. Link-local addresses stay refused: clouds keep the credentials
	// of a machine there.
	AllowPrivate bool
}
