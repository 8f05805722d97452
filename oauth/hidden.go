package oauth

import (
	"fmt"
	"io"
	"log/slog"
)

// show prints a provider without its secrets, whatever the verb.
func show(to io.Writer, kind, clientID string) {
	_, _ = fmt.Fprintf(to, "oauth.%s{ClientID:%q}", kind, clientID)
}

func logged(kind, clientID string) slog.Value {
	return slog.GroupValue(slog.String("provider", kind), slog.String("clientId", clientID))
}
