package pgtest

import (
	"syscall"
	"testing"
)

func TestAClusterComesBackWithItsDataHoweverItEnded(t *testing.T) {
	c := NewCluster(t, "")
	c.Database("kept")
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		ended := c.Ended()
		c.Stop(signal)
		select {
		case <-ended:
		default:
			t.Errorf("%v: it has not ended", signal)
		}
		c.Start()
	}
	c.Exec("ALTER DATABASE kept RENAME TO found")
}
