// Package counterpart holds the tests against programs that stand beside a host
// in production: a proxy in front of it, and the libraries of other languages that
// read its access tokens, keys and discovery documents.
package counterpart
