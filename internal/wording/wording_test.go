package wording

import (
	"testing"
	"time"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/texts"
)

func in(t *testing.T, tag string) *texts.Catalogue {
	t.Helper()
	set, err := Load(texts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set.Match([]string{tag})
}

func TestMomentsAndDevicesAreSaidInTheLanguage(t *testing.T) {
	at := time.Date(2026, time.March, 1, 13, 5, 0, 0, time.FixedZone("", 2*60*60))
	for tag, want := range map[string][3]string{
		"en": {"1 March 2026, 11:05 UTC", "Firefox on Linux", device.Unknown},
		"de": {"1. März 2026, 11:05 Uhr (UTC)", "Firefox auf Linux", "Unbekanntes Gerät"},
		"ja": {"2026年3月1日 11:05（UTC）", "Firefox（Linux）", "不明な端末"},
		"xx": {"1 March 2026, 11:05 UTC", "Firefox on Linux", device.Unknown},
	} {
		c := in(t, tag)
		if got := [3]string{Moment(c, at), Device(c, "Firefox on Linux"), Device(c, device.Unknown)}; got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
	if got := Device(in(t, "de"), "curl"); got != "curl" {
		t.Error(got)
	}
	if got := FullMoment(in(t, "de"), at); got != "Sonntag, 1. März 2026, 11:05 Uhr (UTC)" {
		t.Error(got)
	}
}

func TestExpiryIsALengthOrAMoment(t *testing.T) {
	at := time.Date(2026, time.May, 1, 11, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		from  time.Time
		until time.Time
		want  string
	}{
		{at, at.Add(10 * time.Minute), "for 10 minutes"},
		{at, at.Add(time.Minute), "for 1 minute"},
		{at, at.Add(time.Second), "for 1 minute"},
		{at, at.Add(90 * time.Minute), "for 90 minutes"},
		{at, at.Add(24 * time.Hour), "for 24 hours"},
		{at.Add(3 * time.Millisecond), at.Add(24 * time.Hour), "for 24 hours"},
		{at, at.Add(7 * 24 * time.Hour), "for 7 days"},
		{time.Time{}, at, "until 1 May 2026, 11:00 UTC"},
		{at, at.Add(-time.Hour), "until 1 May 2026, 10:00 UTC"},
	} {
		if got := Lasts(in(t, "en"), c.from, c.until); got != c.want {
			t.Errorf("from %v until %v: %q, want %q", c.from, c.until, got, c.want)
		}
	}
	for life, want := range map[time.Duration][2]string{
		time.Minute: {"1 Minute lang", "1分間"}, 10 * time.Minute: {"10 Minuten lang", "10分間"}, 24 * time.Hour: {"24 Stunden lang", "24時間"}, 7 * 24 * time.Hour: {"7 Tage lang", "7日間"},
	} {
		if got := [2]string{Lasts(in(t, "de"), at, at.Add(life)), Lasts(in(t, "ja"), at, at.Add(life))}; got != want {
			t.Errorf("%v: %q, want %q", life, got, want)
		}
	}
	if got := Lasts(in(t, "de"), time.Time{}, at); got != "bis zum 1. Mai 2026, 11:00 Uhr (UTC)" {
		t.Error(got)
	}
	if got := Lasts(in(t, "ja"), time.Time{}, at); got != "2026年5月1日 11:00（UTC）まで" {
		t.Error(got)
	}
}
