package admit_test

import (
	"context"
	"fmt"
	"io"
	"testing"
)

// t stands for the *testing.T that an example does not have: most examples show
// a host's test, on a kit of authtest. It panics where a test fails.
var t testing.TB = inExample{}

type inExample struct{ testing.TB }

func (inExample) Helper()                   {}
func (inExample) Cleanup(func())            {} // what an Auth holds ends with the process
func (inExample) Output() io.Writer         { return io.Discard }
func (inExample) Context() context.Context  { return context.Background() }
func (inExample) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (inExample) Fatalf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }
func (inExample) Errorf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }
