package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// The app of examples/teams, as a fresh clone starts it.
func TestTheTeamsOfTheExampleWorkInTwoBrowsers(t *testing.T) {
	useTeams(t, exampleProgram(t, "teams"))
}

// On PostgreSQL the app asks for notes without a WHERE, and the database shows each
// team its own.
func TestRowSecurityKeepsTheTeamsOfTheExampleApart(t *testing.T) {
	const role, password = "admit_test_teams", "secret"
	admin := pgtest.Open(t)
	execute := func(source string, statements ...string) *sql.DB {
		t.Helper()
		db, err := sql.Open("pgx", source)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		for _, statement := range statements {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(fmt.Errorf("%s: %w", statement, err))
			}
		}
		return db
	}
	execute(admin,
		`DO $$ BEGIN CREATE ROLE `+role+` LOGIN PASSWORD '`+password+`'; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
		`GRANT USAGE, CREATE ON SCHEMA public TO `+role,
	)
	source, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	source.User = url.UserPassword(role, password)
	useTeams(t, exampleProgram(t, "teams", "-store", source.String()))

	// What the app asks for, outside of any team and in each.
	db := execute(source.String())
	const unscoped = `SELECT author || ': ' || note FROM notes ORDER BY 1`
	if all := column(t, db, unscoped); len(all) != 0 {
		t.Errorf("outside of any team the notes are %q", all)
	}
	for _, team := range column(t, execute(admin), `SELECT DISTINCT organization_id FROM notes`) {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(`SELECT set_config('admit.organization_id', $1, true)`, team); err != nil {
			t.Fatal(err)
		}
		if all := column(t, tx, unscoped); len(all) == 0 || len(all) == len(column(t, execute(admin), unscoped)) {
			t.Errorf("the notes of one team are %q", all)
		}
		if _, err := tx.Exec(`INSERT INTO notes VALUES ('another team', 'Ada', 'smuggled', now())`); err == nil {
			t.Error("a team writes a row of another")
		}
		_ = tx.Rollback()
	}
}

// visitor is somebody with a browser.
type visitor struct {
	t    *testing.T
	ctx  context.Context
	base string
}

func visit(t *testing.T, base string) *visitor {
	t.Helper()
	return &visitor{t, openBrowser(t, 900, 900), base}
}

func (v *visitor) do(actions ...chromedp.Action) {
	v.t.Helper()
	if err := chromedp.Run(v.ctx, actions...); err != nil {
		v.t.Fatal(err)
	}
}

// until runs a script of the page again and again until it is true. The script finds
// what it needs and uses it in one step, since the page may be replaced between two.
func until(script string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			var done bool
			if err := chromedp.Evaluate(script, &done).Do(ctx); err == nil && done {
				return nil
			}
			if err := chromedp.Sleep(20 * time.Millisecond).Do(ctx); err != nil {
				return err
			}
		}
	})
}

// field types a value into the input of a name.
func (v *visitor) field(name, value string) chromedp.Action {
	return until(fmt.Sprintf(`(() => {
		const input = document.querySelector('input[name=%q]:not([type=hidden])')
		if (document.readyState !== 'complete' || !input) return false
		input.value = %q
		input.dispatchEvent(new Event('input', { bubbles: true }))
		return true
	})()`, name, value))
}

// button presses the button, or follows the link, with a text.
func (v *visitor) button(text string) chromedp.Action {
	return until(fmt.Sprintf(`(() => {
		const found = [...document.querySelectorAll('button, a')].find((e) => e.textContent.trim() === %q)
		if (document.readyState !== 'complete' || !found || found.disabled) return false
		found.click()
		return true
	})()`, text))
}

// open opens a page of the app and waits for its heading.
func (v *visitor) open(path, title string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.base+path), heading(title))
}

// signUp makes an account on the page of package pages that is shown.
func (v *visitor) signUp(name, title string) {
	v.t.Helper()
	v.do(heading("Create your account"), v.field("name", name), v.field("email", strings.ToLower(name)+"@x.test"),
		v.field("newPassword", "quiet harbour lamp"), v.button("Create account"), heading(title))
}

// mail waits for a mail and returns its link.
func (v *visitor) mail(to, subject string) (link string) {
	v.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll('li')].filter(l => l.textContent.startsWith(%q) && l.textContent.includes(%q)).map(l => l.querySelector('a').href)[0] || ''`, to+":", subject)
	for link == "" {
		v.do(chromedp.Navigate(v.base+"/dev/mailbox"), heading("The mail of this machine"), chromedp.Evaluate(find, &link))
		if link == "" {
			v.do(chromedp.Sleep(100 * time.Millisecond)) // the mail is on its way
		}
	}
	return link
}

// confirm opens the mail that confirms an address, and presses its button.
func (v *visitor) confirm(to string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.mail(to, "Confirm")), heading("Confirm your address"), v.button("Confirm my address"), heading("Your address is confirmed"))
}

// write adds a note to the team that is shown.
func (v *visitor) write(note string) {
	v.t.Helper()
	v.do(v.field("note", note), v.button("Add"), shows(": "+note+"</li>"))
}

// notes are what the page of the team shows.
func (v *visitor) notes() (all string) {
	v.t.Helper()
	v.do(chromedp.Evaluate(`document.querySelector('ul').innerText`, &all))
	return all
}

// useTeams makes two teams, invites by mail and by a link, switches, and removes a
// member.
func useTeams(t *testing.T, base string) {
	t.Helper()
	ada, bob := visit(t, base), visit(t, base)
	ada.do(chromedp.Navigate(base+"/"), heading("Sign in"))
	ada.do(chromedp.Navigate(base + "/auth/sign-up?return_to=/"))
	ada.signUp("Ada", "Your teams")
	ada.do(ada.field("name", "Acme"), ada.button("Make a team"), heading("Acme"))
	ada.do(ada.field("email", "bob@x.test"), ada.button("Invite"), heading("That was refused"), shows("Confirm your address"))
	ada.confirm("ada@x.test")
	ada.open("/team", "Acme")
	ada.do(ada.field("email", "bob@x.test"), ada.button("Invite"))

	// Bob is invited by mail, and signs up with it.
	bob.do(chromedp.Navigate(bob.mail("bob@x.test", "invited")), heading("You are invited"), shows("bob@x.test is invited to Acme, as member"),
		bob.field("name", "Bob"), bob.field("password", "quiet harbour lamp"), bob.button("Sign up and join"), heading("Your teams"),
		bob.button("Open Acme"), heading("Acme"))
	var manages bool
	bob.do(chromedp.Evaluate(`document.body.textContent.includes('Invite')`, &manages))
	if manages {
		t.Error("a plain member may invite")
	}
	bob.open("/", "Your teams")
	bob.do(bob.field("name", "Boats"), bob.button("Make a team"), heading("Boats"))

	// Both write at once, each in another team.
	ada.open("/team", "Acme")
	var both sync.WaitGroup
	both.Go(func() { ada.write("plan of Acme") })
	both.Go(func() { bob.write("plan of Boats") })
	both.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if got := ada.notes(); got != "Ada: plan of Acme" {
		t.Errorf("Acme has the notes %q", got)
	}
	if got := bob.notes(); got != "Bob: plan of Boats" {
		t.Errorf("Boats has the notes %q", got)
	}
	bob.open("/", "Your teams")
	var boats string
	bob.do(chromedp.Evaluate(`[...document.querySelectorAll('form')].find(f => f.textContent.includes('Open Boats')).team.value`, &boats),
		bob.button("Open Acme"), heading("Acme"))
	bob.write("a question")
	if got := bob.notes(); strings.Contains(got, "Boats") || !strings.Contains(got, "Ada: plan of Acme") {
		t.Errorf("after the switch Bob sees %q", got)
	}

	// Ada is no member of Boats.
	var status int
	ada.do(chromedp.Evaluate(`fetch('/switch', { method: 'POST', body: new URLSearchParams({ team: '`+boats+`' }) }).then((a) => a.status)`, &status, awaited))
	if status != 404 {
		t.Errorf("Ada enters the team of Bob: %d", status)
	}
	ada.open("/team", "Acme")

	// Eve has a link, and no account.
	var link string
	ada.do(ada.button("Make a link for ten people"), until(`!!document.querySelector('#link')`), chromedp.Evaluate(`document.querySelector('#link').href`, &link))
	eve := visit(t, base)
	eve.do(chromedp.Navigate(link), heading("You are invited"), eve.button("sign up"))
	eve.signUp("Eve", "You are invited")
	eve.do(eve.button("Join"), heading("Confirm your address first"))
	eve.confirm("eve@x.test")
	eve.open("/invitation", "You are invited")
	eve.do(eve.button("Join"), heading("Acme"))
	if got := eve.notes(); !strings.Contains(got, "Bob: a question") || strings.Contains(got, "Boats") {
		t.Errorf("Eve sees %q", got)
	}

	ada.open("/team", "Acme")
	ada.do(ada.button("Remove Eve"), until(`document.readyState === 'complete' && !document.body.textContent.includes('Eve,')`), heading("Acme"))
	eve.do(chromedp.Navigate(base+"/team"), heading("Your teams"), shows("You are in no team yet"))
}
