package source

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/passhash"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// readAll reads a text to its end.
func readAll(t testing.TB, text, format string, o Options) []Record {
	t.Helper()
	r, err := New(strings.NewReader(text), format, o, Position{})
	if err != nil {
		t.Fatal(err)
	}
	var records []Record
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			if at := r.Position().Offset; at != int64(len(text)) {
				t.Errorf("the end is at %d of %d bytes", at, len(text))
			}
			return records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
}

func TestNamesAndAddressesComeFromWhereEachSystemKeepsThem(t *testing.T) {
	for _, c := range []struct{ system, record, want string }{
		{"phc", `{"email":"a@x.example","name":"Ann"}`, "a@x.example Ann"},
		{"phc", `{"email":"a@x.example"}`, "a@x.example "},
		{"phc", `{"email":"a@x.example","name":"a@x.example"}`, "a@x.example "},
		{"supabase", `{"email":"a@x.example","raw_user_meta_data":{"name":"Ann","full_name":"Ann Lee"}}`, "a@x.example Ann Lee"},
		{"supabase", `{"email":"a@x.example","raw_user_meta_data":"{\"name\":\"Ann\"}"}`, "a@x.example Ann"},
		{"supabase", `{"email":"a@x.example","raw_user_meta_data":null}`, "a@x.example "},
		{"firebase", `{"email":"a@x.example","displayName":"Ann"}`, "a@x.example Ann"},
		{"better-auth", `{"email":"a@x.example","name":"Ann"}`, "a@x.example Ann"},
		{"django", `{"pk":1,"fields":{"email":"a@x.example","first_name":"Ann","last_name":"Lee"}}`, "a@x.example Ann Lee"},
		{"django", `{"id":1,"email":"a@x.example","first_name":"","last_name":"","username":"ann"}`, "a@x.example ann"},
		{"auth0", `{"email":"a@x.example","name":"a@x.example","given_name":"Ann","family_name":"Lee"}`, "a@x.example Ann Lee"},
		{"auth0", `{"email":"a@x.example","nickname":"ann"}`, "a@x.example ann"},
		{"clerk", `{"primary_email_address":"a@x.example","first_name":"Ann","last_name":null}`, "a@x.example Ann"},
		{"clerk", `{"primary_email_address":"a@x.example","username":"ann"}`, "a@x.example ann"},
		{"keycloak", `{"email":"a@x.example","firstName":"Ann","lastName":"Lee"}`, "a@x.example Ann Lee"},
		{"keycloak", `{"email":"a@x.example","first_name":"Ann","last_name":"Lee"}`, "a@x.example Ann Lee"},
		{"keycloak", `{"email":"a@x.example","username":"ann"}`, "a@x.example ann"},
	} {
		got := readAll(t, c.record, "jsonl", Options{System: c.system, Now: now})[0]
		if text := got.Account.Email + " " + got.Account.Name; got.Err != nil || text != c.want {
			t.Errorf("%s %s: %q, %v, want %q", c.system, c.record, text, got.Err, c.want)
		}
	}
}

// TestAddressIsProvenOnlyWhereTheSystemSaysSo: a mistake here would let whoever
// registered somebody else's address in as its owner.
func TestAddressIsProvenOnlyWhereTheSystemSaysSo(t *testing.T) {
	for _, c := range []struct {
		system, record string
		want           bool
	}{
		{"phc", `{"email":"a@x.example"}`, false},
		{"phc", `{"email":"a@x.example","emailVerified":"false"}`, false},
		{"phc", `{"email":"a@x.example","email_verified":"t"}`, true},
		{"supabase", `{"email":"a@x.example","phone_confirmed_at":"2024-01-01"}`, false},
		{"supabase", `{"email":"a@x.example","email_confirmed_at":null,"confirmed_at":null}`, false},
		{"supabase", `{"email":"a@x.example","email_confirmed_at":"2024-01-01 00:00:00+00"}`, true},
		{"firebase", `{"email":"a@x.example","emailVerified":false}`, false},
		{"firebase", `{"email":"a@x.example","emailVerified":true}`, true},
		{"better-auth", `{"email":"a@x.example","emailVerified":0}`, false},
		{"better-auth", `{"email":"a@x.example","email_verified":true}`, true},
		{"django", `{"email":"a@x.example","is_active":true}`, false},
		{"django", `{"email":"a@x.example","verified":1}`, true},
		{"auth0", `{"email":"a@x.example"}`, false},
		{"auth0", `{"email":"a@x.example","email_verified":true}`, true},
		{"clerk", `{"primary_email_address":"a@x.example","verified_email_addresses":"","unverified_email_addresses":"a@x.example"}`, false},
		{"clerk", `{"primary_email_address":"a@x.example","verified_email_addresses":"ba@x.example"}`, false},
		{"clerk", `{"primary_email_address":"a@x.example","verified_email_addresses":["b@x.example","a@x.example"]}`, true},
		{"keycloak", `{"email":"a@x.example","emailVerified":false}`, false},
		{"keycloak", `{"email":"a@x.example","email_verified":"t"}`, true},
	} {
		got := readAll(t, c.record, "jsonl", Options{System: c.system, Now: now})[0]
		if got.Err != nil || got.Account.EmailVerified != c.want {
			t.Errorf("%s %s: %v, %v", c.system, c.record, got.Account.EmailVerified, got.Err)
		}
	}
}

func TestKeycloakDisabledAndFirebaseDisabledAreBanned(t *testing.T) {
	for record, want := range map[string]bool{
		`{"email":"a@x.example","enabled":false}`: true, `{"email":"a@x.example","enabled":"f"}`: true,
		`{"email":"a@x.example","enabled":true}`: false, `{"email":"a@x.example"}`: false,
	} {
		got := readAll(t, record, "jsonl", Options{System: "keycloak"})[0]
		if got.Account.Banned != want || (got.Account.BanReason == "disabled in keycloak") != want {
			t.Errorf("%s: banned is %v, %q", record, got.Account.Banned, got.Account.BanReason)
		}
	}
	if got := readAll(t, `{"email":"a@x.example","disabled":true}`, "jsonl", Options{System: "firebase"})[0]; !got.Account.Banned {
		t.Errorf("firebase: %+v", got)
	}
}

// TestClerkDigestsAreVerifiedAsClerkDoes takes what other makers' vectors hold
// in the spelling of Clerk.
func TestClerkDigestsAreVerifiedAsClerkDoes(t *testing.T) {
	for _, c := range []struct{ hasher, digest, want string }{
		{"bcrypt", "$2b$05$BXcZMvpAkOOLa7EzzZVkp.NY9t6CNNXqQ.V5c7NSzL2GFn/m4Ve3a", "$2b$05$BXcZMvpAkOOLa7EzzZVkp.NY9t6CNNXqQ.V5c7NSzL2GFn/m4Ve3a"},
		// The salt of passlib's vector, in base64, and of Django's, as text.
		{"pbkdf2_sha256", "pbkdf2_sha256$2000$QChFKGVsTem9txbi3Fur1Q$wuQ1HwiVLgDkDrf5NyCeQ8vA6o/Csk2vXuDpLUVv1Fk", "$pbkdf2-sha256$2000$QChFKGVsTem9txbi3Fur1Q$wuQ1HwiVLgDkDrf5NyCeQ8vA6o/Csk2vXuDpLUVv1Fk"},
		{"pbkdf2_sha256_django", "pbkdf2_sha256$2000$seasaltSeasalt1$RnZHl5yc2IpKWEr2O4+wEyjeb06v4iLlorG0F1ajrag=", "pbkdf2_sha256$2000$seasaltSeasalt1$RnZHl5yc2IpKWEr2O4+wEyjeb06v4iLlorG0F1ajrag="},
		{"pbkdf2_sha1", "pbkdf2_sha1$2000$seasaltSeasalt2$db4757d80bc27ad9c23e575800ced548982b430f", "pbkdf2_sha1$2000$seasaltSeasalt2$20dX2AvCetnCPldYAM7VSJgrQw8="},
		{"scrypt_firebase", "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$Bw==$8$14",
			"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="},
		{"pbkdf2_sha1", "pbkdf2_sha1$2000$salt$nothex", ""},
		{"pbkdf2_sha1", "pbkdf2_sha1$2000$73616c74$db4757d80bc27ad9c23e575800ced548982b430f$20", ""},
		{"pbkdf2_sha256", "pbkdf2_sha256$2000", ""},
		{"scrypt_firebase", "a$b$c$d$e$f", ""},
		{"md5", "5f4dcc3b5aa765d61d8327deb882cf99", ""},
	} {
		record := fmt.Sprintf(`{"primary_email_address":"a@x.example","password_hasher":%q,"password_digest":%q}`, c.hasher, c.digest)
		got := readAll(t, record, "jsonl", Options{System: "clerk"})[0]
		if c.want == "" {
			if !errors.Is(got.Err, passhash.ErrUnrecognised) {
				t.Errorf("%s %s is taken as %q, %v", c.hasher, c.digest, got.Account.PasswordHash, got.Err)
			}
			lenient := readAll(t, record, "jsonl", Options{System: "clerk", UnknownHashes: true})[0]
			if lenient.Err != nil || lenient.Account.PasswordHash != "" {
				t.Errorf("%s %s leniently is %q, %v", c.hasher, c.digest, lenient.Account.PasswordHash, lenient.Err)
			}
			continue
		}
		if got.Err != nil || got.Account.PasswordHash != c.want {
			t.Errorf("%s: %q, %v, want %q", c.hasher, got.Account.PasswordHash, got.Err, c.want)
		}
	}
}

func TestTimesAreReadAsDatabasesWriteThem(t *testing.T) {
	want := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, text := range []string{
		"2024-05-06T07:08:09Z", "2024-05-06T07:08:09.000Z", "2024-05-06T09:08:09+02:00", "2024-05-06T07:08:09.000000+00:00", "2024-05-06T07:08:09",
		"2024-05-06T07:08:09.000+0000", "2024-05-06 07:08:09", "2024-05-06 07:08:09.000000", "2024-05-06 07:08:09+00", "2024-05-06 09:08:09+02",
		"2024-05-06 12:38:09+05:30", "2024-05-06 07:08:09Z", "2024-05-06 07:08:09 +0000", "2024-05-06 07:08:09 UTC", "1714979289", "1714979289000",
	} {
		if got, err := (fields{"at": text}).time("at"); err != nil || !got.Equal(want) {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	if got, err := (fields{"at": map[string]any{"$date": float64(1714979289000)}}).time("at"); err != nil || !got.Equal(want) {
		t.Errorf("extended JSON is read as %v, %v", got, err)
	}
	for _, text := range []string{"soon", "06/05/2024", "2024-13-01", "2024-05-06 07:08:09 PST", "-"} {
		if got, err := (fields{"at": text}).time("at"); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestEmptyFieldsOfCSVAreAbsent(t *testing.T) {
	text := "\ufeffid,email,name,createdAt,banned\n1,a@x.example,,,\n2,b@x.example,\"Lee, \"\"Bob\"\"\",\\N,f\n3,c@x.example\n"
	got := readAll(t, text, "csv", Options{System: "phc"})
	if len(got) != 3 || got[0].Account.Name != "" || got[1].Account.Name != `Lee, "Bob"` || got[1].Account.OldID != "2" || got[2].Account.Email != "c@x.example" {
		t.Errorf("read %+v", got)
	}
	for _, r := range got {
		if r.Err != nil || !r.Account.CreatedAt.IsZero() || r.Account.Banned {
			t.Errorf("line %d: %+v", r.Line, r)
		}
	}
}

func TestHeadOfCSVIsChecked(t *testing.T) {
	for text, want := range map[string]string{"": "first line", "id,email,id\n": `"id" twice`, "a\"b,c\n": "first line"} {
		if _, err := New(strings.NewReader(text), "csv", Options{System: "phc"}, Position{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	got := readAll(t, "email\na@x.example,too,many\nb@x.example\n", "csv", Options{System: "phc"})
	if len(got) != 2 || got[0].Err == nil || got[1].Err != nil {
		t.Errorf("a row with more columns than named: %+v", got)
	}
}

func TestLinesAreCountedAsAnEditorDoes(t *testing.T) {
	for format, c := range map[string]struct {
		text string
		want []int
	}{
		"jsonl": {"\n{\"email\":\"a@x.example\"}\n\n\n{\"email\":1}\nx\n{\"email\":\"b@x.example\"}", []int{2, 5, 6, 7}},
		"csv":   {"email,name\na@x.example,A\n\nb@x.example,\"two\nlines\"\nc\"x,\nd@x.example,D", []int{2, 4, 6, 7}},
	} {
		var got []int
		for _, r := range readAll(t, c.text, format, Options{System: "phc"}) {
			got = append(got, r.Line)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: lines %v, want %v", format, got, c.want)
		}
	}
}

func TestReaderGoesOnFromEveryPosition(t *testing.T) {
	for format, text := range map[string]string{
		"jsonl": "{\"email\":\"a@x.example\"}\r\n\nnot JSON\n{\"email\":\"b@x.example\"}\n{\"email\":\"c@x.example\",\"name\":\"\u00e9\u4e2d\"}",
		"csv":   "\ufeffemail,name\r\na@x.example,A\r\n\r\nb@x.example,\"two\nlines\"\nc\"x,\nd@x.example,\u00e9\n",
	} {
		whole := readAll(t, text, format, Options{System: "phc"})
		first, err := New(strings.NewReader(text), format, Options{System: "phc"}, Position{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if _, err := first.Next(); err != nil {
				t.Fatal(err)
			}
			later, err := New(strings.NewReader(text), format, Options{System: "phc"}, first.Position())
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range whole[n+1:] {
				got, err := later.Next()
				if err != nil || got.Line != want.Line || got.Account != want.Account || (got.Err == nil) != (want.Err == nil) {
					t.Errorf("%s after %d records: %+v, %v, want %+v", format, n+1, got, err, want)
				}
			}
			if _, err := later.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("%s after %d records: more at the end: %v", format, n+1, err)
			}
		}
	}
}

func TestLineThatIsTooLongIsPassedOver(t *testing.T) {
	long := `{"email":"a@x.example","name":"` + strings.Repeat("x", maxLine) + `"}`
	got := readAll(t, long+"\n{\"email\":\"b@x.example\"}\n", "jsonl", Options{System: "phc"})
	if len(got) != 2 || got[0].Err == nil || got[1].Err != nil || got[1].Account.Email != "b@x.example" {
		t.Errorf("read %d records: %v, %v", len(got), got[0].Err, got[len(got)-1].Err)
	}
}
