package e2e_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
)

const auditPath = "/v1/admin/audit"

var _ = feeds.add(
	feed{route: "DELETE /v1/admin/outbox/{id}", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		s.Log.ExpectErrors()
		now, id := s.Clock.Now(), "0194f001-"+p.ID[9:]
		if err := s.Store.AddMail(context.Background(), store.Mail{ID: id, Kind: "magic_link", Sealed: []byte("x"), CreatedAt: now, NextAt: now, DeadAt: now}); err != nil {
			s.T.Fatal(err)
		}
		return map[string]string{"id": id}, nil
	}},
)

// kindsOf are the kinds of the events of an answer, in order.
func kindsOf(a *harness.Answer) (kinds []string) {
	for _, e := range a.Items() {
		kinds = append(kinds, e["kind"].(string))
	}
	return kinds
}

func TestAnOperatorReadsTheAuditLog(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		began := s.Clock.Now()
		boss := s.Admin()
		admin := harness.Bearer(boss.Access)
		ann, bob := s.SignUp("ann@x.test"), s.SignUp("bob@x.test")
		s.Clock.Advance(time.Minute)
		between := s.Clock.Now()
		s.SignIn(ann.Email, harness.Password).Want(http.StatusOK)
		s.Do("DELETE", adminUsers+ann.ID+"/sessions", harness.J{"reason": "stolen"}, admin).Want(http.StatusOK)
		read := func(query string) *harness.Answer {
			t.Helper()
			return s.Do("GET", auditPath+"?"+query, nil, admin).Want(http.StatusOK)
		}
		// The dispatcher links the events after they are committed.
		var about *harness.Answer
		s.Eventually("the events of ann are linked", func() bool {
			about = read("subject=" + ann.ID)
			return about.Items()[0]["seq"] != nil
		})
		if got := kindsOf(about); len(got) < 4 || got[0] != "session.ended" || !slices.Contains(got, "user.created") {
			t.Errorf("about ann are %v", got)
		}
		row := about.Items()[0]
		if row["actorId"] != boss.ID || row["subjectId"] != ann.ID || row["data"].(map[string]any)["why"] != "stolen" || row["seq"] == nil || row["prev"] == nil {
			t.Errorf("the last event is %v", row)
		}
		if got := kindsOf(read("order=oldest&subject=" + ann.ID)); got[len(got)-1] != "session.ended" {
			t.Errorf("the oldest first are %v", got)
		}
		if got := kindsOf(read("actor=" + boss.ID + "&subject=" + ann.ID)); !slices.Equal(got, []string{"session.ended"}) {
			t.Errorf("what the operator did to ann is %v", got)
		}
		if got := kindsOf(read("kind=session.created&subject=" + ann.ID + "&from=" + url.QueryEscape(between.Format(time.RFC3339)))); len(got) != 1 {
			t.Errorf("the later sign-ins of ann are %v", got)
		}
		if got := kindsOf(read("kind=session.created&subject=" + ann.ID + "&until=" + url.QueryEscape(between.Format(time.RFC3339)))); len(got) != 1 {
			t.Errorf("the earlier sign-ins of ann are %v", got)
		}
		if got := read("until=" + url.QueryEscape(began.Add(-time.Hour).Format(time.RFC3339))); len(got.Items()) != 0 || got.Get("nextCursor") != nil {
			t.Errorf("before everything is %s", got.Body)
		}
		// Page by page it is the same, with nothing twice.
		for _, order := range []string{"newest", "oldest"} {
			filter := "subject=" + ann.ID + "&order=" + order
			var paged []string
			cursor := ""
			for range 20 {
				part := read(filter + "&limit=1" + cursor)
				for _, e := range part.Items() {
					paged = append(paged, e["id"].(string))
				}
				next, more := part.Get("nextCursor").(string)
				if !more {
					break
				}
				cursor = "&cursor=" + next
			}
			var whole []string
			for _, e := range read(filter).Items() {
				whole = append(whole, e["id"].(string))
			}
			if !slices.Equal(paged, whole) {
				t.Errorf("%s: page by page %v, at once %v", order, paged, whole)
			}
		}
		// Reading is an event, with what was asked for.
		reads := read("kind=audit.read&actor=" + boss.ID)
		last := reads.Items()[0]
		if data := last["data"].(map[string]any); data["subject"] != ann.ID || data["format"] != "json" {
			t.Errorf("the last reading is %v", last)
		}
		// Every row is linked to the one before.
		s.Eventually("every row is linked", func() bool {
			for i, e := range read("order=oldest&limit=100").Items() {
				if e["seq"] != float64(i+1) {
					return false
				}
			}
			return true
		})
		s.Do("GET", auditPath, nil, harness.Bearer(bob.Access)).Want(http.StatusForbidden, "auth/forbidden")
		s.Do("GET", auditPath, nil).Want(http.StatusUnauthorized, "auth/unauthorized")
		_, key := s.NewKey("secret", "audit:read")
		s.Do("GET", auditPath, nil, harness.Key(key)).Want(http.StatusOK)
		_, narrow := s.NewKey("secret", "stats:read")
		s.Do("GET", auditPath, nil, harness.Key(narrow)).Want(http.StatusForbidden, "auth/scope-insufficient")
		// AC-172: forged cursors and limits.
		for _, bad := range []string{
			"limit=0", "limit=101", "limit=-1", "limit=x", "cursor=x", "cursor=%00", "from=yesterday", "until=9999999999", "from=0001-01-01T00:00:00Z",
			"order=random", "format=xlsx", "kind=a&kind=b", "actor=" + strings.Repeat("a", 101), "subject=%ff",
		} {
			s.Do("GET", auditPath+"?"+bad, nil, admin).Want(http.StatusBadRequest, "auth/invalid-request")
		}
		if got := read("subject=" + url.QueryEscape("' OR 1=1 --")); len(got.Items()) != 0 {
			t.Errorf("an injection selects %s", got.Body)
		}
	}, unlimited)
}

// AC-174: a cell that a spreadsheet would compute is text.
func TestAC174DownloadsOfTheAuditLog(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		boss := s.Admin()
		admin := harness.Bearer(boss.Access)
		ann := s.SignUp("ann@x.test")
		const formula = `=HYPERLINK("http://evil.test";1);-1+cmd|' /C calc'!A0`
		s.SignIn(ann.Email, harness.Password, harness.Header("User-Agent", formula)).Want(http.StatusOK)
		filter := "?subject=" + ann.ID + "&kind=session.created"
		got := s.Do("GET", auditPath+filter+"&format=csv", nil, admin).Want(http.StatusOK)
		if kind := got.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") || !strings.Contains(got.Header.Get("Content-Disposition"), "audit.csv") {
			t.Errorf("the type is %q", kind)
		}
		if body := string(got.Body); strings.Count(body, "\n") != strings.Count(body, "\r\n") {
			t.Error("a line does not end as RFC 4180 says")
		}
		rows, err := csv.NewReader(strings.NewReader(string(got.Body))).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%d rows, %v: %s", len(rows), err, got.Body)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") || strings.Contains(cell, ";-") {
					t.Errorf("the cell %q is a formula", cell)
				}
			}
		}
		if agent := rows[2][slices.Index(rows[0], "userAgent")]; agent != `'=HYPERLINK("http://evil.test";1);'-1+cmd|' /C calc'!A0` {
			t.Errorf("the device is %q", agent)
		}
		lines := strings.Split(strings.TrimSpace(string(s.Do("GET", auditPath+filter+"&format=jsonl", nil, admin).Want(http.StatusOK).Body)), "\n")
		var first struct {
			Kind      string `json:"kind"`
			Seq       int    `json:"seq"`
			UserAgent string `json:"userAgent"`
		}
		if err := json.Unmarshal([]byte(lines[1]), &first); err != nil || len(lines) != 2 || first.Kind != "session.created" || first.Seq == 0 || first.UserAgent != formula {
			t.Errorf("the lines are %q, %v", lines, err)
		}
		s.SignIn(ann.Email, "wrong-password-here").Want(http.StatusUnauthorized)
		s.Eventually("the failure is recorded", func() bool { return len(s.Events(ann.ID, "signin.failed")) == 1 })
		checkOCSF(t, string(s.Do("GET", auditPath+"?format=ocsf", nil, admin).Want(http.StatusOK).Body))
	}, unlimited)
}

// checkOCSF holds a download against what OCSF 1.3 requires of its classes.
func checkOCSF(t *testing.T, body string) {
	t.Helper()
	classes := map[float64]int{}
	for line := range strings.Lines(body) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		class := e["class_uid"].(float64)
		classes[class]++
		for _, required := range []string{"activity_id", "category_uid", "metadata", "severity_id", "time", "type_uid", "status_id"} {
			if e[required] == nil {
				t.Errorf("%s has no %s", line, required)
			}
		}
		if e["type_uid"] != class*100+e["activity_id"].(float64) {
			t.Errorf("the type of %s", line)
		}
		metadata := e["metadata"].(map[string]any)
		if metadata["version"] != "1.3.0" || metadata["product"].(map[string]any)["vendor_name"] == nil {
			t.Errorf("the metadata of %s", line)
		}
		user, _ := e["user"].(map[string]any)
		switch class {
		case 3002:
			if e["service"] == nil {
				t.Errorf("%s has no service", line)
			}
			fallthrough
		case 3001:
			if e["category_uid"] != 3.0 || user["uid"] == nil && user["name"] == nil {
				t.Errorf("%s has no user", line)
			}
		case 0:
			if e["category_uid"] != 0.0 || e["activity_id"] != 99.0 {
				t.Errorf("the category of %s", line)
			}
		default:
			t.Errorf("the class of %s", line)
		}
		if e["message"] == "signin.failed" && e["status_id"] != 2.0 {
			t.Errorf("%s is no failure", line)
		}
	}
	if classes[3001] == 0 || classes[3002] == 0 || classes[0] == 0 {
		t.Errorf("the classes are %v", classes)
	}
}

func TestTheNumbersOfOperators(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		ann := s.SignUp("ann@x.test")
		read := func() *harness.Answer {
			t.Helper()
			return s.Do("GET", "/v1/admin/stats", nil, admin).Want(http.StatusOK)
		}
		span := func(a *harness.Answer, list string, at int) map[string]any {
			t.Helper()
			all := a.Get(list).([]any)
			return all[(at+len(all))%len(all)].(map[string]any)
		}
		before := read()
		if n := len(before.Get("hours").([]any)); n != 24 {
			t.Errorf("%d hours", n)
		}
		if n := len(before.Get("days").([]any)); n != 30 {
			t.Errorf("%d days", n)
		}
		signUps := span(before, "hours", -1)["signUps"].(float64)
		if signUps < 2 || span(before, "days", -1)["signUps"] != signUps || before.Get("keyAgeSeconds") == nil || before.Get("keyCreatedAt") == nil {
			t.Errorf("the numbers are %s", before.Body)
		}
		if migrations := before.Get("pendingMigrations").([]any); len(migrations) != 0 {
			t.Errorf("%v are to be applied", migrations)
		}
		s.SignIn(ann.Email, "wrong-password-here").Want(http.StatusUnauthorized)
		s.Eventually("the failure is recorded", func() bool { return len(s.Events(ann.ID, "signin.failed")) == 1 })
		now, id := s.Clock.Now(), "0194f001-0000-7000-8000-000000000001"
		if err := s.Store.AddMail(t.Context(), store.Mail{ID: id, Kind: "magic_link", Sealed: []byte("x"), CreatedAt: now, NextAt: now, DeadAt: now}); err != nil {
			t.Fatal(err)
		}
		if again := read(); string(again.Body) != string(before.Body) {
			t.Errorf("within a minute the numbers are read again: %s", again.Body)
		}
		s.Clock.Advance(time.Minute)
		later := read()
		if later.Get("deadMail") != 1.0 || later.Get("outbox", "mail", "dead") != 1.0 || later.Get("outbox", "webhook", "waiting") != 0.0 {
			t.Errorf("the outbox is %s", later.Body)
		}
		failures := 0.0
		for i := range 2 { // the hour may have changed meanwhile
			if n, ok := span(later, "hours", -1-i)["failures"].(map[string]any)["wrong-credentials"].(float64); ok {
				failures += n
			}
		}
		if failures != 1 {
			t.Errorf("the failures are %s", later.Body)
		}
		s.Clock.Advance(25 * time.Hour)
		admin = harness.Bearer(s.SignIn("admin@x.test", harness.Password).Want(http.StatusOK).Tokens().Access)
		day := read()
		if span(day, "hours", 0)["signUps"] != 0.0 || span(day, "hours", -1)["signIns"] != 1.0 || span(day, "days", -1)["signUps"] != 0.0 {
			t.Errorf("a day later: %s", day.Body)
		}
		// Another process counts nothing twice.
		other := s.Process()
		if err := other.Auth.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := other.Auth.Statistics.Read(t.Context())
		if err != nil || got.Hours[23].SignIns != 1 {
			t.Errorf("another process reads %+v, %v", got.Hours[23], err)
		}
		s.Do("GET", "/v1/admin/stats", nil, harness.Bearer(ann.Access)).Want(http.StatusUnauthorized)
		bob := s.SignUp("bob@x.test")
		s.Do("GET", "/v1/admin/stats", nil, harness.Bearer(bob.Access)).Want(http.StatusForbidden, "auth/forbidden")
	}, unlimited)
}

func TestAnOperatorDeletesMessages(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		s.Log.ExpectErrors()
		admin := harness.Bearer(s.Admin().Access)
		now := s.Clock.Now()
		ids := map[string]string{"mail": "0194f001-0000-7000-8000-000000000001", "revocation": "0194f001-0000-7000-8000-000000000003"}
		for queue, id := range ids {
			m := store.Mail{ID: id, Queue: queue, Kind: "test", Sealed: []byte("x"), CreatedAt: now, NextAt: now.Add(time.Hour)}
			if queue == "mail" {
				m.DeadAt = now
			}
			if err := s.Store.AddMail(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		for queue, state := range map[string]string{"mail": "dead", "revocation": "waiting"} {
			list := s.Do("GET", "/v1/admin/outbox?queue="+queue+"&state="+state, nil, admin).Want(http.StatusOK)
			if items := list.Items(); len(items) != 1 || items[0]["id"] != ids[queue] {
				t.Errorf("%s: %s", queue, list.Body)
			}
			s.Do("DELETE", "/v1/admin/outbox/"+ids[queue], nil, admin).Want(http.StatusOK)
			s.Do("DELETE", "/v1/admin/outbox/"+ids[queue], nil, admin).Want(http.StatusNotFound, "auth/not-found")
		}
		s.Do("DELETE", "/v1/admin/outbox/none", nil, admin).Want(http.StatusNotFound, "auth/not-found")
		if events := s.Events("", "mail.deleted"); len(events) != 2 || !strings.Contains(string(events[0].Data), "0194f001") {
			t.Errorf("the events are %v", events)
		}
	}, unlimited)
}

// The chain of a real database: what operators change through the library keeps it
// whole, a purge too, and Verify works from every process.
func TestTheAuditLogStaysWhole(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ann, bob := s.SignUp("ann@x.test"), s.SignUp("bob@x.test")
		s.Ban(bob.ID)
		verify := func(s *harness.Server, checkpoint string) admit.Verification {
			t.Helper()
			found, err := s.Auth.Events.Verify(t.Context(), checkpoint)
			if err != nil || len(found.Faults) > 0 {
				t.Fatalf("%+v, %v", found, err)
			}
			return found
		}
		first := verify(s, "")
		if first.Last == 0 || first.Waiting != 0 || first.Unsigned != 0 || first.Checkpoint == "" {
			t.Errorf("the log is %+v", first)
		}
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: ann.ID, Reason: "asked by phone"}); err != nil {
			t.Fatal(err)
		}
		verify(s, first.Checkpoint)
		if err := s.Auth.Users.Purge(t.Context(), ann.ID); err != nil {
			t.Fatal(err)
		}
		last := verify(s, "")
		verify(s, first.Checkpoint)
		verify(s, last.Checkpoint)
		other := s.Process()
		if seen := verify(other, first.Checkpoint); seen.Last < last.Last {
			t.Errorf("another process sees %+v", seen)
		}
		if _, err := s.Auth.Events.Verify(t.Context(), "audit1.x"); err == nil {
			t.Error("a text that is no checkpoint")
		}
	}, unlimited)
}
