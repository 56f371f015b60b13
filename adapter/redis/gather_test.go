package redis

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/parley-server/parley"
)

// calls is a read whose calls wait until the test lets them answer.
type calls struct {
	made chan []parley.ChannelID
	let  chan error
}

func (c *calls) read(_ context.Context, channels ...parley.ChannelID) ([]string, error) {
	c.made <- channels
	err := <-c.let
	var all []string
	for _, channel := range channels {
		all = append(all, "of "+string(channel))
	}
	return all, err
}

func newCalls() (*calls, *gather[string]) {
	c := &calls{make(chan []parley.ChannelID), make(chan error)}
	return c, &gather[string]{read: c.read}
}

// TestGatherCombinesReads: while a call is in flight, all reads wait for one more call, which has each channel once.
func TestGatherCombinesReads(t *testing.T) { synctest.Test(t, testGatherCombinesReads) }

func testGatherCombinesReads(t *testing.T) {
	c, g := newCalls()
	var readers sync.WaitGroup
	read := func(channel parley.ChannelID) {
		if is, err := g.of(t.Context(), channel); err != nil || is != "of "+string(channel) {
			t.Errorf("read of %s: %q, %v", channel, is, err)
		}
	}
	readers.Go(func() { read("first") })
	if got := <-c.made; len(got) != 1 || got[0] != "first" {
		t.Fatalf("the first call has %v", got)
	}
	for range 10 {
		readers.Go(func() { read("a") })
		readers.Go(func() { read("b") })
		readers.Go(func() { read("first") }) // again: the call in flight may have read it before
	}
	synctest.Wait()
	c.let <- nil
	if got := <-c.made; len(got) != 3 {
		t.Fatalf("the second call has %v", got)
	}
	c.let <- nil
	readers.Wait()
	readers.Go(func() { read("later") })
	if got := <-c.made; len(got) != 1 || got[0] != "later" {
		t.Fatalf("the third call has %v", got)
	}
	c.let <- nil
	readers.Wait()
}

// TestGatherFails: an error is that of all reads of the call, and the next read makes a new one. A read whose context ends does not
// end the call.
func TestGatherFails(t *testing.T) { synctest.Test(t, testGatherFails) }

func testGatherFails(t *testing.T) {
	c, g := newCalls()
	results := make(chan error)
	read := func(ctx context.Context, channel parley.ChannelID) {
		go func() {
			_, err := g.of(ctx, channel)
			results <- err
		}()
	}
	read(t.Context(), "a")
	<-c.made
	ctx, cancel := context.WithCancel(t.Context())
	read(ctx, "b")
	synctest.Wait()
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Fatalf("the read that was given up: %v", err)
	}
	read(t.Context(), "b")
	read(t.Context(), "c")
	synctest.Wait()
	bad := errors.New("bad")
	c.let <- bad
	if err := <-results; !errors.Is(err, bad) {
		t.Fatalf("the first read: %v", err)
	}
	if got := <-c.made; len(got) != 2 {
		t.Fatalf("the second call has %v", got)
	}
	c.let <- bad
	for range 2 {
		if err := <-results; !errors.Is(err, bad) {
			t.Fatalf("a read of the second call: %v", err)
		}
	}
	read(t.Context(), "a")
	<-c.made
	c.let <- nil
	if err := <-results; err != nil {
		t.Fatal(err)
	}
}
