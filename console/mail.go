package console

import (
	"net/http"

	"github.com/admit-go/admit"
)

// mailView is one queue of the outbox.
type mailView struct {
	paged[admit.Mail]
	Queue, State string
}

// Pages is the numbered list, for the links to its pages.
func (m mailView) Pages() paged[admit.Mail] { return m.paged }

// mailPage shows what waits to be sent, or what was given up.
func (v *visit) mailPage() error {
	v.view.Section = "mail"
	number := v.number("page")
	data := mailView{Queue: or(v.query.Get("queue"), "mail"), State: or(v.query.Get("state"), "dead")}
	if data.State != "dead" && data.State != "waiting" {
		return admit.ErrInvalidRequest
	}
	list, err := v.auth.Outbox.List(v.r.Context(), admit.ListOutboxParams{
		Queue: data.Queue, Dead: data.State == "dead", Page: admit.PageParams{Number: number, Limit: shown},
	})
	if err != nil {
		return err
	}
	data.paged = pageOf(list, number)
	v.view.Data = data
	return v.show(http.StatusOK, "mail")
}

// retryMail sends a message again that was given up.
func (v *visit) retryMail() error {
	if _, err := v.call(http.MethodPost, v.filled("/admin/outbox/{mail}/retry"), nil); err != nil {
		return err
	}
	return v.done("mail", "retry")
}
