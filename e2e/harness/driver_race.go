//go:build race

package harness

// SQLite in C: the translated one has nothing of ours for the race detector to
// watch, and takes five times as long under it.
import _ "github.com/mattn/go-sqlite3"
