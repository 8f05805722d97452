//go:build !race

package harness

import _ "modernc.org/sqlite" // the SQLite driver
