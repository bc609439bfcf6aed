package keyring

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// elapse moves the clock of the synctest bubble that it is called in: nobody waits.
func elapse(d time.Duration) { time.Sleep(d) }
