package main

import (
	"strings"
	"testing"
)

func TestFailuresAndSkipsFail(t *testing.T) {
	const (
		pass    = `{"Action":"pass","Package":"p","Test":"T"}` + "\n"
		noTests = `{"Action":"skip","Package":"q"}` + "\n"
	)
	for name, try := range map[string]struct {
		in, shown string
		ok        bool
	}{
		"all passed":          {pass + noTests, "1 passed", true},
		"a skipped test":      {pass + `{"Action":"output","Package":"p","Test":"S","Output":"no redis\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"S"}`, "no redis", false},
		"a failed test":       {pass + `{"Action":"output","Package":"p","Test":"F","Output":"wrong\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"F"}`, "wrong", false},
		"a failed package":    {pass + `{"Action":"fail","Package":"p"}`, "fail  p", false},
		"a failed build":      {pass + `{"Action":"build-output","ImportPath":"p","Output":"undefined: x\n"}` + "\n" + `{"Action":"build-fail","ImportPath":"p"}`, "undefined: x", false},
		"nothing ran":         {noTests, "0 passed", false},
		"not what it expects": {"go: cannot find module\n", "cannot find", false},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := summarize(strings.NewReader(try.in), &out)
			if (err == nil) != try.ok || !strings.Contains(out.String(), try.shown) {
				t.Errorf("answered %v and printed %q", err, out.String())
			}
		})
	}
}
