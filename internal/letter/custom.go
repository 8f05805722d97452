package letter

import (
	"errors"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/admit-go/admit/mailer"
)

// Custom is a message that an operator has written. Subject is text and Body HTML.
// Both may have variables such as {{userName}}, and nothing else between braces.
type Custom struct {
	Subject, Body string
	// LogoURL is shown above the body, and Color (#rrggbb) is the line above it. Each
	// may be "".
	LogoURL, Color string
}

// CustomError says where a Custom is wrong.
type CustomError struct {
	// Part is "subject" or "body". Line and Column count from 1, and Column counts
	// characters.
	Part         string
	Line, Column int
	// Reason is what is wrong, such as "there is no variable {{userNmae}}".
	Reason string
}

// Error names the place and the reason.
func (e *CustomError) Error() string {
	return fmt.Sprintf("%s, line %d, column %d: %s", e.Part, e.Line, e.Column, e.Reason)
}

// linkNames are the variables of the links that a message is of no use without.
var linkNames = map[mailer.Kind]string{
	mailer.SignupConfirmation: "verifyLink", mailer.EmailVerification: "verifyLink",
	mailer.PasswordReset: "resetLink", mailer.MagicLink: "magicLink",
}

// Variables lists the variables of a kind of message. Required is the variable that
// a body must have, or "".
func Variables(kind mailer.Kind) (names []string, required string) {
	names = []string{"userName", "userEmail", "siteName"}
	if required = linkNames[kind]; required != "" {
		names = append(names, required)
	}
	if kind == mailer.MagicLink {
		names = append(names, "code")
	}
	return names, required
}

// customData is what the template of a Custom is executed with.
type customData struct {
	UserName, UserEmail, SiteName, Code string
	// Link was checked by isLink, so it may stand in HTML even if it opens an app.
	Link template.URL
}

// fieldOf is the field of customData that a variable stands for.
func fieldOf(name string) string {
	switch name {
	case "verifyLink", "resetLink", "magicLink":
		return "Link"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

var variable = regexp.MustCompile(`\{\{\s*([a-zA-Z]+)\s*\}\}`)

// Check finds the first mistake, as a *CustomError.
func (c Custom) Check(kind mailer.Kind) error {
	_, err := c.parse(kind)
	return err
}

// parse makes the template of the body, after a check of both parts.
func (c Custom) parse(kind mailer.Kind) (*template.Template, error) {
	if strings.ContainsFunc(c.Subject, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }) {
		return nil, &CustomError{"subject", 1, 1, "there is a line break or another control character"}
	}
	if strings.TrimSpace(c.Subject) == "" {
		return nil, &CustomError{"subject", 1, 1, "is empty"}
	}
	if err := checkVariables("subject", c.Subject, kind); err != nil {
		return nil, err
	}
	names, required := Variables(kind)
	if err := checkVariables("body", c.Body, kind); err != nil {
		return nil, err
	}
	if err := checkHTML(c.Body); err != nil {
		return nil, err
	}
	if required != "" && !slices.ContainsFunc(variable.FindAllStringSubmatch(c.Body, -1), func(m []string) bool { return m[1] == required }) {
		return nil, &CustomError{"body", 1, 1, "the variable {{" + required + "}} is missing: the message is of no use without it"}
	}
	if strings.TrimSpace(c.Body) == "" {
		return nil, &CustomError{"body", 1, 1, "is empty"}
	}
	source := variable.ReplaceAllStringFunc(c.Body, func(found string) string {
		return "{{." + fieldOf(variable.FindStringSubmatch(found)[1]) + "}}"
	})
	t, err := template.New("body").Parse(source)
	if err == nil {
		// html/template finds a variable in a place where it cannot be escaped now, and
		// not when a message is sent.
		_, err = executeCustom(t, customData{UserName: "Ada", UserEmail: "ada@example.com", SiteName: "App", Code: "123456", Link: "https://app.example/page?token=sample"})
	}
	if err != nil {
		return nil, &CustomError{"body", 1, 1, "a variable stands where it cannot be escaped, one of " + strings.Join(names, ", ") + ": " + err.Error()}
	}
	return t, nil
}

// checkVariables refuses everything between braces that is not a variable of kind.
func checkVariables(part, text string, kind mailer.Kind) error {
	names, _ := Variables(kind)
	for at := 0; ; {
		next := strings.Index(text[at:], "{{")
		if next < 0 {
			return nil
		}
		at += next
		found := variable.FindStringSubmatchIndex(text[at:])
		switch {
		case found == nil || found[0] != 0:
			return placed(part, text, at, "only variables such as {{userName}} may stand between braces")
		case !slices.Contains(names, text[at+found[2]:at+found[3]]):
			return placed(part, text, at, "there is no variable {{"+text[at+found[2]:at+found[3]]+"}}; the variables are "+strings.Join(names, ", "))
		}
		at += found[1]
	}
}

func placed(part, text string, at int, reason string) error {
	before := text[:at]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return &CustomError{part, strings.Count(before, "\n") + 1, len([]rune(line)) + 1, reason}
}

// checkHTML refuses what no mail needs and mail programs do not run: scripts, forms,
// frames, handlers of events, addresses that a browser would run, and a variable in a
// style sheet or a comment.
func checkHTML(body string) error {
	tokens := html.NewTokenizer(strings.NewReader(body))
	at, inStyle := 0, false
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return nil // the end
		}
		raw := string(tokens.Raw())
		wrong := func(reason string) error { return placed("body", body, at, reason) }
		token := tokens.Token()
		switch kind {
		case html.StartTagToken, html.SelfClosingTagToken:
			switch token.Data {
			case "script", "iframe", "frame", "object", "embed", "applet", "form", "base", "meta", "link", "svg", "math", "template", "noscript", "plaintext", "xmp", "textarea", "title":
				return wrong("the element " + token.Data + " is not for mails")
			}
			inStyle = token.Data == "style"
			for _, a := range token.Attr {
				value := strings.ToLower(strings.Join(strings.Fields(a.Val), ""))
				scheme, _, _ := strings.Cut(value, ":")
				switch {
				case strings.Contains(a.Key, "{{"):
					return wrong("a variable may stand in the value of an attribute only")
				case strings.HasPrefix(a.Key, "on"), a.Key == "srcdoc":
					return wrong("the attribute " + a.Key + " is not for mails")
				case scheme == "javascript" || scheme == "vbscript" || scheme == "data":
					return wrong("the address in " + a.Key + " begins with " + scheme)
				case a.Key == "style" && strings.Contains(a.Val, "{{"):
					return wrong("a variable may not stand in a style")
				}
			}
		case html.EndTagToken:
			inStyle = false
		case html.TextToken:
			if inStyle && strings.Contains(raw, "{{") {
				return wrong("a variable may not stand in a style sheet")
			}
		case html.CommentToken, html.DoctypeToken:
			if strings.Contains(raw, "{{") {
				return wrong("a variable may not stand in a comment")
			}
		}
		at += len(raw)
	}
}

// customFrame stands around the body of every Custom.
var customFrame = template.Must(template.New("frame").Parse(`<!doctype html>
<html lang="{{.Language}}" dir="{{.Direction}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Subject}}</title>
</head>
<body style="margin:0;padding:0">
<div style="max-width:600px;margin:0 auto;padding:24px 16px;font:16px/25px -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;word-break:break-word{{with .Color}};border-top:4px solid {{.}}{{end}}">
{{with .LogoURL}}<p><img src="{{.}}" alt="{{$.SiteName}}" style="max-width:240px;max-height:80px"></p>
{{end}}{{.Body}}
</div>
</body>
</html>
`))

// RenderCustom makes a message of what an operator has written. The plain text is
// made from the HTML. A name that nobody has verified is not shown: a stranger may
// have chosen it.
func (s *Set) RenderCustom(m mailer.Message, c Custom) (mailer.Message, error) {
	if err := s.check(m.Kind, m.Values); err != nil {
		return m, fmt.Errorf("letter %s: %w", m.Kind, err)
	}
	body, err := c.parse(m.Kind)
	if err != nil {
		return m, fmt.Errorf("letter %s: %w", m.Kind, err)
	}
	v := clean(m.Values)
	facts := customData{UserName: v.UserName, UserEmail: v.UserEmail, SiteName: v.SiteName, Code: v.Code, Link: template.URL(v.Link)}
	if !v.Verified || facts.UserName == "" {
		facts.UserName = v.UserEmail
	}
	inner, err := executeCustom(body, facts)
	if err != nil {
		return m, fmt.Errorf("letter %s: %w", m.Kind, err)
	}
	shown := m
	shown.Values = v
	shown.Subject = visible(variable.ReplaceAllStringFunc(c.Subject, func(found string) string {
		switch fieldOf(variable.FindStringSubmatch(found)[1]) {
		case "UserName":
			return facts.UserName
		case "UserEmail":
			return facts.UserEmail
		case "SiteName":
			return facts.SiteName
		}
		return "" // a secret has no place in a subject
	}))
	framed := bounded{left: largestPart}
	language := s.languageOf(m.Locale, m.Kind)
	err = customFrame.Execute(&framed, struct {
		Language, Direction, Subject, SiteName, LogoURL, Color string
		Body                                                   template.HTML
	}{language.Tag, language.Direction, shown.Subject, v.SiteName, c.LogoURL, c.Color, template.HTML(inner)})
	if err != nil {
		return m, fmt.Errorf("letter %s: %w", m.Kind, err)
	}
	shown.Text, shown.HTML = plainOf(inner), framed.String()
	return s.finished(m, shown), nil
}

func executeCustom(t *template.Template, d customData) (string, error) {
	b := bounded{left: largestPart}
	if err := t.Execute(&b, d); err != nil {
		return "", err
	}
	if strings.Contains(b.String(), "ZgotmplZ") {
		return "", errors.New("an address is not safe there")
	}
	return b.String(), nil
}

// plainOf writes HTML as plain text: blocks are paragraphs, and the address of a link
// stands on a line of its own.
func plainOf(source string) string {
	tokens := html.NewTokenizer(strings.NewReader(source))
	var p plain
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(p.String()) + "\n"
		case html.TextToken:
			p.words(string(tokens.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			p.begin(tokens.Token())
		case html.EndTagToken:
			p.end(tokens.Token().Data)
		}
	}
}

// plain is the plain text of HTML, as far as it was read.
type plain struct {
	strings.Builder
	// href is the address of the link that is open, hidden counts the elements that
	// are open and show no text.
	href   string
	hidden int
}

// blocks are the elements that begin and end a paragraph.
var blocks = []string{"p", "div", "table", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote"}

// line ends the line, with n line feeds at least.
func (p *plain) line(n int) {
	text := strings.TrimRight(p.String(), " ")
	p.Reset()
	p.WriteString(text)
	for have := len(text) - len(strings.TrimRight(text, "\n")); text != "" && have < n; have++ {
		p.WriteByte('\n')
	}
}

func (p *plain) words(raw string) {
	text := visible(html.UnescapeString(raw))
	if p.hidden > 0 || text == "" {
		return
	}
	if strings.TrimLeft(raw, " \t\r\n") != raw && p.Len() > 0 && !strings.HasSuffix(p.String(), "\n") {
		p.WriteByte(' ')
	}
	p.WriteString(text)
	if strings.TrimRight(raw, " \t\r\n") != raw {
		p.WriteByte(' ')
	}
}

func (p *plain) begin(token html.Token) {
	switch {
	case token.Data == "style":
		p.hidden++
	case token.Data == "br":
		p.line(1)
	case token.Data == "li":
		p.line(1)
		p.WriteString("- ")
	case token.Data == "hr" || slices.Contains(blocks, token.Data):
		p.line(2)
	case token.Data == "a":
		for _, a := range token.Attr {
			if a.Key == "href" {
				p.href = visible(a.Val)
			}
		}
	}
}

func (p *plain) end(name string) {
	switch {
	case name == "style":
		p.hidden = max(0, p.hidden-1)
	case name == "a":
		if p.href != "" && !strings.HasSuffix(strings.TrimSpace(p.String()), p.href) {
			p.line(1)
			p.WriteString(p.href)
			p.line(1)
		}
		p.href = ""
	case slices.Contains(blocks, name):
		p.line(2)
	}
}
