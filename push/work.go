package push

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/worker"
)

const (
	chunk       = 128 // jobs that are processed with one read of the channel's newest messages
	scanPage    = 256
	membersPage = 1000
	moveEvery   = time.Second // the interval at which the position is stored while jobs are pending
	retryStore  = time.Second // after the store or presence did not respond
)

// work does what is due in a channel.
func (p *Pusher) work(ctx context.Context, c *worker.Claim[*room]) time.Duration {
	if c.State == nil {
		r := &room{scanned: c.Position(), jobs: map[parley.UserID]*job{}}
		if err := p.loadJobs(ctx, c.Channel, r); err != nil {
			return p.trouble(c.Channel, err)
		}
		c.State = r
	}
	r := c.State
	if !p.cfg.Clock().Before(r.nextAt) {
		begin := p.cfg.Clock()
		if err := p.scan(ctx, c, r); err != nil {
			return p.trouble(c.Channel, err)
		}
		took := p.cfg.Clock().Sub(begin)
		r.nextAt = begin.Add(min(max(10*took, 50*time.Millisecond), 2*time.Second))
	}
	if due := r.takeDue(p.cfg.Clock(), chunk); len(due) > 0 {
		if err := p.sendDue(ctx, c, r, due); err != nil {
			return p.trouble(c.Channel, err)
		}
	}
	return p.next(ctx, c, r)
}

// trouble logs an error of the store or presence, and returns when to try again.
func (p *Pusher) trouble(channel parley.ChannelID, err error) time.Duration {
	if !errors.Is(err, context.Canceled) && !errors.Is(err, worker.ErrLost) {
		p.cfg.Logger.Warn("push of a channel is delayed; it is tried again", "channel", string(channel), "error", err)
	}
	return retryStore
}

// next stores the position, and returns when there is more to do.
func (p *Pusher) next(ctx context.Context, c *worker.Claim[*room], r *room) time.Duration {
	now := p.cfg.Clock()
	position := r.position()
	if position > c.Position() && (position == r.scanned || now.Sub(r.moved) >= moveEvery) {
		if err := c.Move(ctx, position, r.seen); err != nil {
			return p.trouble(c.Channel, err)
		}
		r.moved = now
	}
	wait := time.Duration(-1)
	if len(r.due) > 0 {
		wait = max(r.due[0].due.Sub(now), time.Millisecond)
	}
	if left := r.nextAt.Sub(now); left > 0 && (wait < 0 || left < wait) {
		bs, err := p.cfg.Store.Bounds(ctx, c.Channel)
		if err != nil {
			return p.trouble(c.Channel, err)
		}
		if bs[0].Last > r.scanned || bs[0].Epoch != c.Epoch() {
			wait = left
		}
	}
	return wait
}

// scan creates jobs for new entries.
func (p *Pusher) scan(ctx context.Context, c *worker.Claim[*room], r *room) error {
	for {
		run, err := p.cfg.Store.Read(ctx, c.Channel, parley.Cursor{ID: r.scanned, Epoch: c.Epoch()}, scanPage)
		switch {
		case errors.Is(err, parley.ErrTrimmed): // removed entries concern no member
			bs, err := p.cfg.Store.Bounds(ctx, c.Channel)
			if err != nil {
				return err
			}
			r.scanned = max(r.scanned, bs[0].First-1)
			continue
		case errors.Is(err, parley.ErrEpoch):
			bs, err := p.cfg.Store.Bounds(ctx, c.Channel)
			if err != nil {
				return err
			}
			if _, err := c.Begun(ctx, bs[0].Epoch); err != nil {
				return err
			}
			r.scanned = c.Position()
			continue
		case err != nil:
			return err
		case len(run.Entries) == 0:
			return nil
		}
		if err := p.scanEntries(ctx, c.Channel, r, run.Entries); err != nil {
			return err
		}
		last := &run.Entries[len(run.Entries)-1]
		r.scanned, r.seen = last.ID, last.Time
	}
}

// concerning is the part of a message that decides whom it concerns.
type concerning struct {
	id       int64
	author   parley.UserID
	mentions []parley.UserID
	due      time.Time
}

// concerns returns the first and the last message that concern a member, 0 for none.
func concerns(ms []concerning, m *parley.Member) (first, newest int64, due time.Time) {
	for i := range ms {
		e := &ms[i]
		if e.author == m.User || m.Mute == parley.MuteButMentions && !mentions(e.mentions, m.User) {
			continue
		}
		if first == 0 {
			first, due = e.id, e.due
		}
		newest = e.id
	}
	return first, newest, due
}

func mentions(users []parley.UserID, user parley.UserID) bool {
	for _, u := range users {
		if u == user || u == parley.Everybody {
			return true
		}
	}
	return false
}

func (p *Pusher) scanEntries(ctx context.Context, channel parley.ChannelID, r *room, entries []parley.Message) error {
	now := p.cfg.Clock()
	var ms []concerning
	for i := range entries {
		m := &entries[i]
		p.badges.read(m.User) // who posts has read
		if _, ok := shown(m); !ok || m.Change != "" {
			continue
		}
		due := time.UnixMicro(int64(m.Time)).Add(p.cfg.Delay) // possibly by another clock than this node's
		if most := now.Add(p.cfg.Delay); due.After(most) {
			due = most
		}
		ms = append(ms, concerning{id: m.ID, author: m.User, mentions: m.Mentions(), due: due})
	}
	for after := parley.UserID(""); len(ms) > 0; {
		members, next, err := p.cfg.Store.Members(ctx, channel, after, membersPage)
		if err != nil {
			return err
		}
		if err := p.scanMembers(ctx, channel, r, ms, members); err != nil {
			return err
		}
		if next == "" {
			break
		}
		after = next
	}
	return nil
}

func (p *Pusher) scanMembers(ctx context.Context, channel parley.ChannelID, r *room, ms []concerning, members []parley.Member) error {
	users := make([]parley.UserID, len(members))
	for i := range members {
		users[i] = members[i].User
	}
	visible, err := p.cfg.Visible(ctx, users...)
	if err != nil {
		return err
	}
	for i := range members {
		m := &members[i]
		first, newest, due := concerns(ms, m)
		switch {
		case first == 0:
			if last := ms[len(ms)-1]; m.Mute == parley.MuteButMentions && last.author != m.User {
				p.decide(Decision{User: m.User, Channel: channel, ID: last.id, Decision: Muted, Detail: "does not mention the user"})
			}
		case m.Mute == parley.MuteAll:
			p.decide(Decision{User: m.User, Channel: channel, ID: newest, Decision: Muted})
		case visible[i]:
			p.decide(Decision{User: m.User, Channel: channel, ID: newest, Decision: Online})
		case r.concern(m.User, first, newest, due, p.cfg.Window):
			p.decide(Decision{User: m.User, Channel: channel, ID: newest, Decision: Collapsed, Detail: "joins the next notification"})
		}
	}
	return nil
}

// sendDue sends the due notifications of some members, several at a time.
func (p *Pusher) sendDue(ctx context.Context, c *worker.Claim[*room], r *room, due []*job) error {
	users := make([]parley.UserID, len(due))
	for i := range due {
		users[i] = due[i].user
	}
	visible, err := p.cfg.Visible(ctx, users...)
	if err != nil {
		return err
	}
	p.cfg.Settle(ctx, c.Channel)
	look, err := p.look(ctx, c.Channel, due)
	if err != nil {
		return err
	}
	outcomes := make([]outcome, len(due))
	var all sync.WaitGroup
	for i, j := range due {
		if visible[i] {
			outcomes[i] = outcome{end: true}
			p.decide(Decision{User: j.user, Channel: c.Channel, ID: j.newest, Decision: Online})
			continue
		}
		p.senders <- struct{}{}
		all.Go(func() {
			defer func() { <-p.senders }()
			outcomes[i] = p.send(ctx, look, j)
		})
	}
	all.Wait()
	return p.settleJobs(ctx, c, r, due, outcomes)
}

// outcome is the outcome of a job.
type outcome struct {
	end     bool          // nothing is left to send
	sent    bool          // at least one was sent
	badge   int64         // that it shows
	looked  bool          // the user has no device; checked once in a window
	again   time.Duration // else retry after this time
	refused bool          // by a provider, for a reason that may pass
	err     error         // of the store
}

// settleJobs stores the outcomes of jobs.
func (p *Pusher) settleJobs(ctx context.Context, c *worker.Claim[*room], r *room, due []*job, outcomes []outcome) (err error) {
	now := p.cfg.Clock()
	var rows []parley.Row
	badges := map[string][]parley.Row{}
	for i, j := range due {
		o := &outcomes[i]
		if o.sent {
			group := badgeGroup(j.user)
			badges[group] = append(badges[group], badgeRow(j.user, o.badge))
		}
		if o.refused && j.tries >= maxTries {
			p.decide(Decision{User: j.user, Channel: c.Channel, ID: j.newest, Decision: Failed, Detail: "given up after too many tries"})
			err = errors.Join(err, p.bury(ctx, c.Channel, j, now))
			o.end = true
		}
		switch {
		case o.err != nil:
			err = o.err
			r.at(j, now.Add(retryStore))
		case o.end:
			if j.stored {
				rows = append(rows, parley.Row{Key: jobKey(c.Channel, j.user)})
			}
			if j.stored = false; o.sent || o.looked {
				j.last = now
			}
			r.done(j, now, p.cfg.Window)
		default:
			if o.refused {
				j.tries++
			}
			r.at(j, now.Add(o.again))
			rows = append(rows, j.row(c.Channel))
			j.stored = true
		}
	}
	for group, shown := range badges {
		if e := p.cfg.Store.Put(ctx, group, shown...); e != nil && ctx.Err() == nil {
			p.cfg.Logger.Warn("the badges that devices show could not be noted", "error", e)
		}
	}
	if len(rows) > 0 {
		if e := p.cfg.Store.Put(ctx, jobGroup(c.Channel), rows...); e != nil {
			for _, j := range due {
				j.stored = j.stored && !j.pending() // so the position does not pass them
			}
			err = errors.Join(err, e)
		}
	}
	return err
}
