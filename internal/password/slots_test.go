package password

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// turns records who got a slot, in order; each gives it back when told to.
type turns struct {
	t     *testing.T
	slots *slots
	next  chan struct{}

	mu    sync.Mutex
	order []string
}

// come lets a caller come, and waits until it has its turn or waits for it.
func (o *turns) come(ctx context.Context, name string, trusted bool, want error) {
	go func() {
		if err := o.slots.take(ctx, trusted); !errors.Is(err, want) {
			o.t.Errorf("%s: %v, want %v", name, err, want)
		} else if err == nil {
			o.mu.Lock()
			o.order = append(o.order, name)
			o.mu.Unlock()
			<-o.next
			o.slots.free()
		}
	}()
	synctest.Wait()
}

func (o *turns) finish(n int) {
	for range n {
		o.next <- struct{}{}
		synctest.Wait()
	}
}

func TestLanesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &turns{t: t, slots: newSlots(1, 3), next: make(chan struct{})}
		o.come(t.Context(), "first", false, nil)
		for _, name := range []string{"s1", "s2", "s3"} {
			o.come(t.Context(), name, false, nil)
		}
		o.come(t.Context(), "s4", false, ErrBusy)
		for _, name := range []string{"t1", "t2", "t3"} { // though the lane of strangers is full
			o.come(t.Context(), name, true, nil)
		}
		o.come(t.Context(), "t4", true, ErrBusy)
		o.finish(7)
		if want := []string{"first", "t1", "s1", "t2", "s2", "t3", "s3"}; !slices.Equal(o.order, want) {
			t.Errorf("order %v, want %v", o.order, want)
		}
		if o.slots.unused != 1 {
			t.Errorf("%d slots unused, want 1", o.slots.unused)
		}
	})
}

func TestTrustedCallerWaitsForOneStrangerAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &turns{t: t, slots: newSlots(1, 100), next: make(chan struct{})}
		for range 50 {
			o.come(t.Context(), "s", false, nil)
		}
		for round := range 5 {
			o.come(t.Context(), "t", true, nil)
			before := len(o.order)
			o.finish(2) // of the one that works, and of another stranger if it is his turn
			if !slices.Contains(o.order[before:], "t") {
				t.Fatalf("round %d: %v came first", round, o.order[before:])
			}
			o.finish(1)
		}
		o.finish(50 + 5 - 15)
	})
}

func TestSlotsBoundWhoWorks(t *testing.T) {
	s := newSlots(3, 1000)
	var working, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := s.take(t.Context(), i%2 == 0); err != nil {
				t.Error(err)
				return
			}
			now := working.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			working.Add(-1)
			s.free()
		})
	}
	wg.Wait()
	if most.Load() > 3 || s.unused != 3 {
		t.Errorf("%d at a time, %d unused afterwards", most.Load(), s.unused)
	}
}

func TestWhoLeavesGivesUpHisPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &turns{t: t, slots: newSlots(1, 1), next: make(chan struct{})}
		o.come(t.Context(), "first", false, nil)
		leaving, leave := context.WithCancel(t.Context())
		o.come(leaving, "leaves", false, context.Canceled)
		o.come(t.Context(), "comes too early", false, ErrBusy)
		leave()
		synctest.Wait()
		o.come(t.Context(), "second", false, nil)
		o.come(leaving, "is gone already", true, context.Canceled)
		o.finish(2)
		if want := []string{"first", "second"}; !slices.Equal(o.order, want) {
			t.Errorf("order %v, want %v", o.order, want)
		}
	})
}

// A turn that comes in the very moment in which the caller leaves must not be lost.
func TestTurnOfOneWhoLeftIsPassedOn(t *testing.T) {
	s := newSlots(1, 1000)
	for range 500 {
		if err := s.take(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if err := s.take(ctx, i%2 == 0); err == nil {
					s.free()
				}
			})
		}
		wg.Go(cancel)
		wg.Go(s.free)
		wg.Wait()
		if s.unused != 1 || s.strange.Len()+s.trusted.Len() != 0 {
			t.Fatalf("%d slots unused, %d wait", s.unused, s.strange.Len()+s.trusted.Len())
		}
	}
}
