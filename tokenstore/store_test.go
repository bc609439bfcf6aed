package tokenstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gatehouse-auth/gatehouse/tokenstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) { storetest.RunStore(t, memoryFactory) }
