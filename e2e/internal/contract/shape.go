package contract

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// shapes are the schemas of a document. Each is compiled once, because to compile a
// schema takes longer than to check a body against it. Package openapi3 compiles a
// schema for each body.
type shapes struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

func newShapes(document *openapi3.T) (*shapes, error) {
	text, err := document.MarshalJSON()
	if err != nil {
		return nil, err
	}
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", resource); err != nil {
		return nil, err
	}
	return &shapes{compiler: compiler, compiled: map[string]*jsonschema.Schema{}}, nil
}

// at returns the schema that the names lead to from the root of the document
// (RFC 6901).
func (s *shapes) at(names ...string) (*jsonschema.Schema, error) {
	var pointer strings.Builder
	for _, name := range names {
		pointer.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if schema := s.compiled[pointer.String()]; schema != nil {
		return schema, nil
	}
	schema, err := s.compiler.Compile("openapi.json#" + pointer.String())
	if err != nil {
		return nil, err
	}
	s.compiled[pointer.String()] = schema
	return schema, nil
}

// check checks a body that must be JSON against the schema that the names lead to.
func (s *shapes) check(body []byte, names ...string) error {
	schema, err := s.at(names...)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("failed to decode the body as JSON: %w", err)
	}
	return schema.Validate(value)
}

// hasShape says whether a response is JSON and has a schema in the document, and
// returns where the schema stands.
func hasShape(x Exchange, o Operation, documented *openapi3.ResponseRef) (names []string, ok bool) {
	status := strconv.Itoa(x.Response.StatusCode)
	if documented == nil {
		documented, status = o.spec.Responses.Default(), "default"
	}
	media := documented.Value.Content["application/json"]
	if media == nil || media.Schema == nil || x.Response.Header.Get("Content-Type") != "application/json" {
		return nil, false
	}
	names = []string{"paths", o.Path, strings.ToLower(o.Method), "responses", status}
	if documented.Ref != "" {
		names = strings.Split(strings.TrimPrefix(documented.Ref, "#/"), "/")
	}
	return append(names, "content", "application/json", "schema"), true
}
