package e2e_test

// rows is a table of which each test file hands in the rows of its feature:
//
//	var _ = faultFlows.add(faultFlow{…})
type rows[T any] []T

func (r *rows[T]) add(more ...T) bool {
	*r = append(*r, more...)
	return true
}
