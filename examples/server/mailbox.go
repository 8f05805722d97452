package main

import (
	"errors"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/mailer/smtp"
)

// mayShowMail refuses to keep mails where others than this machine could read
// them: whoever reads a mail owns its account.
func (o *options) mayShowMail(listener net.Addr) error {
	if o.smtp != "" || o.devMailbox {
		return nil
	}
	base, err := url.Parse(o.baseURL)
	if err != nil || !isLoopback(base.Host) || listener != nil && !isLoopback(listener.String()) {
		return errors.New("-smtp: is needed, since the mailbox of /dev/mailbox shows every mail to whoever reaches -addr or -base-url; " +
			"for tests there is -dev-mailbox")
	}
	return nil
}

// isLoopback tells whether a host, with or without a port, is this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}

// onLoopback answers only requests whose Host is this machine: a page of another
// site that had its name resolved to 127.0.0.1 reads no mail.
func onLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// mailer gives the SMTP server of -smtp, or the development mailbox, where mails
// are kept and shown instead of being sent. A server on this machine may do
// without TLS.
func (o *options) mailer() (mailer.Mailer, http.Handler) {
	if o.smtp != "" {
		return &smtp.Mailer{Addr: o.smtp, From: o.mailFrom, InsecurePlaintext: isLoopback(o.smtp)}, nil
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
	return recorder, onLoopback(mux)
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
