package text

import "time"

// earliest and latest bound the times that stores keep, from the first microsecond
// after 1970 began, since the one before is kept as zero is, to the end of the year 9999.
var (
	earliest = time.UnixMicro(1).UTC()
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
)

// Time is a time as stores keep and compare it: in UTC, to the microsecond, zero
// as zero, and what is before 1970 or after 9999 as the nearest time within.
func Time(t time.Time) time.Time {
	switch {
	case t.IsZero():
		return time.Time{}
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	default:
		return t.Truncate(time.Microsecond).UTC()
	}
}
