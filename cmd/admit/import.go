package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit/cmd/admit/internal/source"
	"github.com/admit-go/admit/internal/passhash"
)

// importFlags are the flags of import.
type importFlags struct {
	format, hashConfig, idMap string
	options                   source.Options
	strict, resume, tell      bool
	newRole                   bool
	dryRun, sniffed           bool
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Import users of another system, with their passwords",
		Long: `Import users of another system, with their passwords. Everybody signs in with the
password they have; at the first sign-in its hash is replaced by our own.

FILE holds one JSON object a line, a JSON document with a list, or CSV whose first
line names the columns, as the system exports them:
  supabase     rows of auth.users; also for GoTrue
  firebase     users of 'firebase auth:export', with --hash-config
  better-auth  rows of user with the password of the credential row of account
  django       rows of auth_user, or 'dumpdata auth.user --format jsonl'
  auth0        user exports, and the password hashes that support sends
  clerk        the CSV of the dashboard's user export
  keycloak     users of a realm export with credentials
  phc          anything else: email, name, passwordHash, emailVerified, role,
               locale, banned, createdAt, id; hashes as PHC strings, bcrypt, or
               any of the above
docs/command.md shows how to get each.

The file is read twice: once to its end, so that a damaged file, or one with
columns that nobody knows, changes nothing; and then to import. A record that
cannot be used is reported with its line and left out, and the exit code is then
1. A field that cannot be used, such as a name of 200 characters, is changed or
left out, and a line says so.

Importing again does no harm. An account that an import made, and that nobody has
changed since, takes what the file now says. An account whose address nobody has
verified is taken over where the file has it verified. Any other account stays as
it is. Users who were disabled are imported as banned. An id is kept if it is a
UUID. No mail is sent.

The file is never held in memory, only where each address stands. An import that was interrupted leaves FILE.admit
beside the file and goes on with --resume.`,
		Example: `  admit import users.jsonl --from supabase
  admit import users.csv --from firebase --hash-config hash_config.txt --id-map ids.csv
  admit import users.csv --from phc --roles --new-role --strict
  admit import users.csv --from phc --ignore-column shoe_size --dry-run
  admit import users.jsonl --from django --resume`,
		Args: exactly(1),
	}
	flags := c.Flags()
	flags.StringVar(&f.options.System, "from", "", "the `system` that exported it: "+strings.Join(source.Systems(), ", "))
	flags.StringVar(&f.format, "format", "", "the `format`: csv, json or jsonl, one object a line (default: by the name of the file)")
	flags.StringVar(&f.hashConfig, "hash-config", "", "`file` with the hash parameters of a Firebase project, as its console shows them")
	flags.BoolVar(&f.options.Roles, "roles", false, "take roles over: who was an administrator there is one here")
	flags.BoolVar(&f.newRole, "new-role", false, "with --roles, take roles that nobody has yet")
	flags.BoolVar(&f.options.AssumeVerified, "assume-verified", false, "take every address as proven, whatever the file says")
	flags.BoolVar(&f.options.NoPasswords, "no-passwords", false, "leave passwords out: everybody resets, or signs in by mail")
	flags.BoolVar(&f.options.UnknownHashes, "unknown-hashes", false, "import users whose hash cannot be verified, without a password")
	flags.StringSliceVar(&f.options.IgnoreColumns, "ignore-column", nil, "leave a `column` out that is not known; can be repeated, '*' is all of them")
	flags.BoolVar(&f.strict, "strict", false, "import nothing if a record cannot be used")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only read the file and report")
	flags.BoolVar(&f.resume, "resume", false, "go on where the import of this file was interrupted")
	flags.StringVar(&f.idMap, "id-map", "", "write a CSV `file` with each old id and its new one")
	flags.BoolVar(&f.tell, "tell-application", false, "hand each user.created event to the application's OnEvent too")
	complete(c, "from", source.Systems()...)
	complete(c, "format", source.Formats()...)
	_ = c.MarkFlagRequired("from") // the flag is defined above
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		if err := f.complete(args[0], a.now()); err != nil {
			return nil, err
		}
		p, err := a.place()
		if err != nil {
			return nil, err
		}
		return a.openUp(ctx, p, func(d database, db *sql.DB) (result, error) {
			auth, err := a.auth(newGuest(d, f.tell), nil)
			if err != nil {
				return nil, err
			}
			defer func() { _ = auth.Close(context.WithoutCancel(ctx)) }()
			return records{app: a, place: p, database: d, db: db, auth: auth}.importFile(ctx, args[0], f)
		})
	})
	return c
}

// complete checks the flags and fills in defaults.
func (f *importFlags) complete(name string, now time.Time) error {
	f.options.Now = now
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return usagef("%s is a folder; give the file with the users", name)
	}
	if f.format == "" {
		switch strings.ToLower(filepath.Ext(name)) {
		case ".csv", ".tsv":
			f.format = "csv"
		case ".jsonl", ".ndjson":
			f.format = "jsonl"
		case ".json":
			f.sniffed = true
		case ".xlsx", ".xls", ".ods", ".numbers":
			return usagef("%s is a spreadsheet; save it as CSV in UTF-8", name)
		case ".gz", ".zip", ".bz2", ".xz", ".zst", ".7z":
			return usagef("%s is compressed; unpack it first", name)
		default:
			return usagef("the name of %s does not tell its format; give --format csv, json or jsonl", name)
		}
	}
	if !f.sniffed && !slices.Contains(source.Formats(), f.format) {
		return usagef("--format must be one of: %s", strings.Join(source.Formats(), ", "))
	}
	if !slices.Contains(source.Systems(), f.options.System) {
		return usagef("--from must be one of: %s", strings.Join(source.Systems(), ", "))
	}
	if f.options.System != "firebase" || f.options.NoPasswords {
		return nil
	}
	if f.hashConfig == "" {
		return usagef("--from firebase needs --hash-config with the project's hash parameters, or --no-passwords")
	}
	text, err := os.ReadFile(f.hashConfig)
	if err != nil {
		return fmt.Errorf("--hash-config: %w", unusable(f.hashConfig, err))
	}
	if f.options.Firebase, err = readHashConfig(string(text)); err != nil {
		return fmt.Errorf("%s: %w", f.hashConfig, err)
	}
	return nil
}

// sniff finds out whether a .json file is one document or has one object per
// line, as Auth0 and MongoDB write it.
func (f *importFlags) sniff(file *os.File) error {
	if !f.sniffed {
		return nil
	}
	var err error
	f.format, err = source.Sniff(file)
	return err
}

// hashConfigLine matches a name and a value, with or without the quotes and
// commas of JSON.
var hashConfigLine = regexp.MustCompile(`(?m)^\s*"?(\w+)"?\s*[:=]\s*"?([^",\s]+)"?,?\s*$`)

// readHashConfig reads hash parameters as the Firebase console shows them, or the
// same names as JSON.
func readHashConfig(text string) (passhash.FirebaseProject, error) {
	found := map[string]string{}
	for _, match := range hashConfigLine.FindAllStringSubmatch(text, -1) {
		found[match[1]] = match[2]
	}
	if algorithm := found["algorithm"]; algorithm != "" && algorithm != "SCRYPT" {
		return passhash.FirebaseProject{}, errors.New("the algorithm is not SCRYPT")
	}
	rounds, failed := strconv.Atoi(found["rounds"])
	memory, alsoFailed := strconv.Atoi(found["mem_cost"])
	if failed != nil || alsoFailed != nil || found["base64_signer_key"] == "" {
		return passhash.FirebaseProject{}, errors.New("base64_signer_key, base64_salt_separator, rounds and mem_cost must be there, one a line")
	}
	return passhash.FirebaseProject{
		SignerKey: found["base64_signer_key"], SaltSeparator: found["base64_salt_separator"], Rounds: rounds, MemoryCost: memory,
	}, nil
}
