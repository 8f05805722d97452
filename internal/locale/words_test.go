package locale

import (
	"testing"
	"time"

	"github.com/admit-go/admit/internal/device"
)

func TestMomentsAndDevicesAreSaidInTheLanguage(t *testing.T) {
	at := time.Date(2026, time.March, 1, 13, 5, 0, 0, time.FixedZone("", 2*60*60))
	for tag, want := range map[string][3]string{
		"en": {"1 March 2026, 11:05 UTC", "Firefox on Linux", device.Unknown},
		"de": {"1. März 2026, 11:05 Uhr (UTC)", "Firefox auf Linux", "Unbekanntes Gerät"},
		"ja": {"2026年3月1日 11:05（UTC）", "Firefox（Linux）", "不明な端末"},
		"xx": {"1 March 2026, 11:05 UTC", "Firefox on Linux", device.Unknown},
	} {
		if got := [3]string{Moment(tag, at), Device(tag, "Firefox on Linux"), Device(tag, device.Unknown)}; got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
	if got := Device("de", "curl"); got != "curl" {
		t.Error(got)
	}
}
