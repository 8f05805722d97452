package main

import (
	"html/template"
	"net"
	"net/http"
	"net/netip"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/mailer/smtp"
)

// mailer gives the SMTP server of -smtp, or the development mailbox, where mails
// are kept and shown instead of being sent. A server on this machine may do
// without TLS.
func (o *options) mailer() (mailer.Mailer, http.Handler) {
	if o.smtp != "" {
		host, _, _ := net.SplitHostPort(o.smtp)
		address, err := netip.ParseAddr(host)
		local := host == "localhost" || err == nil && address.IsLoopback()
		return &smtp.Mailer{Addr: o.smtp, From: o.mailFrom, InsecurePlaintext: local}, nil
	}
	recorder := &mailer.Recorder{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev/mailbox", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'")
		_ = mailboxPage.Execute(w, recorder.Messages())
	})
	mux.HandleFunc("GET /dev/mailbox.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		type entry struct {
			To      string `json:"to"`
			Subject string `json:"subject"`
			Text    string `json:"text"`
			HTML    string `json:"html"`
			At      string `json:"at"`
		}
		entries := []entry{}
		for _, m := range recorder.Messages() {
			entries = append(entries, entry{m.To, m.Subject, m.Text, m.HTML, m.At.UTC().Format("2006-01-02T15:04:05.000Z")})
		}
		writeJSON(w, entries)
	})
	return recorder, mux
}

var mailboxPage = template.Must(template.New("mailbox").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Development mailbox</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
pre{white-space:pre-wrap;overflow-wrap:anywhere}iframe{width:100%;height:28rem;border:1px solid #8888}</style>
<h1>Development mailbox</h1>
{{range .}}<details><summary>{{.At.UTC.Format "15:04:05"}} to {{.To}}: {{.Subject}}</summary>
<pre>{{.Text}}</pre><iframe sandbox srcdoc="{{.HTML}}" title="{{.Subject}}"></iframe></details>
{{else}}<p>No mail yet. Sign somebody up.</p>{{end}}`))
