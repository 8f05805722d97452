package admit_test

import (
	"fmt"
	"go/ast"
	"go/types"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit"
)

// The surface of the root: what a host sees of it in its own code, and in go doc.

// implemented are the places where a host gives or gets something of package
// store, since it implements or configures the store.
var implemented = []string{"Config.Store", "Config.Counters", "Config.Blobs", "Tx.SQL"}

// checkSurface finds what is exported by the root and has a type of package
// store, or of internal, in it. These packages are type-checked, the others are
// left out.
func checkSurface(h *house) []string {
	importer := &ours{house: h, built: map[string]*types.Package{}}
	root, err := importer.Import(module)
	if err != nil {
		return nil // a house without a root
	}
	s := surface{root: root}
	for _, name := range root.Scope().Names() {
		if object := root.Scope().Lookup(name); object.Exported() {
			s.object(name, object)
		}
	}
	slices.Sort(s.found)
	return slices.Compact(s.found)
}

// ours imports packages of the house, without those that others have written.
type ours struct {
	house *house
	built map[string]*types.Package
}

func (o *ours) Import(path string) (*types.Package, error) {
	if built := o.built[path]; built != nil {
		return built, nil
	}
	var files []*ast.File
	for _, s := range o.house.sources {
		if below(path, module) && s.dir == strings.TrimPrefix(strings.TrimPrefix(path, module), "/") && !s.test {
			files = append(files, s.file)
		}
	}
	if files == nil {
		return nothing{}.Import(path)
	}
	config := types.Config{Importer: o, Error: func(error) {}}
	built, _ := config.Check(path, o.house.fset, files, nil)
	built.MarkComplete()
	o.built[path] = built
	return built, nil
}

// surface collects what shows.
type surface struct {
	root  *types.Package
	found []string
}

func (s *surface) object(name string, object types.Object) {
	typeName, ok := object.(*types.TypeName)
	if !ok {
		s.mentions(name, object.Type())
		return
	}
	if typeName.IsAlias() {
		s.mentions(name, types.Unalias(typeName.Type()))
		return
	}
	s.mentions(name, typeName.Type().Underlying())
	methods := types.NewMethodSet(types.NewPointer(typeName.Type()))
	if types.IsInterface(typeName.Type()) {
		methods = types.NewMethodSet(typeName.Type())
	}
	for method := range methods.Methods() {
		if method.Obj().Exported() {
			s.mentions(name+"."+method.Obj().Name(), method.Type())
		}
	}
}

// mentions looks at everything that a type is made of. A named type of the root
// has an entry of its own where it is exported.
func (s *surface) mentions(name string, of types.Type) {
	if slices.Contains(implemented, name) {
		return
	}
	switch of := of.(type) {
	case *types.Alias:
		s.mentions(name, types.Unalias(of))
	case *types.Named:
		for argument := range of.TypeArgs().Types() {
			s.mentions(name, argument)
		}
		if of.Obj().Pkg() == nil {
			return // error
		}
		path := of.Obj().Pkg().Path()
		if below(path, module+"/store") || below(path, module+"/internal") {
			s.found = append(s.found, fmt.Sprintf("%s shows %s.%s", name, strings.TrimPrefix(path, module+"/"), of.Obj().Name()))
		}
	case *types.Struct:
		for field := range of.Fields() {
			if field.Exported() {
				s.mentions(name+"."+field.Name(), field.Type())
			} else if field.Embedded() {
				s.promoted(name, field.Type())
			}
		}
	case *types.Signature:
		s.mentions(name, of.Params())
		s.mentions(name, of.Results())
	case *types.Tuple:
		for v := range of.Variables() {
			s.mentions(name, v.Type())
		}
	case *types.Map:
		s.mentions(name, of.Key())
		s.mentions(name, of.Elem())
	case interface{ Elem() types.Type }: // a pointer, a slice, an array, a channel
		s.mentions(name, of.Elem())
	}
}

// promoted looks at the fields that an embedded type lends.
func (s *surface) promoted(name string, embedded types.Type) {
	if pointer, ok := embedded.(*types.Pointer); ok {
		embedded = pointer.Elem()
	}
	s.mentions(name, embedded.Underlying())
}

// What go doc prints of the root is read as a table of contents. A number below is
// raised with a reason only: two screens of the nouns, their errors, and the types
// that the methods of the nouns take and return. Profiles, deletion, organisations,
// settings and webhooks each add nouns and their types.
const (
	// minNouns and maxNouns bound the fields of Auth.
	minNouns, maxNouns = 15, 32
	// maxIntroduction bounds the lines of the package comment.
	maxIntroduction = 20
	// maxContents bounds all lines.
	maxContents = 320
)

func TestGoDocReadsAsATableOfContents(t *testing.T) {
	nouns := 0
	for _, field := range reflect.VisibleFields(reflect.TypeFor[admit.Auth]()) {
		if !field.IsExported() || field.Type.Kind() != reflect.Pointer {
			continue
		}
		of := field.Type.Elem()
		if _, ok := of.FieldByName("kernel"); !ok {
			t.Errorf("Auth.%s is a %s, which is no feature", field.Name, of)
		}
		if of.Name() != field.Name {
			t.Errorf("Auth.%s is a %s: a noun has one name", field.Name, of)
		}
		nouns++
	}
	if nouns < minNouns || nouns > maxNouns {
		t.Errorf("Auth has %d nouns: %d to %d are a table of contents", nouns, minNouns, maxNouns)
	}
	command := exec.CommandContext(t.Context(), "go", "doc", ".")
	command.Env = append(command.Environ(), "GOFLAGS=")
	printed, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	comment, names, ok := strings.Cut(string(printed), "\nconst ")
	if !ok {
		t.Fatalf("go doc printed no constant:\n%s", printed)
	}
	if lines := strings.Count(comment, "\n") - 2; lines > maxIntroduction {
		t.Errorf("the package comment has %d lines, %d are enough: move the rest to docs", lines, maxIntroduction)
	}
	if lines := strings.Count(string(printed), "\n"); lines > maxContents {
		t.Errorf("go doc prints %d lines, %d are enough", lines, maxContents)
	}
	if groups := strings.Count(names, "\nvar "); groups > nouns {
		t.Errorf("go doc prints %d groups of errors for %d nouns: put the errors of a noun into one var block", groups, nouns)
	}
}
