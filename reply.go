package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
)

func writeError(w http.ResponseWriter, e *Error) { webio.WriteError(w, e.failure()) }

// failure is the error as a client sees it.
func (e *Error) failure() webio.Failure {
	return webio.Failure{Status: e.Status, Code: e.Code, Message: e.Message, Details: e.Details, RetryAfter: e.RetryAfter}
}

type sentBody struct {
	Message   string `json:"message"`
	Email     string `json:"email"`
	RequestID string `json:"requestId,omitempty"`
}

// writeSent answers a request for a mail. The answer is the same for every
// address.
func writeSent(w http.ResponseWriter, status int, email, requestID string) error {
	return webio.Write(w, status, sentBody{"If the address can be used, a mail is on its way.", showEmail(email), requestID})
}

// showEmail returns an address in the form in which it is kept.
func showEmail(email string) string {
	if address, err := emailaddress.Parse(email); err == nil {
		return address.Display
	}
	return ""
}

// newPasswordBody is the answer to a reset and to a change of password. The
// counts are left out if they are zero.
type newPasswordBody struct {
	Message        string `json:"message"`
	LiveAPIKeys    int    `json:"liveApiKeys,omitzero"`
	RevokedAPIKeys int    `json:"revokedApiKeys,omitzero"`
}
