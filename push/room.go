package push

import (
	"container/heap"
	"time"

	"github.com/parley-server/parley"
)

// room is the state of a channel on the node that works on it. It belongs to work.
type room struct {
	scanned int64 // entries up to this one have become jobs
	seen    parley.Timestamp
	nextAt  time.Time // the next scan, so that a busy channel of many members does not cost a scan for each message
	moved   time.Time // when the position was last stored
	jobs    map[parley.UserID]*job
	due     dueJobs
}

// job is the notification that a member of a channel must receive.
type job struct {
	user   parley.UserID
	since  int64     // the first entry that concerns the user and is not handled; 0: none
	newest int64     // the last one
	due    time.Time // for the next try, or the end of the window
	last   time.Time // when a notification was sent last; zero: not within the window
	tries  int       // refused tries
	stored bool      // in the table, so the position may pass it
	sent   map[string]int64
	index  int
}

// pending reports whether there is something to send.
func (j *job) pending() bool { return j.since != 0 }

// dueJobs are a heap by due.
type dueJobs []*job

func (d dueJobs) Len() int           { return len(d) }
func (d dueJobs) Less(i, k int) bool { return d[i].due.Before(d[k].due) }
func (d dueJobs) Swap(i, k int) {
	d[i], d[k] = d[k], d[i]
	d[i].index, d[k].index = i, k
}

// Push implements heap.Interface.
func (d *dueJobs) Push(x any) {
	j := x.(*job)
	j.index = len(*d)
	*d = append(*d, j)
}

// Pop implements heap.Interface.
func (d *dueJobs) Pop() any {
	last := len(*d) - 1
	j := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	j.index = -1
	return j
}

// concern notes that entries from first to newest concern a user. merged: they join waiting ones.
func (r *room) concern(user parley.UserID, first, newest int64, due time.Time, window time.Duration) (merged bool) {
	j := r.jobs[user]
	switch {
	case j == nil:
		j = &job{user: user, since: first, newest: newest, due: due}
		r.jobs[user] = j
		heap.Push(&r.due, j)
		return false
	case j.pending():
		j.newest = max(j.newest, newest)
		return true
	}
	j.since, j.newest = first, newest
	r.at(j, later(due, j.last.Add(window)))
	return !j.last.IsZero()
}

// at schedules a job.
func (r *room) at(j *job, due time.Time) {
	j.due = due
	heap.Fix(&r.due, j.index)
}

// done notes that nothing is left to send; the job stays for the rest of the window.
func (r *room) done(j *job, now time.Time, window time.Duration) {
	j.since, j.tries, j.sent = 0, 0, nil
	if end := j.last.Add(window); !j.last.IsZero() && end.After(now) {
		r.at(j, end)
		return
	}
	heap.Remove(&r.due, j.index)
	delete(r.jobs, j.user)
}

// position returns the entry up to which everything is sent or stored elsewhere.
func (r *room) position() int64 {
	at := r.scanned
	for _, j := range r.due {
		if j.pending() && !j.stored {
			at = min(at, j.since-1)
		}
	}
	return at
}

// takeDue returns due jobs, at most limit. It drops those whose window has passed.
func (r *room) takeDue(now time.Time, limit int) (due []*job) {
	var kept []*job
	for len(r.due) > 0 && len(due) < limit && !r.due[0].due.After(now) {
		j := heap.Pop(&r.due).(*job)
		if !j.pending() {
			delete(r.jobs, j.user)
			continue
		}
		due, kept = append(due, j), append(kept, j)
	}
	for _, j := range kept { // they stay in the heap, so that position sees them
		heap.Push(&r.due, j)
	}
	return due
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
