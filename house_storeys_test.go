package admit_test

import (
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
)

// The storeys of the root: a file uses package-level names, and methods, of its
// own storey and below, and no two files use each other in a circle.

// storeys are the files of the root, from the ground up. A file that stands
// nowhere breaks the rule.
var storeys = [][]string{
	{"doc", "errors", "records", "ending", "context", "hook", "instrument"},
	{"config", "configcheck", "secret", "leaked", "verifier", "passkey_engine", "avatar_engine", "provider", "hosted", "organization_settings", "apikey_settings", "webhook_settings"},
	{"kernel", "recheck", "acting", "gate", "caller", "keyowner", "avatar_record", "avatar_initials", "cookie", "access", "onetime", "holder", "memberlist", "account", "deletion", "lastadmin", "mailbox", "onbehalf", "passwordcheck", "settings", "budget", "ratelimit", "event", "notice", "mailqueue", "mailtemplate", "factor", "factorgate", "factorcode", "factorsetup", "remember", "reproof", "passkey_names", "passkey_record", "passkey_site", "passkey_ceremony", "passkey_enroll", "identity", "personal", "personal_kinds", "profile_record", "preferences_record", "notifications_record", "onboarding_record", "public_record", "cookie_flow", "oauth_settings", "oauth_state", "oauth_app", "oauth_person", "oauth_link", "membership", "invited", "organization_policy_record", "domain_record", "domain_member", "domain_proof", "succession", "revocation", "revocationqueue", "webhook_record", "webhookqueue"},
	{"feature", "reply", "page", "exportparts", "export_invitation"},
	{"signup", "password", "magiclink", "email", "verify", "address", "reset", "session", "token", "me", "user", "userchange", "userroutes", "userdeleted", "withdraw", "export", "profile", "profilecheck", "profileroutes", "audit", "auditformat", "auditroutes", "stats", "apikey", "apikey_family", "apikey_rotate", "apikey_http", "avatar", "avatar_http", "import", "setting", "settingroutes", "template", "templateroutes", "webhook", "webhook_delivery", "webhookroutes", "admin", "impersonation", "outbox", "reseal", "mfa", "mfadevice", "mfaroutes", "reauthenticate", "startover", "passkey", "passkey_http", "oauth", "oauth_http", "oauth_notice", "link", "link_http", "oauth_token", "organization", "organization_http", "organization_policy", "organization_policy_http", "domain", "domain_join", "domain_http", "invitation", "invitation_answer", "invitation_link", "invitation_http"},
	{"auth", "hidden", "hidden_provider", "hidden_webhook", "guessroute", "serve", "middleware", "policy", "permissions", "pageguard", "pageserve"},
}

// uses are the features that another feature may call: what assemble hands over.
var uses = map[string][]string{
	"signup":    {"verify"},
	"verify":    {"reset"},
	"user":      {"reset"},
	"address":   {"verify", "reset"},
	"email":     {"signup", "password", "magiclink", "mfa"},
	"mfaroutes": {"mfa", "mfadevice"},
	"mfadevice": {"mfa"},

	"userchange":  {"user"},
	"userroutes":  {"user", "userchange", "profile", "withdraw"},
	"userdeleted": {"user"},

	"profile":       {"profilecheck", "userchange"},
	"profileroutes": {"profile", "profilecheck"},

	"apikey_family": {"apikey"},
	"apikey_rotate": {"apikey"},
	"apikey_http":   {"apikey", "apikey_family", "apikey_rotate"},

	"avatar_http": {"avatar"},

	"passkey_http": {"passkey"},
	"oauth":        {"verify"},
	"oauth_notice": {"oauth"},
	"oauth_http":   {"oauth", "oauth_notice"},
	"link_http":    {"link"},
	"oauth_token":  {"link"},

	"organization_http": {"organization"},

	"organization_policy":      {"organization"},
	"organization_policy_http": {"organization", "organization_policy"},

	"domain_join":       {"domain"},
	"domain_http":       {"domain", "domain_join"},
	"invitation_answer": {"invitation"},
	"invitation_link":   {"invitation", "invitation_answer"},
	"invitation_http":   {"invitation", "invitation_answer", "invitation_link"},

	"auditroutes":    {"audit", "auditformat"},
	"settingroutes":  {"setting"},
	"templateroutes": {"template"},

	"webhook_delivery": {"webhook"},
	"webhookroutes":    {"webhook", "webhook_delivery"},

	"admin": {"session", "passkey", "verify", "reset", "outbox"},
}

const (
	featureStorey = 4
	// maxKernelMethods bounds the methods of kernel and txn together,
	// maxAuthMethods those of Auth.
	maxKernelMethods = 60
	maxAuthMethods   = 34
)

func storeyOf(file string) int {
	return slices.IndexFunc(storeys, func(files []string) bool { return slices.Contains(files, file) })
}

// arrow is a use of a name: the file that uses it, the file that declares it.
type arrow struct{ from, to string }

// arrows returns which file of the root uses which, and by what names. The
// package is type-checked without its imports, which is enough to tell its own
// names.
func (h *house) arrows() map[arrow][]string {
	var files []*ast.File
	for _, s := range h.sources {
		if s.dir == "" && shipped(s) {
			files = append(files, s.file)
		}
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	built, _ := config.Check("admit", h.fset, files, &info)
	found := map[arrow][]string{}
	for name, object := range info.Uses {
		if object.Pkg() != built || !declares(built, object) {
			continue
		}
		a := arrow{h.base(name), h.baseAt(object)}
		if a.from != a.to && !slices.Contains(found[a], object.Name()) {
			found[a] = append(found[a], object.Name())
		}
	}
	for _, names := range found {
		slices.Sort(names)
	}
	return found
}

// declares says whether an object is a package-level name or a method.
func declares(built *types.Package, object types.Object) bool {
	if f, ok := object.(*types.Func); ok && f.Signature().Recv() != nil {
		return true
	}
	return object.Parent() == built.Scope()
}

func (h *house) base(n ast.Node) string {
	return strings.TrimSuffix(path.Base(h.fset.Position(n.Pos()).Filename), ".go")
}

func (h *house) baseAt(o types.Object) string {
	return strings.TrimSuffix(path.Base(h.fset.Position(o.Pos()).Filename), ".go")
}

// checkStoreys finds arrows that go up, and files that have no storey.
func checkStoreys(h *house) []string {
	var found []string
	known := slices.ContainsFunc(h.sources, func(s *source) bool { return s.path == "kernel.go" })
	for _, s := range h.sources {
		if file := strings.TrimSuffix(s.path, ".go"); known && s.dir == "" && shipped(s) && storeyOf(file) < 0 {
			found = append(found, s.path+" stands on no storey: name it in house_storeys_test.go")
		}
	}
	all := h.arrows()
	for _, a := range slices.SortedFunc(maps.Keys(all), compareArrows) {
		if storeyOf(a.to) > storeyOf(a.from) {
			found = append(found, fmt.Sprintf("%s.go uses %s of %s.go, which stands above it", a.from, strings.Join(all[a], ", "), a.to))
		}
	}
	return found
}

// checkUses finds features that call a feature which was not handed to them.
func checkUses(h *house) []string {
	var found []string
	all := h.arrows()
	for _, a := range slices.SortedFunc(maps.Keys(all), compareArrows) {
		if storeyOf(a.from) != featureStorey || storeyOf(a.to) != featureStorey || slices.Contains(uses[a.from], a.to) {
			continue
		}
		found = append(found, fmt.Sprintf("%s.go uses %s of %s.go: hand it over in assemble and list it, or move it down", a.from, strings.Join(all[a], ", "), a.to))
	}
	return found
}

// checkCircles finds files that reach themselves.
func checkCircles(h *house) []string {
	next := map[string][]string{}
	for a := range h.arrows() {
		next[a.from] = append(next[a.from], a.to)
	}
	var found []string
	for _, start := range slices.Sorted(maps.Keys(next)) {
		if way := wayBack(next, start); way != nil {
			found = append(found, strings.Join(way, " -> ")+" is a circle")
		}
	}
	return found
}

// wayBack returns the shortest way from a file to itself, nil where there is
// none.
func wayBack(next map[string][]string, start string) []string {
	ways := [][]string{{start}}
	seen := map[string]bool{}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		for _, to := range slices.Sorted(slices.Values(next[way[len(way)-1]])) {
			longer := append(slices.Clone(way), to)
			if to == start {
				return longer
			}
			if !seen[to] {
				seen[to] = true
				ways = append(ways, longer)
			}
		}
	}
	return nil
}

func compareArrows(a, b arrow) int {
	return strings.Compare(a.from+" "+a.to, b.from+" "+b.to)
}

// checkMethods bounds the types that could become a place for everything.
func checkMethods(h *house) []string {
	count := map[string]int{}
	h.functions(func(s *source) bool { return s.dir == "" && shipped(s) }, func(f *ast.FuncDecl) string {
		if f.Recv != nil {
			if name := rootOf(f.Recv.List[0].Type); name != nil {
				count[name.Name]++
			}
		}
		return ""
	})
	var found []string
	if n := count["kernel"] + count["txn"]; n > maxKernelMethods {
		found = append(found, fmt.Sprintf("kernel and txn have %d methods, %d are enough", n, maxKernelMethods))
	}
	if n := count["Auth"]; n > maxAuthMethods {
		found = append(found, fmt.Sprintf("Auth has %d methods, %d are enough", n, maxAuthMethods))
	}
	return found
}

// checkErrorNames finds exported errors whose name is not Err and the code in
// camel case, with or without the group in front of the code.
func checkErrorNames(h *house) []string {
	return h.find(func(s *source) bool { return s.dir == "" && shipped(s) }, func(s *source) (found []string) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !spec.Names[0].IsExported() {
				return true
			}
			code := codeOf(spec.Values[0])
			group, rest, _ := strings.Cut(code, "/")
			name := spec.Names[0].Name
			flat := func(text string) string { return "Err" + strings.ReplaceAll(text, "-", "") }
			if code != "" && !strings.EqualFold(name, flat(rest)) && !strings.EqualFold(name, flat(group+rest)) {
				found = append(found, name+" has the code "+code)
			}
			return true
		})
		return found
	})
}

// codeOf returns the Code of an expression &Error{Code: "..."}, or "".
func codeOf(e ast.Expr) (code string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if pair, ok := n.(*ast.KeyValueExpr); ok && types.ExprString(pair.Key) == "Code" {
			if text, ok := pair.Value.(*ast.BasicLit); ok {
				code = strings.Trim(text.Value, `"`)
			}
		}
		return true
	})
	return code
}
