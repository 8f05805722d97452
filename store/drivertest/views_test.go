package drivertest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
)

// SQL readers find second factors in a view, without the sealed secret.
func TestTheViewOfFactorsShowsWhoHasOne(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		s := d.store(db)
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		for _, r := range []store.Record{
			{Kind: "factor", ID: "f1", Keys: []string{"totp/u1"}, Refs: []string{"user/u1"}, Data: []byte(`{"v":1,"type":"totp","user":"u1","secret":"AAEC","codes":9,"step":5,"confirmedAt":1767323045000000}`), CreatedAt: epoch, UpdatedAt: epoch},
			{Kind: "factor", ID: "f2", Data: []byte(`{"v":1,"type":"totp","user":"ü2","secret":"AAEC","codes":0,"step":0,"confirmedAt":0}`), CreatedAt: epoch, UpdatedAt: epoch},
			{Kind: "another", ID: "x", Data: []byte{0, 0xff}, CreatedAt: epoch, UpdatedAt: epoch},
		} {
			if err := s.CreateRecord(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := db.QueryContext(ctx, "SELECT id, user_id, type, confirmed_at, codes_left, created_at FROM admit_factors ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		type factor struct {
			id, user, kind                string
			confirmed, codesLeft, created int64
		}
		var got []factor
		for rows.Next() {
			var f factor
			if err := rows.Scan(&f.id, &f.user, &f.kind, &f.confirmed, &f.codesLeft, &f.created); err != nil {
				t.Fatal(err)
			}
			got = append(got, f)
		}
		want := []factor{{"f1", "u1", "totp", 1767323045000000, 9, epoch.UnixMicro()}, {"f2", "ü2", "totp", 0, 0, epoch.UnixMicro()}}
		if err := rows.Err(); err != nil || len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("the view shows %+v, %v, want %+v", got, err, want)
		}
	})
}

// viewed returns the rows of a query, each column as a text.
func viewed(t *testing.T, db *sql.DB, query string) (got []string) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		texts, cells := make([]string, len(columns)), make([]any, len(columns))
		for i := range texts {
			cells[i] = &texts[i]
		}
		if err := rows.Scan(cells...); err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join(texts, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return append(got, strings.Join(columns, "|"))
}

// SQL readers find identities and passkeys in views, which have columns for what may
// be read, and none for tokens, keys and handles. The last of the rows below are the
// names of the columns.
func TestTheViewsOfIdentitiesAndPasskeysShowWhoHasThem(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		s := d.store(db)
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		for _, r := range []store.Record{
			{Kind: "identity", ID: "i1", Data: []byte(`{"v":1,"user":"u1","provider":"google","issuer":"https://accounts.google.com","subject":"107","email":"ü@example.com","tokens":"AAEC","refreshing":7}`)},
			{Kind: "identity", ID: "i2", Data: []byte(`{"v":1,"user":"u2","provider":"x","issuer":"https://x.com","subject":"9"}`)},
			{Kind: "passkey", ID: "p1", Data: []byte(`{"v":1,"user":"u1","name":"My phone","credentialId":"AAEC","publicKey":"AAEC","handle":"AAEC","signCount":3,"backupEligible":true,"backedUp":true,"userVerified":true,"lastUsedAt":"2026-01-02T03:04:05.999999Z"}`)},
			{Kind: "passkey", ID: "p2", Data: []byte(`{"v":1,"user":"u1","name":"ü","backedUp":false,"userVerified":true,"lastUsedAt":"2026-01-02T03:04:05Z"}`)},
			{Kind: "passkey", ID: "p3", Data: []byte(`{"v":1,"user":"u2","name":"Key","backedUp":true,"userVerified":false,"lastUsedAt":"2026-01-02T03:04:05.5Z"}`)},
			{Kind: "passkey", ID: "p4", Data: []byte(`{"v":1,"user":"u3","name":"New","backedUp":false,"userVerified":false}`)},
			{Kind: "another", ID: "x", Data: []byte{0, 0xff}},
			{Kind: "passkey-handle", ID: "x", Data: []byte{0, 0xff}},
		} {
			r.CreatedAt, r.UpdatedAt = epoch, epoch.Add(time.Microsecond)
			if err := s.CreateRecord(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		times := fmt.Sprintf("|%d|%d", epoch.UnixMicro(), epoch.UnixMicro()+1)
		identities := "tenant|id|user_id|provider|issuer|subject|email|created_at|updated_at"
		passkeys := "tenant|id|user_id|name|backed_up|user_verified|last_used_at|created_at|updated_at"
		for query, want := range map[string][]string{
			"SELECT * FROM admit_identities ORDER BY id": {
				"|i1|u1|google|https://accounts.google.com|107|ü@example.com" + times, "|i2|u2|x|https://x.com|9|" + times, identities,
			},
			"SELECT * FROM admit_identities WHERE provider = 'x'": {"|i2|u2|x|https://x.com|9|" + times, identities},
			"SELECT * FROM admit_passkeys ORDER BY id": {
				"|p1|u1|My phone|1|1|1767323045999999" + times, "|p2|u1|ü|0|1|1767323045000000" + times,
				"|p3|u2|Key|1|0|1767323045500000" + times, "|p4|u3|New|0|0|0" + times, passkeys,
			},
			"SELECT * FROM admit_passkeys WHERE user_id = 'u2' AND last_used_at > 0": {"|p3|u2|Key|1|0|1767323045500000" + times, passkeys},
		} {
			if got := viewed(t, db, query); !slices.Equal(got, want) {
				t.Errorf("%s shows\n%s\nwant\n%s", query, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// SQL readers find what people say of themselves in views. The last of the rows below
// are the names of the columns.
func TestTheViewsOfPeopleShowWhatTheyHaveSaid(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		s := d.store(db)
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		for kind, data := range map[string][2]string{
			"profile":         {`{"v":1,"mobile":"+4915112345678","gender":"etc","bio":"Zo\u00eb's \"bio\"\n\\u0000","github":"https://g.example/a","twitter":"https://t.example/a","linkedin":"https://l.example/a"}`, `{"v":1}`},
			"preferences":     {`{"v":1,"timezone":"Europe/Vienna","theme":"dark"}`, `{"v":1}`},
			"notifications":   {`{"v":1,"noService":true,"marketing":true,"noPush":true,"noEmail":true,"sms":true,"nightTime":true}`, `{"v":1}`},
			"onboarding":      {`{"v":1,"step":"team","data":"{\"a\": 1.0}"}`, `{"v":1}`},
			"public-settings": {`{"v":1,"slug":"ann","public":true}`, `{"v":1,"slug":"bob"}`},
			"another":         {"\x00\xff", ""},
		} {
			for i, text := range data {
				err := s.CreateRecord(ctx, store.Record{Kind: kind, ID: fmt.Sprintf("u%d", i+1), Data: []byte(text), CreatedAt: epoch, UpdatedAt: epoch.Add(time.Microsecond)})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		times := fmt.Sprintf("|%d|%d", epoch.UnixMicro(), epoch.UnixMicro()+1)
		for view, want := range map[string][3]string{
			"profiles": {
				"+4915112345678|etc|Zoë's \"bio\"\n\\u0000|https://g.example/a|https://t.example/a|https://l.example/a", "|||||", "mobile|gender|bio|github|twitter|linkedin",
			},
			"preferences":     {"Europe/Vienna|dark", "|", "timezone|theme"},
			"notifications":   {"0|1|0|0|1|1", "1|0|1|1|0|0", "service|marketing|push|email|sms|night_time"},
			"onboarding":      {`team|{"a": 1.0}`, "|", "step|data"},
			"public_settings": {"ann|1", "bob|0", "slug|is_public"},
		} {
			rows := []string{"|u1|" + want[0] + times, "|u2|" + want[1] + times, "tenant|user_id|" + want[2] + "|created_at|updated_at"}
			if got := viewed(t, db, "SELECT * FROM admit_"+view+" ORDER BY user_id"); !slices.Equal(got, rows) {
				t.Errorf("admit_%s shows\n%s\nwant\n%s", view, strings.Join(got, "\n"), strings.Join(rows, "\n"))
			}
		}
	})
}
