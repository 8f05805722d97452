// Package e2e holds the tests that go through HTTP: each case of the attack
// catalogue that can be sent over a wire, on every store, with each response
// held against openapi.yaml. Tests are named after their case.
package e2e
