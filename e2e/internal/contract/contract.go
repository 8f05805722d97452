// Package contract checks an HTTP handler against openapi.yaml. The test fails
// if a response that passes through [Contract.Transport] is not described by
// the document.
package contract

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Contract is a loaded document. It is safe for use by any number of
// goroutines.
type Contract struct {
	document *openapi3.T
	// statuses has the status of each code that the default response of an
	// operation can have.
	statuses map[string]int
	// operations are all operations, ordered by path and method.
	operations []Operation
	shapes     *shapes
}

// Operation is one method on one path of the document.
type Operation struct {
	// Method and Path are as in the document, with parameters in braces.
	Method, Path string
	// Access is "anyone", "user", "admin", or what x-access says. Scope is the scope that an API key
	// needs, or "" if the operation does not check keys.
	Access, Scope string

	spec *openapi3.Operation
	item *openapi3.PathItem
}

// Load reads a document from a file and checks that it is valid and says what
// [Contract.Check] relies on.
func Load(file string) (*Contract, error) {
	readJSONLines()
	document, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if err := document.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("%s is not a valid document: %w", file, err)
	}
	c := &Contract{document: document}
	if c.statuses, err = generalStatuses(document); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if c.shapes, err = newShapes(document); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	c.operations = operations(document)
	for _, operation := range c.operations {
		if err := operation.complete(); err != nil {
			return nil, fmt.Errorf("%s: %s %s: %w", file, operation.Method, operation.Path, err)
		}
	}
	return c, nil
}

// generalStatuses reads x-statuses of components/responses/General.
func generalStatuses(document *openapi3.T) (map[string]int, error) {
	if document.Components == nil || document.Components.Responses["General"] == nil {
		return nil, errors.New("components/responses/General is missing")
	}
	listed, ok := document.Components.Responses["General"].Value.Extensions["x-statuses"].(map[string]any)
	if !ok || len(listed) == 0 {
		return nil, errors.New("components/responses/General has no x-statuses")
	}
	statuses := map[string]int{}
	for code, status := range listed {
		number, ok := status.(float64)
		if !ok || http.StatusText(int(number)) == "" {
			return nil, fmt.Errorf("x-statuses: %s: %v is no status", code, status)
		}
		statuses[code] = int(number)
	}
	return statuses, nil
}

// complete checks the parts that OpenAPI makes optional and that this document
// must have.
func (o Operation) complete() error {
	if o.spec.OperationID == "" || o.spec.Summary == "" || len(o.spec.Tags) != 1 {
		return errors.New("needs an operationId, a summary and one tag")
	}
	if o.spec.Security == nil {
		return errors.New("does not say who may call it (security)")
	}
	if o.spec.Responses.Default() == nil || o.spec.Responses.Default().Ref != "#/components/responses/General" {
		return errors.New("its default response must be components/responses/General")
	}
	for status := range o.spec.Responses.Map() {
		if strings.ContainsAny(status, "xX") {
			return fmt.Errorf("%s is no status: list each one", status)
		}
	}
	return nil
}

// Operations lists all operations, ordered by path and method.
func (c *Contract) Operations() []Operation { return slices.Clone(c.operations) }

func operations(document *openapi3.T) []Operation {
	var all []Operation
	paths := document.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path]
		methods := item.Operations()
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			o := Operation{Method: method, Path: path, spec: methods[method], item: item}
			o.Access, o.Scope = access(o.spec.Security)
			if own, ok := o.spec.Extensions["x-access"].(string); ok {
				o.Access = own
			}
			all = append(all, o)
		}
	}
	return all
}

// access returns who may call an operation: anyone, if no alternative names a
// scheme; an administrator, if the key alone is an alternative to the token.
func access(security *openapi3.SecurityRequirements) (who, scope string) {
	who = "user"
	if security == nil {
		return who, ""
	}
	for _, alternative := range *security {
		scopes, key := alternative["apiKey"]
		_, token := alternative["accessToken"]
		switch {
		case len(alternative) == 0:
			who = "anyone"
		case key && !token && who != "anyone":
			who = "admin"
		}
		if len(scopes) > 0 {
			scope = scopes[0]
		}
	}
	return who, scope
}

// find returns the operations on the path of a request by method, or none if
// the document does not have the path. Segments are compared as they were sent.
// A literal segment is preferred to a parameter.
func (c *Contract) find(path string) map[string]Operation {
	var best string
	for _, o := range c.operations {
		if strings.HasPrefix(o.Path, path+"/") && c.document.Paths.Value(path) == nil { // the last segment is a literal, not a parameter
			return nil
		}
		if o.Path != best && matches(o.Path, path) && (best == "" || strings.Count(o.Path, "{") < strings.Count(best, "{")) {
			best = o.Path
		}
	}
	found := map[string]Operation{}
	for _, o := range c.operations {
		if o.Path == best {
			found[o.Method] = o
		}
	}
	return found
}

// providerName matches the names that a provider may have.
var providerName = regexp.MustCompile(`^[a-z0-9-]+$`)

func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] == "{provider}" && !providerName.MatchString(got[i]) {
			return false
		}
		if parameter := strings.HasPrefix(want[i], "{"); parameter && got[i] == "" || !parameter && got[i] != want[i] {
			return false
		}
	}
	return true
}

// ID is the operation's name in the document.
func (o Operation) ID() string { return o.spec.OperationID }

// Codes lists, sorted, the codes of all refusals that the document names.
func (c *Contract) Codes() []string {
	codes := []string{"auth/not-found", "auth/method-not-allowed"}
	for _, o := range c.operations {
		for _, response := range o.spec.Responses.Map() {
			for _, media := range response.Value.Content {
				codes = append(codes, codesOf(media.Schema)...)
			}
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// codesOf reads the enum of error.code, which stands beside the reference to
// the schema of errors.
func codesOf(schema *openapi3.SchemaRef) []string {
	if schema == nil || schema.Value == nil {
		return nil
	}
	var codes []string
	for _, part := range schema.Value.AllOf {
		codes = append(codes, codesOf(part)...)
	}
	refusal := schema.Value.Properties["error"]
	if refusal == nil || refusal.Value.Properties["code"] == nil {
		return codes
	}
	for _, code := range refusal.Value.Properties["code"].Value.Enum {
		if text, ok := code.(string); ok {
			codes = append(codes, text)
		}
	}
	return codes
}

// Field is a field of the body or the query of a request.
type Field struct {
	Name string
	// Required says that every request must have the field.
	Required bool
	// Sample is a value that the document allows: an example, the first value of
	// an enum, or a value of the type. It is "x" for a field whose values the
	// document does not restrict.
	Sample any
}

// Fields lists the fields of the JSON body of a request, or of the query if
// there is no body, in the order of their names.
func (o Operation) Fields() []Field {
	var fields []Field
	if o.spec.RequestBody == nil {
		for _, p := range o.spec.Parameters {
			if p.Value.In == openapi3.ParameterInQuery {
				fields = append(fields, Field{p.Value.Name, p.Value.Required, sample(p.Value.Schema)})
			}
		}
		slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
		return fields
	}
	media := o.spec.RequestBody.Value.Content["application/json"]
	if media == nil {
		return nil
	}
	found := map[string]Field{}
	var read func(schema *openapi3.SchemaRef)
	read = func(schema *openapi3.SchemaRef) {
		for name, property := range schema.Value.Properties {
			found[name] = Field{Name: name, Sample: sample(property), Required: found[name].Required}
		}
		for _, part := range slices.Concat(schema.Value.AllOf, schema.Value.OneOf, schema.Value.AnyOf) {
			read(part)
		}
	}
	read(media.Schema)
	for _, name := range media.Schema.Value.Required {
		field := found[name]
		field.Name, field.Required = name, true
		found[name] = field
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		fields = append(fields, found[name])
	}
	return fields
}

func sample(schema *openapi3.SchemaRef) any {
	if schema == nil || schema.Value == nil {
		return "x"
	}
	switch s := schema.Value; {
	case s.Example != nil:
		return s.Example
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Includes("boolean"):
		return true
	case s.Type.Includes("integer"), s.Type.Includes("number"):
		return 1
	case s.Type.Includes("array"):
		return []any{}
	case s.Type.Includes("object"):
		return map[string]any{}
	}
	return "x"
}
