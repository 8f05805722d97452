package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// source is one file of a package.
type source struct {
	name      string
	lines     []string
	functions []function
}

// function is a function or a method. Its lines are counted from 0.
type function struct {
	name, receiver string
	first, last    int
}

// readPackage reads the non-test files of a package.
func readPackage(dir string) ([]source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var sources []source
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s, err := readSource(name, text)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func readSource(name string, text []byte) (source, error) {
	s := source{name: name, lines: strings.Split(string(text), "\n")}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, parser.SkipObjectResolution)
	if err != nil {
		return s, err
	}
	for _, declaration := range file.Decls {
		declared, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		f := function{
			name: declared.Name.Name, first: files.Position(declared.Pos()).Line - 1, last: files.Position(declared.End()).Line - 1,
		}
		if declared.Recv != nil && len(declared.Recv.List[0].Names) == 1 {
			f.receiver = declared.Recv.List[0].Names[0].Name
		}
		s.functions = append(s.functions, f)
	}
	return s, nil
}

// functionAt returns the function around a line, or the zero function.
func (s source) functionAt(line int) function {
	for _, f := range s.functions {
		if f.first <= line && line <= f.last {
			return f
		}
	}
	return function{}
}
