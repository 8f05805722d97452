package source

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

// A reader of any bytes comes to the end or to an error, moves forward with every
// record, reads the same a second time, and goes on from where it was.
func fuzzReader(f *testing.F, format string, systemOf func(n uint) string, seeds ...string) {
	for _, seed := range seeds {
		for n := range uint(len(systems)) {
			f.Add(seed, n)
		}
		f.Add("\ufeff"+seed, uint(0))
		f.Add(inUTF16(seed, binary.LittleEndian), uint(1))
		f.Add(inUTF16(seed, binary.BigEndian), uint(2))
	}
	f.Fuzz(func(t *testing.T, text string, n uint) {
		if len(text) > 1<<20 {
			return
		}
		o := Options{System: systemOf(n), Now: now, Roles: true, UnknownHashes: n%3 == 0}
		first, err := New(strings.NewReader(text), format, o, Position{})
		if err != nil {
			return
		}
		last, half, seen := Position{}, Position{}, 0
		var behind []Record
		for {
			record, err := first.Next()
			if err != nil {
				if record.Err != nil || !errors.Is(err, io.EOF) && format != "json" {
					t.Fatalf("the file fails: %v", err)
				}
				break
			}
			at := first.Position()
			if at.Offset <= last.Offset || at.Offset > 2*int64(len(text)) || at.Line < last.Line || record.Line < 1 || record.Line > at.Line {
				t.Fatalf("from %+v to %+v by the record of line %d, in %d bytes", last, at, record.Line, len(text))
			}
			if record.Err == nil && record.Account.Email == "" {
				t.Fatalf("an account without an address: %+v", record.Account)
			}
			last, seen = at, seen+1
			if seen == 2 {
				half = at
			}
			if seen > 2 {
				behind = append(behind, record)
			}
			if seen > len(text)+1 {
				t.Fatal("it does not end")
			}
		}
		if half.Offset == 0 {
			return
		}
		later, err := New(strings.NewReader(text), format, o, half)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range behind {
			got, err := later.Next()
			if err != nil || got.Line != want.Line || got.Account != want.Account || (got.Err == nil) != (want.Err == nil) {
				t.Fatalf("from %+v: %+v, %v, want %+v", half, got, err, want)
			}
		}
	})
}

func anySystem(n uint) string { return Systems()[n%uint(len(systems))] }

func FuzzCSV(f *testing.F) {
	fuzzReader(f, "csv", func(n uint) string {
		if name := anySystem(n); name != "firebase" {
			return name
		}
		return "phc"
	}, "email,name\na@x.example,\"A\nB\"\n", "email;name\r\n\"a@x.example\";\"say \"\"hi\"\"\"\r\n\r\nb;c\n", "a,a\n", "\"", "\r\r\n\n,", "sep=;\nemail;x\n",
		"#TYPE x\n\"email\"\n\"a\"\n", "email,name\na,\"b\nc,d\ne,\"f\ng,h\n", "email,createdAt,emailVerified\na@x.example,1e300,NULL\n", "email\tname\na\tb")
}

func FuzzFirebaseCSV(f *testing.F) {
	fuzzReader(f, "csv", func(uint) string { return "firebase" },
		firebaseRowOf(53, "a", "a@x.example", `"Lee, "Bob", Jr"`, "https://x", "1", "true")+firebaseRowOf(29, "b", "b@x.example", "", "", "x", ""),
		"a,b\n", `,,,,,"`, strings.Repeat(`",`, 60), strings.Repeat(",", 60)+"\r\n\r\n"+strings.Repeat(",", 26))
}

func FuzzLines(f *testing.F) {
	fuzzReader(f, "jsonl", anySystem, "{\"email\":\"a@x.example\",\"password\":\"$2b$05$x\"}\n\n{}\nnull\n[1]\n", "{\"fields\":{\"email\":1}}\r\n{\"email\":\"b\"}\nx\n{\"email\":\"c\"}",
		"{\"credentials\":[{\"type\":\"password\",\"secretData\":{}}],\"email\":\"a@b.example\"}", "{\"createdAt\":1e300,\"email\":[[[]]]}", "{\"custom_password_hash\":{\"hash\":1}}",
		"{\"raw_user_meta_data\":\"{\\\"name\\\":1}\",\"email\":\"a@x\",\"banned_until\":\"infinity\"}")
}

func FuzzDocument(f *testing.F) {
	fuzzReader(f, "json", anySystem, "[{\"email\":\"a@x.example\"},\n{},1,{\"email\":\"b@x.example\"}]", "{\"a\":[],\"users\":[{\"email\":\"a@x\"},{},{\"email\":\"b@x\"}],\"b\":{}}",
		"[", "{\"users\":", "[[[[", "[{\"a\":1,\"a\":2},{\"\\ud800\":1},{}]", "[] []", "\"users\"")
}

// FuzzSniff holds that the format of any file is told, as one of those there are.
func FuzzSniff(f *testing.F) {
	for _, seed := range []string{"", "{}", "{}\n{}", "[", "{\"users\":[]}", "\ufeff\n\n{", inUTF16("{}", binary.LittleEndian)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if format, err := Sniff(strings.NewReader(text)); err != nil || format != "json" && format != "jsonl" {
			t.Fatalf("%q, %v", format, err)
		}
	})
}
