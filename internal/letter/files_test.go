package letter

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/admit-go/admit/mailer"
)

func files(pairs ...string) fstest.MapFS {
	made := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		made[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return made
}

func TestFilesReplacePartsOfAMessage(t *testing.T) {
	s := newSet(t, Options{Files: files(
		"magic_link.subject.txt", "Your key to {{.SiteName}}\n",
		"magic_link.html", `<p>{{.UserName}}</p><a href="{{.Link}}">go</a>`,
		"magic_link.ko.txt", "안녕하세요 {{.Link}}",
		"magic_link.pt-BR.subject.txt", "Entrar",
		"README.md", "not a template",
	)})
	v := sample()
	v.UserName = "<b>Eve</b> evil.test"
	subject, text, source, err := s.Render(mailer.MagicLink, "ko-KR", v)
	if err != nil {
		t.Fatal(err)
	}
	if subject != "Your key to Notebook" {
		t.Errorf("subject %q", subject)
	}
	if text != "안녕하세요 "+sampleLink {
		t.Errorf("text %q", text)
	}
	if want := "<p>&lt;b&gt;Eve&lt;/b&gt; evil [.] test</p>"; !strings.HasPrefix(source, want) || readPage(t, source).links[0] != sampleLink {
		t.Errorf("HTML %q", source)
	}
	subject, text, _, err = s.Render(mailer.MagicLink, "pt_br", v)
	if err != nil || subject != "Entrar" || !strings.Contains(text, "código") {
		t.Errorf("a part without a file must keep the built-in text: %q %q %v", subject, text, err)
	}
	if subject, _, _ = render(t, s, mailer.PasswordReset, v); subject != "Choose a new password for Notebook" {
		t.Errorf("another kind got the subject %q", subject)
	}
}

func TestAC022FilesNeverReadValuesAsTemplates(t *testing.T) {
	s := newSet(t, Options{Files: files("password_changed.txt", "Hi {{.UserName}}")})
	v := sample()
	v.UserName = "{{.Link}}"
	if _, text, _ := render(t, s, mailer.PasswordChanged, v); strings.Contains(text, "https:") || !strings.HasPrefix(text, "Hi {{") {
		t.Errorf("text %q", text)
	}
}

func TestEveryProblemWithFilesIsReportedAtOnce(t *testing.T) {
	_, err := New(Options{Files: files(
		"magic_link.txt", "{{.Token}}",
		"password_reset.html", "{{if}}",
		"password-reset.txt", "a name with a typo",
		"new_device.subject.txt", "{{if .Code}}fine{{else}}{{.Typo}}{{end}}",
		"account_deleted.txt", "{{range 300000}}x{{end}}",
		"email_changed.html", `<a href="{{if .Link}}x">`,
		"account_exists.txt", "fine",
		"account_exists.subjct.txt", "a part with a typo",
		"new_device.pt-BR.txt", "fine", "new_device.pt_br.txt", "the same language again",
	)})
	if err == nil {
		t.Fatal("nothing was reported")
	}
	for _, name := range []string{"magic_link.txt", "password_reset.html", "password-reset.txt", "new_device.subject.txt", "account_deleted.txt", "email_changed.html",
		"account_exists.subjct.txt", "new_device.pt_br.txt"} {
		if !strings.Contains(err.Error(), "message template "+name+":") {
			t.Errorf("%s is not reported in:\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "account_exists.txt") {
		t.Errorf("a good file is reported in:\n%v", err)
	}
}

func TestAFolderThatCannotBeReadIsReported(t *testing.T) {
	if _, err := New(Options{Files: failingFS{}}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

type failingFS struct{}

func (failingFS) Open(string) (fs.File, error) { return nil, fs.ErrPermission }

func TestATemplateThatFailsFallsBackToTheBuiltInText(t *testing.T) {
	var log bytes.Buffer
	s := newSet(t, Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Files: files(
			"password_changed.txt", `{{if eq .UserName "long"}}{{range 300000}}x{{end}}{{end}}short`,
			"password_changed.html", `{{if eq .UserName "wrong"}}{{index .UserName 1000}}{{end}}short`,
		),
	})
	v := sample()
	for name, builtIn := range map[string]string{"long": "text", "wrong": "HTML", "fine": ""} {
		v.UserName = name
		_, text, source := render(t, s, mailer.PasswordChanged, v)
		if got := strings.Contains(text, "was changed"); got != (builtIn == "text") {
			t.Errorf("%s: built-in text is %v: %.100q", name, got, text)
		}
		if got := strings.Contains(source, "was changed"); got != (builtIn == "HTML") {
			t.Errorf("%s: built-in HTML is %v: %.100q", name, got, source)
		}
	}
	if !strings.Contains(log.String(), "password_changed.txt") || !strings.Contains(log.String(), "password_changed.html") {
		t.Errorf("the log does not name the templates:\n%s", log.String())
	}
	if strings.Contains(log.String(), sampleLink) {
		t.Errorf("the log holds the link:\n%s", log.String())
	}
}

func TestAFunctionHasTheLastWord(t *testing.T) {
	var log bytes.Buffer
	s := newSet(t, Options{
		Files:  files("magic_link.subject.txt", "From a file"),
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Rewrite: func(m mailer.Message) mailer.Message {
			switch m.Kind {
			case mailer.MagicLink:
				m.Subject += ", then a\r\nfunction for " + m.Values.UserName
				m.Kind, m.To = mailer.AccountDeleted, "eve@evil.test"
			case mailer.PasswordReset:
				panic("the host's mistake")
			}
			return m
		},
	})
	v := sample()
	v.UserName = "evil.test"
	subject, text, _ := render(t, s, mailer.MagicLink, v)
	if subject != "From a file, then a function for evil [.] test" || !strings.Contains(text, sampleLink) {
		t.Errorf("subject %q, text %q", subject, text)
	}
	if subject, _, _ = render(t, s, mailer.PasswordReset, v); subject != "Choose a new password for Notebook" {
		t.Errorf("after a panic the subject is %q", subject)
	}
	if !strings.Contains(log.String(), "the host's mistake") {
		t.Errorf("the panic is not logged: %s", log.String())
	}
}
