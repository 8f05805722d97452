package sqlstore

import "github.com/admit-go/admit/store"

// SQL gives statements of the host the transaction of this store, or its
// database outside of one. See store.SQL.
func (s *Store) SQL() store.Querier {
	if s.scope != nil {
		return s.scope.tx
	}
	return s.db
}
