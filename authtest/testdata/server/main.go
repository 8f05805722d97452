// A program that is no test and makes a kit all the same.
package main

import (
	"fmt"
	"io"
	"testing"

	"github.com/admit-go/admit/authtest"
)

type noTest struct{ testing.TB }

func (noTest) Helper()           {}
func (noTest) Cleanup(func())    {}
func (noTest) Output() io.Writer { return io.Discard }
func (noTest) Fatal(args ...any) { fmt.Println(args...) }

func main() { fmt.Println("made a kit:", authtest.New(noTest{}) != nil) }
