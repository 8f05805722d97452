// Package crash holds the tests that kill, starve and cut off the reference
// server, in processes of its own, and ask afterwards whether everything holds
// that was acknowledged. What they found is in docs/reliability.md.
package crash
