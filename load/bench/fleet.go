package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Fleet is the readers of a run, in as many processes as the limit on descriptors requires.
type Fleet struct {
	workers []*worker
	args    []SwarmArgs
	count   int
}

// perWorker limits the readers of one process. It is below the 20,000 descriptors that many systems
// allow and the 28,000 ports of a source address.
const perWorker = 15000

// StartFleet starts workers for count readers. nth keeps the addresses of several fleets distinct.
func StartFleet(ctx context.Context, binary string, args SwarmArgs, count, nth int) (*Fleet, error) {
	each := max(1, min(perWorker, descriptors()-200))
	f := &Fleet{count: count}
	n := (count + each - 1) / each
	for i := range n {
		a := args
		a.Worker = nth*100 + i
		a.First = count * i / n
		a.Count = count*(i+1)/n - a.First
		w, err := startWorker(ctx, binary)
		if err == nil {
			f.workers, f.args = append(f.workers, w), append(f.args, a)
			err = w.client.Call("Swarm.Start", a, &struct{}{})
		}
		if err != nil {
			f.Stop()
			return nil, err
		}
	}
	return f, nil
}

// Stop ends the workers and thereby their connections.
func (f *Fleet) Stop() {
	for _, w := range f.workers {
		w.stop()
	}
	f.workers = nil
}

// each calls a method on every worker at once.
func each[R any](f *Fleet, method string, args func(i int) any) ([]R, error) {
	replies, errs := make([]R, len(f.workers)), make([]error, len(f.workers))
	var wg sync.WaitGroup
	for i, w := range f.workers {
		wg.Go(func() {
			if errs[i] = w.client.Call("Swarm."+method, args(i), &replies[i]); errs[i] != nil {
				errs[i] = fmt.Errorf("worker %d: %w", i, errs[i])
			}
		})
	}
	wg.Wait()
	return replies, errors.Join(errs...)
}

func nothing(int) any { return struct{}{} }

// Opened is the result of connecting, over all workers.
type Opened struct {
	Opened, Failed int
	Took           time.Duration
	Latency        *hdrhistogram.Histogram
}

// Open connects every reader that has no connection. A failure to connect is an error.
func (f *Fleet) Open(resume bool, dials int, rate float64) (Opened, error) {
	n := float64(len(f.workers))
	replies, err := each[OpenReply](f, "Open", func(int) any {
		return OpenArgs{Resume: resume, Dials: max(1, dials/len(f.workers)), Rate: rate / n}
	})
	if err != nil {
		return Opened{}, err
	}
	o := Opened{Latency: newHistogram()}
	began, ended := replies[0].Began, replies[0].Ended
	for _, r := range replies {
		o.Opened += r.Opened
		o.Failed += r.Failed
		began, ended = min(began, r.Began), max(ended, r.Ended)
		o.Latency.Merge(hdrhistogram.Import(r.Latency))
		if r.Err != "" && err == nil {
			err = fmt.Errorf("%d of %d connections failed: %s", r.Failed, r.Failed+r.Opened, r.Err)
		}
	}
	o.Took = time.Duration(ended - began)
	return o, err
}

// Drop closes the connection of every one-th reader at the same time.
func (f *Fleet) Drop(one int) error {
	_, err := each[struct{}](f, "Drop", func(int) any { return one })
	return err
}

// Expect lets the connections to a server end without counting that as a problem.
func (f *Fleet) Expect(server string) error {
	_, err := each[struct{}](f, "Expect", func(int) any { return server })
	return err
}

// Subscribe lets readers of several channels follow theirs from the beginning.
func (f *Fleet) Subscribe() error {
	_, err := each[struct{}](f, "Subscribe", nothing)
	return err
}

// Await waits until every reader is at its channel's head, and returns how many entries did not
// arrive and when the last one arrived.
func (f *Fleet) Await(heads []int64, timeout time.Duration) (missing int64, ended time.Time, err error) {
	replies, err := each[AwaitReply](f, "Await", func(int) any { return AwaitArgs{heads, timeout} })
	var last int64
	for _, r := range replies {
		missing += r.Missing
		last = max(last, r.Ended)
	}
	return missing, time.Unix(0, last), err
}

// CatchUp waits until every reader that the last Open connected has what it had missed, and returns when the last one had.
func (f *Fleet) CatchUp(timeout time.Duration) (latest time.Time, err error) {
	replies, err := each[CaughtReply](f, "CatchUp", func(int) any { return timeout })
	var opened, caught, last int64
	for _, r := range replies {
		opened, caught, last = opened+r.Opened, caught+r.Caught, max(last, r.Latest)
	}
	if err == nil && caught < opened {
		err = fmt.Errorf("%d of %d clients have not caught up after %v", opened-caught, opened, timeout)
	}
	return time.Unix(0, last), err
}

// Seen is the tally of all workers.
type Seen struct {
	Tally
	Latency *hdrhistogram.Histogram
}

// Take returns the tally, and the latencies since the last Take.
func (f *Fleet) Take() (Seen, error) { return f.tally("Take") }

// Count returns the tally without latencies.
func (f *Fleet) Count() (Seen, error) { return f.tally("Count") }

func (f *Fleet) tally(method string) (Seen, error) {
	replies, err := each[Tally](f, method, nothing)
	s := Seen{Latency: newHistogram()}
	for _, t := range replies {
		s.Counts.add(t.Counts)
		s.Bytes += t.Bytes
		s.Live += t.Live
		s.Cut += t.Cut
		s.Left += t.Left
		s.Caught += t.Caught
		s.Latest = max(s.Latest, t.Latest)
		s.CPU += t.CPU
		s.Troubles = append(s.Troubles, t.Troubles...)
		if t.Latency != nil {
			s.Latency.Merge(hdrhistogram.Import(t.Latency))
		}
	}
	return s, err
}
