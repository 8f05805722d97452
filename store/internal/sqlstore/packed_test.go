package sqlstore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/admit-go/admit/store"
)

// packedKey is an API key and its owner as SQLite packs them; a space after each
// comma makes it PostgreSQL's.
const packedKey = `["","k1","00FFab","secret","sk_","x\"y\\",` + `"Zo\u00eb\n","prod","[\"a\",\"b\"]","user","u1",1893553445678901,0,7,-7]`

func TestUnpackReadsWhatTheDatabasesPack(t *testing.T) {
	want := store.APIKey{
		ID: "k1", Hash: []byte{0, 0xff, 0xab}, Type: "secret", Prefix: "sk_", Suffix: `x"y\`, Name: "Zoë\n", Environment: "prod",
		Scopes: []string{"a", "b"}, OwnerKind: "user", OwnerID: "u1", CreatedAt: time.UnixMicro(1893553445678901).UTC(),
		LastUsedAt: time.UnixMicro(7).UTC(), RevokedAt: time.UnixMicro(-7).UTC(),
	}
	for _, row := range []string{packedKey, strings.ReplaceAll(packedKey, `,`, `, `)} {
		if strings.Contains(row, `\", \"`) {
			row = strings.ReplaceAll(row, `\", \"`, `\",\"`)
		}
		var got store.APIKey
		if err := unpack(row, apiKeyFields(&got)); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		if !sameJSON(t, got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", row, got, want)
		}
	}
}

func sameJSON(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

func TestUnpackLeavesAFieldOfNullAsItIs(t *testing.T) {
	text, number, truth := "kept", int64(7), flag(true)
	at, bytes, texts := moment(time.UnixMicro(5)), []byte("kept"), list{"kept"}
	if err := unpack("[null,null,null,null,null,null]", []any{&text, &number, &truth, &at, &bytes, &texts}); err != nil {
		t.Fatal(err)
	}
	if text != "kept" || number != 7 || !bool(truth) || time.Time(at).UnixMicro() != 5 || string(bytes) != "kept" || texts[0] != "kept" {
		t.Errorf("got %q, %d, %v, %v, %q, %q", text, number, truth, at, bytes, texts)
	}
}

func TestUnpackRefusesWhatIsNoRow(t *testing.T) {
	for _, row := range []string{
		"", "[", "]", "[]", "x", `"a",1]`, `["a"]`, `["a",1`, `["a",1,2]`, `["a",1]]`, `["a" ,1]`, `["a,1]`, `["a\",1]`, `[a,1]`,
		`["a","1"]`, `["a",1.5]`, `["a",]`, `[,1]`, `["a",9223372036854775808]`, `["\u12",1]`, `["\x",1]`,
	} {
		var text string
		var number int64
		if err := unpack(row, []any{&text, &number}); !errors.Is(err, errPacked) {
			t.Errorf("%q: read %q and %d, %v", row, text, number, err)
		}
	}
	var bytes []byte
	for _, row := range []string{`["0"]`, `["zz"]`, `[1]`} {
		if err := unpack(row, []any{&bytes}); !errors.Is(err, errPacked) {
			t.Errorf("%q: read bytes %q, %v", row, bytes, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add("a", int64(1), []byte("h"), `"b\`)
	f.Add("", int64(-1), []byte(nil), "\x00\x1f\u2028]},\"")
	f.Fuzz(func(t *testing.T, first string, number int64, hash []byte, last string) {
		if !utf8.ValidString(first) || !utf8.ValidString(last) {
			return
		}
		row, err := json.Marshal([]any{first, number, hex.EncodeToString(hash), last})
		if err != nil {
			t.Fatal(err)
		}
		var gotFirst, gotLast string
		var gotNumber int64
		var gotHash []byte
		if err := unpack(string(row), []any{&gotFirst, &gotNumber, &gotHash, &gotLast}); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		if gotFirst != first || gotNumber != number || !bytes.Equal(gotHash, hash) || gotLast != last {
			t.Errorf("%s was read as %q, %d, %q, %q", row, gotFirst, gotNumber, gotHash, gotLast)
		}
		// Whatever else it may be, it must not be read past its end.
		for cut := range row {
			if err := unpack(string(row[:cut]), []any{&gotFirst, &gotNumber, &gotHash, &gotLast}); err == nil {
				t.Errorf("a part of the row was read: %s", row[:cut])
			}
		}
	})
}

func BenchmarkUnpack(b *testing.B) {
	const row = `["","0194f001-0000-7000-8000-000000000007","0194f000-0000-7000-8000-000000000007",12,` +
		`"3030303030303030303030303030303730303030303030303030303030303031",11,1893553445678901,1893553445678901,"pwd","",` +
		`"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","203.0.113.7",1893553445678901,1893553445678901,` +
		`1896145445678901,1909105445678901,0,"","","0194f000-0000-7000-8000-000000000007","user7@example.com","user7@example.com",` +
		`1893553445678901,"User 7","","","en","user","completed",0,0,0,"",0,1893553445678901,1893553445678901,1]`
	b.ReportAllocs()
	for range b.N {
		var found struct {
			session store.Session
			user    store.User
		}
		if err := unpack(row, append(sessionFields(&found.session), userFields(&found.user)...)); err != nil {
			b.Fatal(err)
		}
	}
}
