package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/admit-go/admit/internal/passhash"
)

// firebaseRowOf writes a row as the Firebase CLI does, with as many columns.
func firebaseRowOf(columns int, id, email, name, photo, created, disabled string) string {
	row := make([]string, columns)
	row[0], row[1], row[2], row[5], row[6], row[23], row[26] = id, email, "true", name, photo, created, disabled
	return strings.Join(row, ",") + "\r\n"
}

func TestFirebaseCSVOfTodayHas53Columns(t *testing.T) {
	text := firebaseRowOf(29, "a", "a@x.example", "Ann", "", "1714979289000", "false") +
		firebaseRowOf(53, "b", "b@x.example", `"Lee, "Bob", Jr"`, "https://x.example/p.png", "1714979289000", "true") +
		firebaseRowOf(53, "c", "c@x.example", `"Lee, ""Cy"""`, "", "1714979289000", "") +
		firebaseRowOf(27, "d", "d@x.example", `Dee "D" Doe`, "", "1714979289000", "false") +
		"too,few\n" + firebaseRowOf(80, "e", "e@x.example", `"`, "", "1714979289000", "false")
	got := readAll(t, text, "csv", Options{System: "firebase", Now: now})
	want := []string{"a Ann false", `b Lee, "Bob", Jr true`, `c Lee, ""Cy"" false`, `d Dee "D" Doe false`, "", `e " false`}
	if len(got) != len(want) {
		t.Fatalf("%d records", len(got))
	}
	for i, r := range got {
		if want[i] == "" {
			if r.Err == nil || r.Line != 5 {
				t.Errorf("a row with too few columns: %+v", r)
			}
			continue
		}
		text := fmt.Sprint(r.Account.OldID, " ", r.Account.Name, " ", r.Account.Banned)
		if r.Err != nil || text != want[i] || !r.Account.EmailVerified || r.Account.CreatedAt.Year() != 2024 {
			t.Errorf("%q, %v, want %q: %+v", text, r.Err, want[i], r.Account)
		}
	}
}

// inUTF16 is how PowerShell 5 writes a file by default.
func inUTF16(text string, order binary.AppendByteOrder) string {
	var raw []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		raw = order.AppendUint16(raw, unit)
	}
	return string(raw)
}

func TestByteOrderMarkBeforeQuotedHeaders(t *testing.T) {
	quoted := "\"email\",\"name\"\r\n\"a@x.example\",\"Änn 🔑\"\r\n\"b@x.example\",\"two\r\nlines\"\r\n"
	for what, text := range map[string]string{
		"UTF-8": "\ufeff" + quoted, "none": quoted, "UTF-16LE": inUTF16(quoted, binary.LittleEndian), "UTF-16BE": inUTF16(quoted, binary.BigEndian),
		"PowerShell's type": "\ufeff#TYPE System.Management.Automation.PSCustomObject\r\n" + quoted, "Excel's separator": "\ufeffsep=,\r\n" + quoted,
		"semicolons": "\ufeff" + strings.ReplaceAll(quoted, ",", ";"), "tabs": strings.ReplaceAll(quoted, ",", "\t"),
	} {
		r, err := New(strings.NewReader(text), "csv", Options{System: "phc"}, Position{})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		var got []string
		for {
			record, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || record.Err != nil {
				t.Fatalf("%s: %v, %v", what, err, record.Err)
			}
			got = append(got, record.Account.Email+" "+record.Account.Name)
		}
		if strings.Join(got, "|") != "a@x.example Änn 🔑|b@x.example twolines" || len(r.Unknown()) > 0 {
			t.Errorf("%s: read %q, unknown %q", what, got, r.Unknown())
		}
	}
	for what, text := range map[string]string{
		"lines": "\ufeff{\"email\":\"a@x.example\"}\r\n", "lines in UTF-16": inUTF16("{\"email\":\"a@x.example\"}\r\n", binary.LittleEndian),
	} {
		if r, err := New(strings.NewReader(text), "jsonl", Options{System: "phc"}, Position{}); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if record, err := r.Next(); err != nil || record.Account.Email != "a@x.example" {
			t.Errorf("%s: %+v, %v", what, record, err)
		}
	}
}

func TestWordsForAbsentBecomeNoFacts(t *testing.T) {
	for _, word := range []string{"NULL", "null", "None", `\N`, "", "[NULL]", "(null)", "NaN", " NULL "} {
		for _, c := range []struct{ system, head, row string }{
			{"phc", "email,name,emailVerified,banned,role,createdAt,passwordHash,id", "a@x.example,?,?,?,?,?,?,?"},
			{"supabase", "email,email_confirmed_at,confirmed_at,deleted_at,banned_until,encrypted_password,raw_user_meta_data,created_at", "a@x.example,?,?,?,?,?,?,?"},
			{"better-auth", "email,name,emailVerified,banned,banExpires,password,role", "a@x.example,?,?,?,?,?,?"},
			{"django", "email,first_name,last_name,username,is_active,is_superuser,password,verified", "a@x.example,?,?,?,?,?,?,?"},
			{"clerk", "primary_email_address,first_name,last_name,verified_email_addresses,banned,locked,password_digest", "a@x.example,?,?,?,?,?,?"},
			{"keycloak", "email,first_name,last_name,email_verified,enabled,credential_data,secret_data", "a@x.example,?,?,?,?,?,?"},
			{"auth0", "email,name,nickname,email_verified,blocked,password_hash", "a@x.example,?,?,?,?,?"},
		} {
			row := strings.ReplaceAll(c.row, "?", word)
			got := readAll(t, c.head+"\n"+row+"\n", "csv", Options{System: c.system, Now: now, Roles: true})[0]
			a := got.Account
			if got.Err != nil || a.EmailVerified || a.Banned || a.Name != "" || a.Role != "" || a.PasswordHash != "" || !a.CreatedAt.IsZero() || a.OldID != "" {
				t.Errorf("%s %q: %+v, %v", c.system, word, a, got.Err)
			}
		}
	}
	if got := readAll(t, "email,name\na@x.example,Null\n", "csv", Options{System: "phc"})[0]; got.Account.Name != "Null" {
		t.Errorf("the family name Null is read as %q", got.Account.Name)
	}
}

func TestAFactNeedsAValueThatReadsAsOne(t *testing.T) {
	for _, c := range []struct {
		system, record string
		want           string // "", "verified", "banned", or "error"
	}{
		{"supabase", `{"email":"a@x.example","email_confirmed_at":"perhaps"}`, "error"},
		{"supabase", `{"email":"a@x.example","email_confirmed_at":"0000-00-00 00:00:00"}`, ""},
		{"supabase", `{"email":"a@x.example","email_confirmed_at":false}`, ""},
		{"supabase", `{"email":"a@x.example","deleted_at":"x"}`, "error"},
		{"supabase", `{"email":"a@x.example","deleted_at":"2024-05-06 07:08:09.123456+00"}`, "banned"},
		{"supabase", `{"email":"a@x.example","banned_until":"infinity"}`, "banned"},
		{"supabase", `{"email":"a@x.example","banned_until":"next year"}`, "error"},
		{"phc", `{"email":"a@x.example","emailVerified":"perhaps"}`, "error"},
		{"phc", `{"email":"a@x.example","emailVerified":{}}`, ""},
		{"phc", `{"email":"a@x.example","emailVerified":"1.0"}`, "verified"},
		{"phc", `{"email":"a@x.example","emailVerified":"[v]"}`, "verified"},
		{"phc", `{"email":"a@x.example","emailVerified":"[ ]"}`, ""},
		{"phc", `{"email":"a@x.example","banned":"2024-05-06"}`, "error"},
		{"phc", `{"email":"a@x.example","banned":"TRUE"}`, "banned"},
		{"django", `{"email":"a@x.example","is_active":"maybe"}`, "error"},
	} {
		got := readAll(t, c.record, "jsonl", Options{System: c.system, Now: now})[0]
		is := ""
		switch {
		case got.Err != nil:
			is = "error"
		case got.Account.EmailVerified:
			is = "verified"
		case got.Account.Banned:
			is = "banned"
		}
		if is != c.want {
			t.Errorf("%s %s: %q, want %q (%v)", c.system, c.record, is, c.want, got.Err)
		}
	}
}

func TestFieldsAreMendedOrLeftOutAndOneLineSaysSo(t *testing.T) {
	long := strings.Repeat("é", 101)
	for _, c := range []struct{ record, note, want string }{
		{`{"email":"a@x.example","name":"` + long + `"}`, "longer than 100", strings.Repeat("é", 100) + "  false"},
		{`{"email":"a@x.example","name":"Ann\u202e\u0007"}`, "steer text", "Ann  false"},
		{`{"email":"a@x.example","name":"\u0000"}`, "steer text", "  false"},
		{`{"email":"a@x.example","createdAt":"0000-00-00"}`, "createdAt", "  false"},
		{`{"email":"a@x.example","createdAt":"0000-00-00 00:00:00"}`, "createdAt", "  false"},
		{`{"email":"a@x.example","createdAt":"soon"}`, "createdAt", "  false"},
		{`{"email":"a@x.example","createdAt":0}`, "createdAt", "  false"},
		{`{"email":"a@x.example","createdAt":99999999999999}`, "createdAt", "  false"},
		{`{"email":"a@x.example","createdAt":1e300}`, "createdAt", "  false"},
		{`{"email":"a@x.example","createdAt":"9999-01-01"}`, "future", "  false"},
		{`{"email":"a@x.example","role":"user,admin"}`, "role", "  false"},
		{`{"email":"a@x.example","role":["user","admin"]}`, "role", "  false"},
		{`{"email":"a@x.example","role":"Editor"}`, "lower case", " editor false"},
		{`{"email":"a@x.example","emailVerified":"2024-05-06T07:08:09Z"}`, "emailVerified is a time", "  true"},
		{`{"email":"a@x.example","emailVerified":1714979289000}`, "emailVerified is a time", "  true"},
		{`{"email":"a@x.example","locale":"the moon"}`, "locale", "  false"},
	} {
		got := readAll(t, c.record, "jsonl", Options{System: "phc", Now: now, Roles: true})[0]
		a := got.Account
		if text := fmt.Sprint(a.Name, " ", a.Role, " ", a.EmailVerified); got.Err != nil || text != c.want || !a.CreatedAt.IsZero() {
			t.Errorf("%.60s: %q, %v, want %q", c.record, text, got.Err, c.want)
		}
		if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], c.note) {
			t.Errorf("%.60s: notes %q, want one with %q", c.record, got.Notes, c.note)
		}
	}
	if got := readAll(t, `{"email":"a@x.example","role":"user,admin"}`, "jsonl", Options{System: "phc"})[0]; len(got.Notes) > 0 {
		t.Errorf("a role that nobody asked for: %q", got.Notes)
	}
}

func TestUnknownColumnsAreNamed(t *testing.T) {
	for _, c := range []struct{ system, format, text, want string }{
		{"phc", "csv", "email,verified\na@x.example,true\n", "verified"},
		{"phc", "csv", ",email,name\n0,a@x.example,A\n", ""}, // the index of pandas has no name
		{"phc", "jsonl", "{\"email\":\"a@x.example\"}\n{\"email\":\"b@x.example\",\"Verified\":true,\"mail\":1}\n", "Verified mail"},
		{"phc", "json", "[{\"email\":\"a@x.example\",\"pass\":1}]", "pass"},
		{"supabase", "csv", "email,email_confirmed,phone\n", "email_confirmed"},
		{"auth0", "jsonl", `{"email":"a@x.example","anything":1}`, ""},
	} {
		for _, ignore := range []string{"", "verified,Verified,mail,pass,email_confirmed", "*"} {
			r, err := New(strings.NewReader(c.text), c.format, Options{System: c.system, IgnoreColumns: strings.Split(ignore, ",")}, Position{})
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = r.Next()
			}
			want := c.want
			if ignore != "" {
				want = ""
			}
			if got := strings.Join(r.Unknown(), " "); got != want {
				t.Errorf("%s %q ignoring %q: unknown %q, want %q", c.system, c.text, ignore, got, want)
			}
		}
	}
	for name, want := range map[string]string{"verified": "emailVerified", "Email": "email", "password-hash": "passwordHash", "shoe": ""} {
		if got := Near("phc", name); got != want {
			t.Errorf("%q is near %q, want %q", name, got, want)
		}
	}
}

func TestOneRowNeverHarmsAnother(t *testing.T) {
	for what, c := range map[string]struct{ text, want string }{
		"a quote that is never closed": {"email,name\na@x.example,A\nb@x.example,\"B\nc@x.example,C\nd@x.example,\"D\"\n", "a@x.example:2 !:3 c@x.example:4 d@x.example:5"},
		"a quote open to the end":      {"email,name\nb@x.example,\"B\nc@x.example,C\nd@x.example,D", "!:2 c@x.example:3 d@x.example:4"},
		"two of them":                  {"email,name\nb@x.example,\"B\nc@x.example,\"C\nd@x.example,D\n", "!:2 !:3 d@x.example:4"},
		"inches":                       {"email,name\nb@x.example,5\" disk\nc@x.example,C\n", "!:2 c@x.example:3"},
		"bytes of Latin-1":             {"email,name\nb@x.example,J\xf6rg\nc@x.example,C\n", "!:2 c@x.example:3"},
		"a row of the wrong length":    {"email,name\nb@x.example,B,x\nc@x.example,C\n", "!:2 c@x.example:3"},
	} {
		var got []string
		for _, r := range readAll(t, c.text, "csv", Options{System: "phc"}) {
			address := r.Account.Email
			if r.Err != nil {
				address = "!"
			}
			got = append(got, fmt.Sprintf("%s:%d", address, r.Line))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

func TestACredentialOfAnUnknownShapeIsReported(t *testing.T) {
	for _, c := range []struct{ system, record string }{
		{"phc", `{"email":"a@x.example","passwordHash":{"hash":"x"}}`},
		{"phc", `{"email":"a@x.example","passwordHash":["x"]}`},
		{"keycloak", `{"email":"a@x.example","credentials":[{"type":"password","secret":"x"}]}`},
		{"keycloak", `{"email":"a@x.example","credentials":[{"type":"password","value":"in clear"}]}`},
		{"keycloak", `{"email":"a@x.example","credentials":["password"]}`},
		{"keycloak", `{"email":"a@x.example","credentials":{"password":"x"}}`},
		{"keycloak", `{"email":"a@x.example","credentials":[{"type":"password","hashedSaltedValue":"x"}]}`},
		{"auth0", `{"email":"a@x.example","custom_password_hash":{"algorithm":"md5"}}`},
		{"clerk", `{"primary_email_address":"a@x.example","password_digest":{"a":1}}`},
		{"better-auth", `{"email":"a@x.example","password":12345678}`},
	} {
		got := readAll(t, c.record, "jsonl", Options{System: c.system})[0]
		if !errors.Is(got.Err, passhash.ErrUnrecognised) {
			t.Errorf("%s %s: %+v, %v", c.system, c.record, got.Account, got.Err)
		}
		lenient := readAll(t, c.record, "jsonl", Options{System: c.system, UnknownHashes: true})[0]
		if lenient.Err != nil || lenient.Account.PasswordHash != "" || len(lenient.Notes) == 0 {
			t.Errorf("%s %s leniently: %+v, %v, %q", c.system, c.record, lenient.Account, lenient.Err, lenient.Notes)
		}
		without := readAll(t, c.record, "jsonl", Options{System: c.system, NoPasswords: true})[0]
		if without.Err != nil || without.Account.PasswordHash != "" {
			t.Errorf("%s %s without passwords: %+v, %v", c.system, c.record, without.Account, without.Err)
		}
	}
}

func TestKeycloakExportsOldAndNew(t *testing.T) {
	const salt, key = "c2FsdHNhbHRzYWx0c2E=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	for what, c := range map[string]struct{ user, want string }{
		"version 7, whole":  {`"credentials":[{"type":"password","hashedSaltedValue":"` + key + `","salt":"` + salt + `","hashIterations":27500,"counter":0,"algorithm":"pbkdf2-sha256","digits":0,"period":0,"config":{}}]`, "$pbkdf2-sha256$27500$"},
		"version 2":         {`"credentials":[{"type":"password","hashedSaltedValue":"` + key + `","salt":"` + salt + `","hashIterations":1}]`, "$pbkdf2$1$"},
		"version 12":        {`"credentials":[{"id":"x","type":"password","userLabel":"mine","createdDate":1,"secretData":"{\"value\":\"` + key + `\",\"salt\":\"` + salt + `\",\"additionalParameters\":{}}","credentialData":"{\"hashIterations\":27500,\"algorithm\":\"pbkdf2-sha256\",\"additionalParameters\":{}}"}]`, "$pbkdf2-sha256$27500$"},
		"objects, not text": {`"credentials":[{"type":"otp"},{"type":"password","secretData":{"value":"` + key + `","salt":"` + salt + `"},"credentialData":{"hashIterations":5,"algorithm":"pbkdf2-sha512"}}]`, "$pbkdf2-sha512$5$"},
		"no password":       {`"credentials":[]`, ""},
	} {
		document := `{"id":"r","realm":"demo","roles":{"realm":[{"name":"admin"}]},"groups":[{"name":"g"}],"users":[
  {"id":"6f9619ff-8b86-4011-b42d-00c04fc964ff","username":"ann","email":"a@x.example","enabled":true,"emailVerified":true,` + c.user + `}
 ],"clients":[{"clientId":"account"}]}`
		got := readAll(t, document, "json", Options{System: "keycloak", Now: now})
		if len(got) != 1 || got[0].Err != nil || got[0].Line != 2 || !strings.HasPrefix(got[0].Account.PasswordHash, c.want) || (got[0].Account.PasswordHash == "") != (c.want == "") || !got[0].Account.EmailVerified {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestDocumentsOfFirebaseToolsPandasAndDBeaver(t *testing.T) {
	for what, c := range map[string]struct{ system, text, format string }{
		"firebase-tools": {"firebase", "{\"users\": [\n{\n  \"localId\": \"a\",\n  \"email\": \"a@x.example\",\n  \"emailVerified\": true,\n  \"providerUserInfo\": []\n},\n{\"localId\":\"b\",\"email\":\"b@x.example\"}\n]}", "json"},
		"pandas":         {"phc", `[{"email":"a@x.example","emailVerified":true,"createdAt":1714979289000},{"email":"b@x.example","createdAt":null}]`, "json"},
		"pandas lines":   {"phc", "{\"email\":\"a@x.example\"}\n{\"email\":\"b@x.example\"}\n", "jsonl"},
		"DBeaver":        {"phc", "{\n\"select * from users\": [\n\t{\"email\" : \"a@x.example\"},\n\t{\"email\" : \"b@x.example\"}\n]}\n", "json"},
		"Auth0":          {"auth0", "{\"email\":\"a@x.example\"}\n{\"email\":\"b@x.example\"}", "jsonl"},
		"UTF-16":         {"phc", inUTF16("[{\"email\":\"a@x.example\"},\r\n{\"email\":\"b@x.example\"}]\r\n", binary.LittleEndian), "json"},
	} {
		format, err := Sniff(strings.NewReader(c.text))
		if err != nil || format != c.format {
			t.Errorf("%s is taken for %q, %v", what, format, err)
		}
		r, err := New(strings.NewReader(c.text), format, Options{System: c.system, Now: now}, Position{})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		var addresses []string
		for {
			record, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || record.Err != nil {
				t.Fatalf("%s: %v, %v", what, err, record.Err)
			}
			addresses = append(addresses, record.Account.Email)
		}
		if strings.Join(addresses, " ") != "a@x.example b@x.example" {
			t.Errorf("%s: %q", what, addresses)
		}
	}
}

func TestPandasWritesNumbersWithAPoint(t *testing.T) {
	got := readAll(t, ",id,email,emailVerified,createdAt\n0,17.0,a@x.example,1.0,1714979289.0\n1,,b@x.example,0.0,1.714979289e+12\n", "csv", Options{System: "phc", Now: now})
	if len(got) != 2 || !got[0].Account.EmailVerified || got[1].Account.EmailVerified || got[0].Account.CreatedAt.Year() != 2024 || got[1].Account.CreatedAt.Year() != 2024 {
		t.Errorf("read %+v", got)
	}
}

func TestMalformedDocumentsAreErrorsWithALine(t *testing.T) {
	for text, want := range map[string]string{
		"":        "line 1: the JSON breaks off",
		"17":      "no list of accounts",
		`{"a":1}`: "no list of accounts",
		"[{\"email\":\"a@x.example\"},\n\n{\"email\":":       "line 3: the JSON breaks off",
		"[{\"email\":\"a@x.example\"}\n":                     "line 2: the JSON breaks off",
		"[{\"email\":\"a@x.example\"}]\nx":                   "behind the JSON document",
		"[{\"email\":\"a@x.example\"}]\n[]":                  "behind the JSON document",
		`{"users":[{"email":"a@x.example"}],`:                "the JSON breaks off",
		"[{\"email\":\"a@x.example\"},\n{\"email\":\"b\",}]": "line 2: the JSON is damaged",
		"[" + strings.Repeat("[", 20_000):                    "line 1: the JSON",
	} {
		r, err := New(strings.NewReader(text), "json", Options{System: "phc"}, Position{})
		for err == nil {
			_, err = r.Next()
		}
		if errors.Is(err, io.EOF) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	// A record that is damaged in itself, in a document that is whole.
	got := readAll(t, "[{\"email\":\"a@x.example\"},17,{\"email\":\"b@x.example\",\"email\":\"c@x.example\"},{\"email\":\"d@x.example\"}]", "json", Options{System: "phc"})
	if len(got) != 4 || got[1].Err == nil || got[2].Err == nil || got[3].Err != nil {
		t.Errorf("read %+v", got)
	}
	long := `[{"email":"a@x.example","name":"` + strings.Repeat("x", 3*maxLine) + `"}]`
	r, err := New(strings.NewReader(long), "json", Options{System: "phc"}, Position{})
	for err == nil {
		_, err = r.Next()
	}
	if !strings.Contains(err.Error(), "longer than 4 MiB") {
		t.Errorf("a record of 12 MiB: %v", err)
	}
}

func TestDocumentGoesOnFromEveryPosition(t *testing.T) {
	for _, text := range []string{
		"[{\"email\":\"a@x.example\"},\n17, {\"email\":\"b@x.example\"},\n\n{\"email\":\"c@x.example\"}]\n",
		inUTF16("{\"users\":[{\"email\":\"a@x.example\"},\n{\"email\":\"b@x.example\",\"name\":\"🔑\"}]}", binary.BigEndian),
	} {
		whole, last := []Record{}, []Position{{}}
		r, err := New(strings.NewReader(text), "json", Options{System: "phc"}, Position{})
		for err == nil {
			var record Record
			if record, err = r.Next(); err == nil {
				whole, last = append(whole, record), append(last, r.Position())
			}
		}
		for n, from := range last {
			later, err := New(strings.NewReader(text), "json", Options{System: "phc"}, from)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range whole[n:] {
				got, err := later.Next()
				if err != nil || got.Line != want.Line || got.Account != want.Account {
					t.Errorf("after %d records: %+v, %v, want %+v", n, got, err, want)
				}
			}
			if _, err := later.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("after %d records: %v at the end", n, err)
			}
		}
	}
}

func TestTimesBeyondTheYearsOfAnAccountAreNoTimes(t *testing.T) {
	for _, text := range []string{"1e300", "-1e300", "99999999999999999999", "NaN1", "1e15", "300000-01-01", "0001-01-01"} {
		if got, err := (fields{"at": text}).time("at"); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	if got, err := (fields{"at": "infinity"}).time("at"); err != nil || got.Before(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("infinity is %v, %v", got, err)
	}
}

// TestFieldOddFilesOfOfficesAreReadOrNamed: blank lines before the names of the
// columns are passed over, the day numbers of spreadsheets are no times, and what is
// no CSV is called by what it is.
func TestFieldOddFilesOfOfficesAreReadOrNamed(t *testing.T) {
	records := readAll(t, "\n\r\n  \nemail,name,createdAt\na@x.test,A,45244.9\nb@x.test,B,1700000000\nc@x.test,C,1700000000000\n", "csv", Options{System: "phc"})
	if len(records) != 3 || records[0].Line != 5 {
		t.Fatalf("read %+v", records)
	}
	for i, want := range []time.Time{{}, time.Unix(1700000000, 0), time.Unix(1700000000, 0)} {
		if got := records[i]; got.Err != nil || !got.Account.CreatedAt.Equal(want) || (len(got.Notes) > 0) != (i == 0) {
			t.Errorf("line %d: %v %v, notes %v, want %v", got.Line, got.Account.CreatedAt, got.Err, got.Notes, want)
		}
	}
	for text, want := range map[string]string{"PK\x03\x04\x14\x00": "spreadsheet", "\x1f\x8b\x08\x00": "compressed"} {
		if _, err := New(strings.NewReader(text), "csv", Options{System: "phc"}, Position{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is answered %v", text, err)
		}
	}
	list := readAll(t, `[{"email":"a@x.test"}]`, "jsonl", Options{System: "phc"})
	if len(list) != 1 || list[0].Err == nil || !strings.Contains(list[0].Err.Error(), "--format json") {
		t.Errorf("a list is read as %+v", list)
	}
}
