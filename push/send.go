package push

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

const (
	tryTimeout = 10 * time.Second // a provider that does not respond within it is tried again
	maxTries   = 20               // refused ones, over more than an hour
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// unreadOf returns a user's state in one channel, and the total of all.
func (p *Pusher) unreadOf(ctx context.Context, user parley.UserID, channel parley.ChannelID) (
	m parley.Member, c parley.Count, total int64, err error) {
	channels := []parley.ChannelID{channel}
	for after := parley.ChannelID(""); len(channels) < 10_000; {
		some, err := p.cfg.Store.Memberships(ctx, user, after, membersPage)
		if err != nil {
			return m, c, 0, err
		}
		for _, ch := range some {
			if ch != channel {
				channels = append(channels, ch)
			}
		}
		if len(some) < membersPage {
			break
		}
		after = some[len(some)-1]
	}
	if channel == "" {
		channels = channels[1:]
	}
	members, err := p.cfg.Store.Member(ctx, user, channels...)
	if err != nil || len(channels) == 0 {
		return m, c, 0, err
	}
	places := make([]parley.Place, len(channels))
	for i := range places {
		places[i] = parley.Place{Channel: channels[i], ReadID: members[i].ReadID, ReadCount: members[i].ReadCount}
	}
	counts, err := p.cfg.Store.Unread(ctx, user, places...)
	if err != nil {
		return m, c, 0, err
	}
	for i := range counts {
		if members[i].Role.In() {
			total += counts[i].Unread
		}
	}
	return members[0], counts[0], total, nil
}

// send sends a member's due notification to each device.
func (p *Pusher) send(ctx context.Context, l *look, j *job) outcome {
	p.readers <- struct{}{}
	devices, n, o := p.prepare(ctx, l, j)
	<-p.readers
	if devices == nil {
		return o
	}
	return p.sendAll(ctx, devices, j, n)
}

// prepare returns a member's notification and its devices; without devices, the reason.
func (p *Pusher) prepare(ctx context.Context, l *look, j *job) (devices []parley.Device, n parley.Notification, o outcome) {
	devices, err := p.targets(ctx, j.user)
	if err != nil {
		return nil, n, outcome{err: err}
	}
	d := Decision{User: j.user, Channel: l.channel, ID: j.newest}
	if len(devices) == 0 {
		d.Decision = NoDevice
		p.decide(d)
		return nil, n, outcome{end: true, looked: true}
	}
	m, c, badge, err := p.unreadOf(ctx, j.user, l.channel)
	if err != nil {
		return nil, n, outcome{err: err}
	}
	count := c.Unread
	if m.Mute == parley.MuteButMentions {
		count = c.Mentions
	}
	newest := l.newest(&m)
	switch {
	case !m.Role.In():
		d.Decision, d.Detail = Cancelled, "is not a member any more"
	case m.Mute == parley.MuteAll:
		d.Decision = Muted
	case m.ReadID >= j.newest || c.Unread == 0:
		d.Decision, d.Detail = Cancelled, "was read"
	case newest == nil && m.Mute == parley.MuteButMentions:
		d.Decision = Muted
	case newest == nil:
		d.Decision, d.Detail = Cancelled, "was deleted"
	}
	if d.Decision != "" {
		p.decide(d)
		p.badges.read(j.user)
		return nil, n, outcome{end: true}
	}
	return devices, l.compose(newest, j.user, max(count, 1), badge), outcome{}
}

// targets are a user's devices, and the webhook.
func (p *Pusher) targets(ctx context.Context, user parley.UserID) ([]parley.Device, error) {
	devices, err := p.cfg.Devices.Devices(ctx, user)
	if err != nil {
		return nil, err
	}
	if p.cfg.Notifiers[Webhook] != nil && !p.isOff(user) {
		devices = append(devices, parley.Device{User: user, ID: string(Webhook.Platform), Platform: Webhook.Platform})
	}
	return devices, nil
}

func (p *Pusher) isOff(user parley.UserID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, off := p.off[user]
	return off
}

// sendAll sends a notification to the devices that have not received it.
func (p *Pusher) sendAll(ctx context.Context, devices []parley.Device, j *job, n parley.Notification) outcome {
	outcomes := make([]outcome, len(devices))
	var all sync.WaitGroup
	for i, d := range devices {
		if j.sent[d.ID] >= n.ID {
			outcomes[i] = outcome{end: true, sent: true}
			continue
		}
		if len(devices) == 1 {
			outcomes[i] = p.try(ctx, d, n, j.tries)
		} else {
			all.Go(func() { outcomes[i] = p.try(ctx, d, n, j.tries) })
		}
	}
	all.Wait()
	total := outcome{end: true, badge: n.Badge}
	for i, o := range outcomes {
		if o.sent {
			total.sent = true
			if j.sent == nil {
				j.sent = map[string]int64{}
			}
			j.sent[devices[i].ID] = n.ID
		}
		if !o.end {
			total.end, total.again = false, max(total.again, o.again)
			total.refused = total.refused || o.refused
		}
	}
	return total
}

// try makes one attempt for one device.
func (p *Pusher) try(ctx context.Context, d parley.Device, n parley.Notification, tries int) outcome {
	t := Target{d.Platform, d.App}
	said := Decision{User: n.User, Channel: n.Channel, ID: n.ID, Device: d.ID, platform: d.Platform}
	notifier, b := p.cfg.Notifiers[t], p.breakers.of(serviceOf(d))
	if notifier == nil {
		said.Decision, said.Detail = Failed, "the server has no settings for this platform and app any more"
		p.decide(said)
		return outcome{end: true}
	}
	if wait := b.waits(p.cfg.Clock()); wait > 0 {
		return outcome{again: wait}
	}
	until, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err := notifier.Notify(until, d, n)
	now := p.cfg.Clock()
	var retry *parley.RetryError
	switch {
	case err == nil:
		b.succeeded()
		said.Decision = Sent
		if p.decide(said); d.Failed != 0 {
			p.mark(ctx, d, 0)
		}
		return outcome{end: true, sent: true}
	case ctx.Err() != nil: // the node is being stopped
		return outcome{again: firstRetry}
	case errors.Is(err, parley.ErrGone):
		b.succeeded()
		said.Decision = Gone
		p.decide(said)
		return p.gone(ctx, d)
	}
	said.Decision, said.Detail = Failed, err.Error()
	p.decide(said)
	p.mark(ctx, d, parley.Timestamp(now.UnixMicro()))
	switch {
	case errors.Is(err, parley.ErrCredentials):
		return outcome{again: b.failed(now, true)} // no device is at fault, so it is not given up
	case errors.As(err, &retry):
		again := max(b.failed(now, false), delay(tries), retry.After)
		return outcome{again: again, refused: true}
	case errors.Is(err, context.DeadlineExceeded):
		return outcome{again: max(b.failed(now, false), delay(tries)), refused: true}
	}
	return outcome{end: true} // it will never be accepted
}

// Test sends a notification to one device at once, whatever the user has read, and returns why it was
// refused.
func (p *Pusher) Test(ctx context.Context, user parley.UserID, device string) error {
	devices, err := p.targets(ctx, user)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if d.ID != device {
			continue
		}
		notifier := p.cfg.Notifiers[Target{d.Platform, d.App}]
		if notifier == nil {
			return &parley.Error{Code: parley.CodeConflict, Detail: fmt.Sprintf("%s is not configured for the app %q any more", d.Platform, d.App),
				Hint: "add its settings (docs/push.md)"}
		}
		until, cancel := context.WithTimeout(ctx, tryTimeout)
		defer cancel()
		err := notifier.Notify(until, d, parley.Notification{User: user, Channel: "test", Title: "parley", Body: "This is a test.", Count: 1,
			Collapse: collapse("test", user), TTL: time.Minute})
		if err != nil {
			return &parley.Error{Code: parley.CodeConflict, Detail: fmt.Sprintf("the notification was refused: %v", err),
				Hint: "see docs/push.md for what each answer means", Err: err}
		}
		return nil
	}
	return &parley.Error{Code: parley.CodeNotFound, Detail: fmt.Sprintf("%s has no device %.100q", user, device),
		Hint: "GET /api/devices as that user lists them"}
}

// delay returns how long to wait after a number of refused attempts, with jitter.
func delay(tries int) time.Duration {
	d := min(firstRetry<<min(tries, 16), lastRetry)
	return d*3/4 + rand.N(d/2)
}

func (p *Pusher) gone(ctx context.Context, d parley.Device) outcome {
	if d.Platform == Webhook.Platform {
		p.mu.Lock()
		p.off[d.User] = struct{}{}
		p.mu.Unlock()
		return outcome{end: true}
	}
	if err := p.cfg.Devices.RemoveDevice(ctx, d); err != nil {
		p.cfg.Logger.Warn("a device that is gone could not be removed; the next notification tries again", "error", err)
	}
	return outcome{end: true}
}

func (p *Pusher) mark(ctx context.Context, d parley.Device, at parley.Timestamp) {
	if d.Platform == Webhook.Platform {
		return
	}
	if err := p.cfg.Devices.MarkFailed(ctx, d, at); err != nil && ctx.Err() == nil {
		p.cfg.Logger.Warn("a failed device could not be marked", "error", err)
	}
}
