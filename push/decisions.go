package push

import (
	"slices"
	"sync"

	"github.com/parley-server/parley"
)

// The decisions about a message and a user.
const (
	Sent      = "sent"      // a provider has accepted the notification
	Cancelled = "cancelled" // it was read, deleted, or the user has left, before it was due
	Muted     = "muted"
	Online    = "online" // the user was looking
	NoDevice  = "no-device"
	Failed    = "failed"    // an attempt was refused
	Gone      = "gone"      // the device will never accept one, and was removed
	Collapsed = "collapsed" // combined with a pending notification
)

// Decision says why a notification was sent or not.
type Decision struct {
	Time     parley.Timestamp `json:"time"`
	User     parley.UserID    `json:"user"`
	Channel  parley.ChannelID `json:"channel"`
	ID       int64            `json:"id"`
	Device   string           `json:"device"` // "": no device was tried
	Decision string           `json:"decision"`
	Detail   string           `json:"detail"`

	platform parley.Platform
}

// ringSize is how many decisions a node remembers.
const ringSize = 1000

// ring holds the last decisions.
type ring struct {
	mu   sync.Mutex
	all  []Decision
	next int
}

// decide remembers a decision.
func (p *Pusher) decide(d Decision) {
	d.Time = parley.Timestamp(p.cfg.Clock().UnixMicro())
	p.cfg.OnDecision(string(d.platform), d.Decision)
	r := &p.decisions
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) < ringSize {
		r.all = append(r.all, d)
		return
	}
	r.all[r.next] = d
	r.next = (r.next + 1) % ringSize
}

// Decisions returns this node's last decisions about a user, or about all, the newest first, at
// most limit.
func (p *Pusher) Decisions(user parley.UserID, limit int) []Decision {
	r := &p.decisions
	r.mu.Lock()
	defer r.mu.Unlock()
	found := []Decision{}
	for i := range r.all {
		d := r.all[(r.next+i)%len(r.all)]
		if user == "" || d.User == user {
			found = append(found, d)
		}
	}
	slices.Reverse(found)
	return found[:min(len(found), limit)]
}
