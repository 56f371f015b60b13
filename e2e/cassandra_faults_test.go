package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-server/parley/load"
	"github.com/parley-server/parley/testenv"
)

// servers are three Cassandra servers under three nodes.
type servers struct {
	*rig
	cassandra *testenv.SharedService
	rows      []string
}

// TestCassandraFaults checks what reliability.md promises of several Cassandra servers. It needs 3 GB, and so runs with make
// test-cluster only: PARLEY_FAULTS sets the length of each fault.
func TestCassandraFaults(t *testing.T) {
	if os.Getenv("PARLEY_FAULTS") == "" {
		t.Skip("three servers of Cassandra need 3 GB: make test-cluster runs them")
	}
	s := &servers{rig: &rig{t: t}, cassandra: service(t, "cassandra", "--nodes", "3", "--heap", "448")}
	store := "cassandra://" + s.cassandra.URL(t) + "/chat?rf=3"
	redis := service(t, "redis").URL(t)
	if out, code := tool(t, "store", "init", "--store", store); code != 0 || !strings.Contains(out, "=3") {
		t.Fatalf("init: %d %s", code, out)
	}
	s.nodes = clusterOf(t, 3, "--store", store, "--bus", redis, "--presence", redis)
	var urls []string
	for _, n := range s.nodes {
		urls = append(urls, n.URL)
	}
	stop, running := make(chan struct{}), make(chan struct{})
	begun := sync.OnceFunc(func() { close(running) })
	type result struct {
		report *load.Report
		err    error
	}
	done := make(chan result, 1)
	var mu sync.Mutex
	acknowledged := 0
	go func() {
		report, err := load.Run(t.Context(), load.Config{Servers: urls, For: time.Hour, Until: stop, Readers: 12, Publishers: 4,
			Pace: 200 * time.Millisecond, DropOdds: 50, Seed: 23, Patience: 2 * time.Minute, Progress: func(p load.Progress) {
				mu.Lock()
				acknowledged = p.Acknowledged
				mu.Unlock()
				if p.Acknowledged > 20 {
					begun()
				}
			}})
		begun()
		done <- result{report, err}
	}()
	ended := sync.OnceValue(func() result { close(stop); return <-done })
	defer ended()
	<-running
	sofar := func() int {
		mu.Lock()
		defer mu.Unlock()
		return acknowledged
	}
	for _, f := range []struct {
		name   string
		happen func() (healed time.Time)
	}{
		{"one of three killed", s.killOne},
		{"one of three frozen", s.freezeOne},
		{"two of three killed", s.killTwo},
		{"all three restarted", s.restartAll},
	} {
		before := sofar()
		healed := f.happen()
		worst := s.served(healed)
		s.span(3 * time.Second)
		s.rows = append(s.rows, fmt.Sprintf("| %s | %d | %.1f s |", f.name, sofar()-before, worst.Seconds()))
		t.Log(s.rows[len(s.rows)-1])
	}
	got := ended()
	if got.err != nil {
		t.Fatal(got.err)
	}
	if !got.report.OK() || got.report.Resets > 0 || got.report.Forgotten > 0 {
		t.Errorf("%+v", got.report)
	}
	t.Logf("| fault | acknowledged | served again after |\n%s\n%s", strings.Join(s.rows, "\n"), got.report)
}

func (s *servers) control(verb string, args ...string) {
	s.t.Helper()
	_, err := s.cassandra.Control(verb, args...)
	s.check(err)
}

// served publishes through each node, into channels of different replicas, until it is acknowledged ten times in a row, and returns
// how long after since the first of those was.
func (s *servers) served(since time.Time) time.Duration {
	s.t.Helper()
	var wait sync.WaitGroup
	took := make([]time.Duration, len(s.nodes))
	for i, n := range s.nodes {
		wait.Go(func() {
			deadline := time.Now().Add(2 * time.Minute)
			for row := 0; row < 10; row++ {
				status, answer := request(s.t, "POST", n.URL+"/api/messages", fmt.Sprintf(`{"channel_id":"probe-%d","user":"x","text":"x"}`, row))
				if row == 0 {
					took[i] = time.Since(since)
				}
				if status != 201 {
					row = -1
				}
				if time.Now().After(deadline) {
					s.t.Errorf("%s is not served again: %d %s", n.URL, status, answer)
					return
				}
			}
		})
	}
	wait.Wait()
	return slices.Max(took)
}

func (s *servers) killOne() time.Time {
	s.control("kill", "--node", "3")
	s.t.Logf("with one killed nodes serve after %v", s.served(time.Now()).Round(time.Millisecond))
	s.span(30 * time.Second)
	s.served(time.Now())
	s.control("up")
	return time.Now()
}

func (s *servers) freezeOne() time.Time {
	s.check(s.cassandra.Signal(2, syscall.SIGSTOP))
	defer func() { s.check(s.cassandra.Signal(2, syscall.SIGCONT)) }()
	s.t.Logf("with one frozen nodes serve after %v", s.served(time.Now()).Round(time.Millisecond))
	s.span(30 * time.Second)
	s.served(time.Now())
	return time.Now()
}

func (s *servers) killTwo() time.Time {
	s.control("kill", "--node", "3")
	s.control("kill", "--node", "2")
	s.refused("store")
	s.span(30 * time.Second)
	s.control("up")
	return time.Now()
}

func (s *servers) restartAll() time.Time {
	for n := range 3 {
		s.control("kill", "--node", fmt.Sprint(n+1))
		s.served(time.Now())
		s.control("up")
	}
	return time.Now()
}
