package locale

import (
	"fmt"
	"strings"
	"time"
)

var germanMonths = [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}

// Moment writes a point in time in UTC. It uses English if it does not know the
// language of tag.
func Moment(tag string, t time.Time) string {
	t = t.UTC()
	switch tag {
	case "de":
		return fmt.Sprintf("%d. %s %d, %s Uhr (UTC)", t.Day(), germanMonths[t.Month()-1], t.Year(), t.Format("15:04"))
	case "ja":
		return fmt.Sprintf("%d年%d月%d日 %s（UTC）", t.Year(), t.Month(), t.Day(), t.Format("15:04"))
	}
	return t.Format("2 January 2006, 15:04 UTC")
}

// Device translates the result of package device.
func Device(tag, name string) string {
	program, system, both := strings.Cut(name, " on ")
	switch {
	case tag == "de" && name == "Unknown device":
		return "Unbekanntes Gerät"
	case tag == "ja" && name == "Unknown device":
		return "不明な端末"
	case tag == "de" && both:
		return program + " auf " + system
	case tag == "ja" && both:
		return program + "（" + system + "）"
	}
	return name
}
