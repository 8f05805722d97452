//go:build cgo

package drivertest

import (
	_ "github.com/mattn/go-sqlite3"

	"github.com/admit-go/admit/store/internal/sqlstore"
)

func cgoDatabases() []database {
	return []database{
		{name: "mattn", driver: "sqlite3", dialect: sqlstore.SQLite, conns: many},
		{name: "mattn one connection", driver: "sqlite3", dialect: sqlstore.SQLite, conns: 1},
	}
}
