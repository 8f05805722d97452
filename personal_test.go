package admit

import (
	"testing"

	"github.com/admit-go/admit/store"
)

// The views of the SQL stores read these members.
func TestThePersonalRecordsHoldWhatTheViewsRead(t *testing.T) {
	holds := func(data []byte, err error, want string) {
		t.Helper()
		if string(data) != want || err != nil {
			t.Errorf("the record holds %s, %v, want %s", data, err, want)
		}
	}
	data, err := encodePersonal(profileData{"+49", "etc", "b", "g", "t", "l"})
	holds(data, err, `{"v":1,"mobile":"+49","gender":"etc","bio":"b","github":"g","twitter":"t","linkedin":"l"}`)
	data, err = encodePersonal(preferencesData{"Europe/Vienna", "dark"})
	holds(data, err, `{"v":1,"timezone":"Europe/Vienna","theme":"dark"}`)
	data, err = encodePersonal(notificationsData{true, true, true, true, true, true})
	holds(data, err, `{"v":1,"noService":true,"marketing":true,"noPush":true,"noEmail":true,"sms":true,"nightTime":true}`)
	data, err = encodePersonal(onboardingData{"team", `{"a": 1.0}`})
	holds(data, err, `{"v":1,"step":"team","data":"{\"a\": 1.0}"}`)
	data, err = encodePersonal(publicData{"ann", true})
	holds(data, err, `{"v":1,"slug":"ann","public":true}`)
	if read, err := readPersonal[publicData](store.Record{Data: data}); err != nil || read != (publicData{"ann", true}) {
		t.Errorf("read is %+v, %v", read, err)
	}
}
