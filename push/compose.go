package push

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/parley-server/parley"
)

// keptFor is how long a provider may keep a notification for a device that is offline.
const keptFor = 24 * time.Hour

// look is the state of a channel when notifications are sent.
type look struct {
	channel  parley.ChannelID
	title    string           // its title or name
	messages []parley.Message // the newest, in their current state
}

// lookBack is how many of the newest entries may be shown.
const lookBack = 256

// look reads a channel for jobs that are due.
func (p *Pusher) look(ctx context.Context, channel parley.ChannelID, due []*job) (*look, error) {
	sets, err := p.cfg.Store.Settings(ctx, channel)
	if err != nil {
		return nil, err
	}
	l := &look{channel: channel, title: sets[0].Title}
	if l.title == "" {
		l.title = string(channel)
	}
	bs, err := p.cfg.Store.Bounds(ctx, channel)
	if err != nil {
		return nil, err
	}
	first := bs[0].Last
	for _, j := range due {
		first = min(first, j.since)
	}
	for at := max(first-1, bs[0].First-1, bs[0].Last-lookBack); at < bs[0].Last; {
		run, err := p.cfg.Store.Read(ctx, channel, parley.Cursor{ID: at}, lookBack)
		if err != nil {
			return nil, err
		}
		if len(run.Entries) == 0 {
			break
		}
		l.messages = append(l.messages, run.Entries...)
		at = run.Entries[len(run.Entries)-1].ID
	}
	return l, nil
}

// newest returns the last message that a member must be notified of, nil if there is none left.
func (l *look) newest(m *parley.Member) *parley.Message {
	for i := len(l.messages) - 1; i >= 0; i-- {
		e := &l.messages[i]
		if e.ID <= m.ReadID {
			break
		}
		if e.Change != "" || e.Deleted || e.User == m.User || m.Mute == parley.MuteButMentions && !mentions(e.Mentions(), m.User) {
			continue
		}
		if _, ok := shown(e); ok {
			return e
		}
	}
	return nil
}

// shown returns the title and body for a message. ok is false for one without text that does not supply
// them.
func shown(m *parley.Message) (n struct{ Title, Body string }, ok bool) {
	if m.Text != "" {
		n.Body = m.Text
		return n, true
	}
	if !strings.Contains(string(m.Data), `"notification"`) {
		return n, false
	}
	var data struct {
		Notification *struct{ Title, Body string } `json:"notification"`
	}
	if json.Unmarshal(m.Data, &data) != nil || data.Notification == nil {
		return n, false
	}
	n.Title, n.Body = data.Notification.Title, data.Notification.Body
	return n, n.Title != "" || n.Body != ""
}

// compose builds a member's notification: m is the newest of count messages.
func (l *look) compose(m *parley.Message, user parley.UserID, count, badge int64) parley.Notification {
	said, _ := shown(m)
	author := m.Name
	if author == "" {
		author = string(m.User)
	}
	n := parley.Notification{User: user, Channel: l.channel, ID: m.ID, Title: said.Title, Body: said.Body, Badge: badge, Count: count,
		Collapse: collapse(l.channel, user), TTL: keptFor}
	if _, _, direct := l.channel.Direct(); n.Title == "" && direct {
		n.Title = author
	} else if n.Title == "" {
		n.Title = author + " in " + l.title
	}
	if count > 1 {
		n.Body = fmt.Sprintf("%d new messages", count)
	}
	return n
}
