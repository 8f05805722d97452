package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// freeze names a release when its schema and rows are to be written to
// testdata/released, where they stay as they are.
const freeze = "ADMIT_TEST_FREEZE"

// heirlooms adds records of each role to a database that is going to be frozen,
// with every field set.
func heirlooms(ctx context.Context, s store.Store) error {
	later := epoch.AddDate(0, 1, 0)
	user, banned, session := heirloomUser(), someUser(2), someSession(1)
	banned.Tenant, banned.BannedAt, banned.BanExpiresAt, banned.BanReason = "other", epoch, later, "spam"
	session.OrganizationID = "organization"
	claimed := store.Mail{ID: "m2", Kind: "password_reset", Sealed: []byte{0, 0xff}, CreatedAt: epoch, NextAt: epoch, Holder: "w", LeaseUntil: epoch, Tries: 3}
	return errors.Join(
		s.CreateUser(ctx, user),
		s.CreateUser(ctx, banned),
		s.CreateUser(ctx, someUser(3)),
		done(s.DeleteUser(ctx, "", userID(3), epoch, later)),
		s.PutPassword(ctx, store.Password{UserID: userID(1), Hash: "$argon2id$h", ChangedAt: epoch}),
		s.CreateSession(ctx, session),
		s.CreateToken(ctx, heirloomToken()),
		s.CreateAPIKey(ctx, heirloomAPIKey()),
		s.CreateKey(ctx, heirloomKey()),
		s.AppendEvent(ctx, store.Event{ID: "e1", Kind: "user.created", ActorID: userID(1), SubjectID: userID(1), IPAddress: "203.0.113.7", UserAgent: "Agent", RequestID: "r", Data: []byte(`{"a":1}`), At: epoch}),
		s.AppendEvent(ctx, store.Event{ID: "e2", Kind: "user.deleted", At: epoch, Delivered: true}),
		failed(s.Hit(ctx, epoch, store.Counter{Key: "signin", Limit: 2, Window: time.Hour})),
		s.AddMail(ctx, heirloomMail()),
		s.AddMail(ctx, claimed),
		s.AddMail(ctx, store.Mail{ID: "m3", Kind: "magic_link", Sealed: []byte("s"), CreatedAt: epoch, NextAt: epoch, LastError: "550", DeadAt: epoch}),
		done(s.AcquireLease(ctx, "", "sweep", "w", epoch, later)),
	)
}

func failed[T any](_ T, err error) error { return err }

func heirloomUser() store.User {
	u := someUser(1)
	u.Name, u.Nickname, u.Image, u.MuteAlerts, u.Version = "Ann 'Å' \\ \"李\"", "ann", "https://img.example/a.png", true, 1
	return u
}

func heirloomToken() store.Token {
	return store.Token{
		Kind: "reset", Hash: []byte{1, 0, 0xff}, UserID: userID(1), EmailKey: "user1@example.com", CodeHash: []byte("code"), MaxTries: 5,
		Data: []byte("data"), CreatedAt: epoch, ExpiresAt: epoch.AddDate(0, 1, 0),
	}
}

func heirloomAPIKey() store.APIKey {
	return store.APIKey{
		ID: "k1", Hash: []byte("key"), Type: "secret", Prefix: "sk_live", Suffix: "9a8b", Name: "deploy", Environment: "prod",
		Scopes: []string{"read", "write:all"}, OwnerID: userID(1), CreatedAt: epoch, ExpiresAt: epoch.AddDate(1, 0, 0), LastUsedAt: epoch,
	}
}

func heirloomKey() store.Key {
	return store.Key{
		ID: "s1", Purpose: "access", Sequence: 7, Algorithm: "ES256", Sealed: []byte("sealed"), CreatedAt: epoch, ActiveAt: epoch, ExpiresAt: epoch.AddDate(1, 0, 0),
	}
}

func heirloomMail() store.Mail {
	return store.Mail{ID: "m1", Kind: "signup_confirmation", Sealed: []byte("s"), CreatedAt: epoch, NextAt: epoch.Add(time.Hour)}
}

// inherits reports what the heirlooms of the first release no longer are. It
// asks for what a release kept, by verbs of this one.
func inherits(ctx context.Context, t *testing.T, s store.Store) {
	t.Helper()
	mail := heirloomMail()
	mail.Queue = store.QueueMail
	for what, check := range map[string]func() (got, want any, err error){
		"account": func() (any, any, error) {
			u, err := s.UserByEmail(ctx, "", "user1@example.com")
			return u, heirloomUser(), err
		},
		"ban": func() (any, any, error) {
			u, err := s.User(ctx, "other", userID(2))
			return u.Banned(epoch) && !u.Banned(epoch.AddDate(0, 1, 0)), true, err
		},
		"reservation": func() (any, any, error) {
			taken := someUser(9)
			taken.EmailKey = someUser(3).EmailKey
			return errors.Is(s.CreateUser(ctx, taken), store.ErrConflict), true, nil
		},
		"password": func() (any, any, error) {
			swapped, err := s.SwapPassword(ctx, "$argon2id$h", store.Password{UserID: userID(1), Hash: "new", ChangedAt: epoch})
			return swapped, true, err
		},
		"session": func() (any, any, error) {
			rotated, err := s.RotateSession(ctx, store.Rotation{
				ID: sessionID(1), Generation: 1, SecretHash: secretHash(1, 1), NextHash: secretHash(1, 2), Now: epoch, ExpiresAt: epoch.Add(time.Hour),
			})
			return rotated, true, err
		},
		"token": func() (any, any, error) {
			got, used, err := s.ConsumeToken(ctx, "", "reset", []byte{1, 0, 0xff}, epoch)
			want := heirloomToken()
			want.UsedAt = epoch
			return fmt.Sprint(got, used), fmt.Sprint(want, true), err
		},
		"API key": func() (any, any, error) {
			k, u, err := s.APIKeyOwner(ctx, "", []byte("key"))
			return fmt.Sprint(k, u.ID), fmt.Sprint(heirloomAPIKey(), userID(1)), err
		},
		"signing key": func() (any, any, error) {
			keys, err := s.ListKeys(ctx, "")
			return keys, []store.Key{heirloomKey()}, err
		},
		"event": func() (any, any, error) {
			pending, err := s.PendingEvents(ctx, "", 10)
			return len(pending) == 1 && pending[0].ID == "e1" && string(pending[0].Data) == `{"a":1}`, true, err
		},
		"counter": func() (any, any, error) {
			counted, err := s.Hit(ctx, epoch, store.Counter{Key: "signin", Limit: 1, Window: time.Hour})
			return counted.OK, false, err
		},
		"mail that waits": func() (any, any, error) {
			waiting, total, err := s.ListMail(ctx, "", store.QueueMail, false, store.Page{Number: 1, Limit: 1})
			return fmt.Sprint(waiting, total), fmt.Sprint([]store.Mail{mail}, 2), err
		},
		"mail that was given up": func() (any, any, error) {
			revived, err := s.ReviveMail(ctx, "", "m3", epoch)
			return revived, true, err
		},
		"mail that is claimed": func() (any, any, error) {
			removed, err := s.RemoveMail(ctx, "", "m2", "w")
			return removed, true, err
		},
		"lease": func() (any, any, error) {
			acquired, err := s.AcquireLease(ctx, "", "sweep", "other", epoch, epoch.AddDate(0, 1, 0))
			return acquired, false, err
		},
	} {
		// One after the other on a copy each, so that none is in another's way.
		undo := errors.New("undone")
		err := s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
			outer := s
			s = tx
			defer func() { s = outer }()
			if got, want, err := check(); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: got %v, %v; want %v", what, got, err, want)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// frozen is a database as statements of SQL, its schema and its rows.
func (d database) frozen(t *testing.T, s migrated, db *sql.DB, tables []string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("CREATE TABLE admit_migrations (\n    version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL);\n\n")
	files, err := fs.Glob(s.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(s.Migrations(), file)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
		b.WriteString("\n")
	}
	for _, table := range append([]string{"migrations"}, tables...) {
		columns, rows := d.rows(t, db, table)
		for _, row := range rows {
			fmt.Fprintf(&b, "INSERT INTO admit_%s (%s) VALUES (%s);\n", table, columns, strings.Join(row, ", "))
		}
	}
	return b.String()
}

// rows are the columns of a table and its rows as literals of SQL.
func (d database) rows(t *testing.T, db *sql.DB, table string, only ...string) (columns string, rows [][]string) {
	t.Helper()
	found, err := db.Query("SELECT " + strings.Join(append(only, "*")[:1], "") + " FROM admit_" + table + " ORDER BY 1, 2, 3")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	names, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	types, err := found.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		values, fields := make([]any, len(names)), make([]any, len(names))
		for i := range fields {
			fields[i] = &values[i]
		}
		if err := found.Scan(fields...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(names))
		for i, v := range values {
			row[i] = d.literal(v, types[i].DatabaseTypeName())
		}
		rows = append(rows, row)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, ", "), rows
}

// literal is a value of a column of this type.
func (d database) literal(v any, kind string) string {
	b, isBytes := v.([]byte)
	switch {
	case isBytes && d.dialect == sqlstore.SQLite && kind == "BLOB":
		return fmt.Sprintf("X'%x'", b)
	case isBytes && kind == "BYTEA":
		return fmt.Sprintf(`'\x%x'`, b)
	case isBytes:
		v = string(b)
	}
	if text, ok := v.(string); ok {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return literal(v)
}

func (d database) dialectName() string {
	if d.dialect == sqlstore.SQLite {
		return "sqlite"
	}
	return "postgres"
}

// TestAReleasedSchemaMigratesWithoutLoss starts from each schema that was ever
// released, with rows in every table, written down when it was.
func TestAReleasedSchemaMigratesWithoutLoss(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		released, err := filepath.Glob("testdata/released/*-" + d.dialectName() + ".sql")
		if err != nil || len(released) == 0 {
			t.Fatalf("no released schema: %v, %v", released, err)
		}
		for _, path := range released {
			t.Run(filepath.Base(path), func(t *testing.T) {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				db := d.connect(t, d.source(t))
				if _, err := db.Exec(string(text)); err != nil {
					t.Fatal(err)
				}
				columns, before := map[string]string{}, map[string][][]string{}
				for _, table := range tables {
					if strings.Contains(string(text), "CREATE TABLE admit_"+table+" ") {
						columns[table], before[table] = d.rows(t, db, table)
						if len(before[table]) == 0 && !strings.HasPrefix(table, "record") {
							t.Errorf("the release has no row in %s", table)
						}
					}
				}
				s := d.store(db)
				if err := s.Migrate(ctx); err != nil {
					t.Fatal(err)
				}
				for table, rows := range before {
					if _, after := d.rows(t, db, table, columns[table]); !slices.EqualFunc(after, rows, slices.Equal[[]string]) {
						t.Errorf("%s: after migrating\n%v\nbefore\n%v", table, after, rows)
					}
				}
				if findings, err := s.Check(ctx); err != nil || slices.ContainsFunc(findings, func(f store.Finding) bool {
					return strings.HasPrefix(f.Code, "schema-") || strings.HasPrefix(f.Code, "index-")
				}) {
					t.Errorf("Check finds %v, %v", findings, err)
				}
				inherits(ctx, t, s)
			})
		}
	})
}

// TestTheSchemaOfThisReleaseCanBeFrozen writes this schema down as text and makes
// a database of it. With ADMIT_TEST_FREEZE set to a release, the text stays in
// testdata/released for the releases after it.
func TestTheSchemaOfThisReleaseCanBeFrozen(t *testing.T) {
	ctx := context.Background()
	for _, d := range planners() {
		t.Run(d.name, func(t *testing.T) {
			s, db := d.openDB(t)
			if err := heirlooms(ctx, s); err != nil {
				t.Fatal(err)
			}
			text := d.frozen(t, s, db, tables)
			if release := os.Getenv(freeze); release != "" {
				if err := os.WriteFile(filepath.Join("testdata", "released", release+"-"+d.dialectName()+".sql"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			thawed := d.connect(t, d.source(t))
			if _, err := thawed.Exec(text); err != nil {
				t.Fatal(err)
			}
			if pending, err := d.store(thawed).Pending(ctx); err != nil || len(pending) > 0 {
				t.Errorf("pending are %v, %v", pending, err)
			}
			inherits(ctx, t, d.store(thawed))
		})
	}
}
