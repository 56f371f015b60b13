package chat

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Inbox is a page of a user's channels, newest first.
type Inbox struct {
	Channels []parley.InboxEntry
	Next     string // where the next page begins, "" at the end
}

// mostMemberships is how many memberships of a user are read.
const mostMemberships = 10_000

// Inbox lists the caller's channels with their counts, in the order of their newest entries, the
// newest first, after the place that the previous page returned. Channels that a list in the
// credentials excludes are omitted, so a page may be shorter. Finding the newest reads the bounds
// of all of the caller's memberships, which is charged; everything else is read for the page
// alone.
func (s *Service) Inbox(ctx context.Context, c access.Caller, after string, limit int) (Inbox, error) {
	if !c.Named() {
		return Inbox{}, nil
	}
	bs, err := s.bounds(ctx, c.User)
	if err != nil {
		return Inbox{}, err
	}
	s.AskAbout(c, len(bs))
	slices.SortFunc(bs, func(a, b parley.Bounds) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Channel, b.Channel))
	})
	from := 0
	if after != "" {
		at, name, ok := strings.Cut(after, "/")
		t, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return Inbox{}, &parley.Error{Code: parley.CodeBadCursor, Detail: "next is not one that was given", Hint: "begin without next"}
		}
		last := parley.Bounds{Time: parley.Timestamp(t), Channel: parley.ChannelID(name)}
		for from < len(bs) && (bs[from].Time > last.Time || bs[from].Time == last.Time && bs[from].Channel <= last.Channel) {
			from++
		}
	}
	page := bs[from:min(from+limit, len(bs))]
	in := Inbox{}
	bytes := 0
	for at := 0; at < len(page); at += inboxPart {
		part := page[at:min(at+inboxPart, len(page))]
		all, err := s.inboxPart(ctx, c, part)
		if err != nil {
			return Inbox{}, err
		}
		fit := 0
		for ; fit < len(all); fit++ {
			n := entrySize(&all[fit])
			if bytes+n > s.maxAnswer && len(in.Channels)+fit > 0 {
				break
			}
			bytes += n
		}
		if in.Channels = append(in.Channels, all[:fit]...); fit < len(all) { // the rest does not fit
			cut := slices.IndexFunc(part, func(b parley.Bounds) bool { return b.Channel == all[fit].Channel })
			page = page[:at+cut]
		}
	}
	s.limits.ChargeRead(c, bytes/answerUnit)
	if from+len(page) < len(bs) {
		last := page[len(page)-1]
		in.Next = strconv.FormatInt(int64(last.Time), 10) + "/" + string(last.Channel)
	}
	return in, nil
}

// inboxPart is how many channels are read at once, each with its last message.
const inboxPart = 64

// inboxPart reads some channels, without those that the caller may not read.
func (s *Service) inboxPart(ctx context.Context, c access.Caller, part []parley.Bounds) ([]parley.InboxEntry, error) {
	names := make([]parley.ChannelID, len(part))
	for i := range part {
		names[i] = part[i].Channel
	}
	all, err := s.entries(ctx, c.User, names)
	if err != nil {
		return nil, err
	}
	readable := all[:0]
	for _, e := range all {
		if e.Settings.Kind == "" {
			e.Settings.Kind = s.kind(e.Channel)
		}
		if access.Rights(c, e.Channel, e.Settings.Kind, e.Member.Role)&access.Read != 0 {
			readable = append(readable, e)
		}
	}
	return readable, nil
}

// entries returns a user's entries for some channels, in a fixed number of calls.
func (s *Service) entries(ctx context.Context, user parley.UserID, channels []parley.ChannelID) ([]parley.InboxEntry, error) {
	members, counts, err := s.counts(ctx, user, channels)
	if err != nil {
		return nil, err
	}
	sets, err := s.store.Settings(ctx, channels...)
	if err != nil {
		return nil, err
	}
	last, err := s.store.Latest(ctx, channels...)
	if err != nil {
		return nil, err
	}
	all := make([]parley.InboxEntry, len(channels))
	for i := range all {
		all[i] = parley.InboxEntry{Settings: sets[i], Member: members[i], Count: counts[i], Last: last[i]}
	}
	return all, nil
}

// counts returns a user's places in some channels, and the unread counts.
func (s *Service) counts(ctx context.Context, user parley.UserID, channels []parley.ChannelID) ([]parley.Member, []parley.Count, error) {
	s.feed.Projected(ctx, channels...)
	members, err := s.store.Member(ctx, user, channels...)
	if err != nil {
		return nil, nil, err
	}
	places := make([]parley.Place, len(channels))
	for i, m := range members {
		places[i] = parley.Place{Channel: channels[i], ReadID: m.ReadID, ReadCount: m.ReadCount}
	}
	counts, err := s.store.Unread(ctx, user, places...)
	if err != nil {
		return nil, nil, err
	}
	for i := range counts {
		if !members[i].Role.In() { // by now
			counts[i].Unread, counts[i].Mentions = 0, 0
		}
	}
	return members, counts, nil
}

// entrySize is size for a line of the inbox.
func entrySize(e *parley.InboxEntry) int {
	n := 300 + len(e.Channel) + quoted(e.Settings.Title)
	if e.Last != nil {
		n += size(e.Last)
	}
	return n
}

// Mine lists the channels that a user is a member of.
func (s *Service) Mine(ctx context.Context, user parley.UserID) (channels []parley.ChannelID, err error) {
	for after := parley.ChannelID(""); len(channels) < mostMemberships; {
		some, err := s.store.Memberships(ctx, user, after, 1000)
		if err != nil {
			return nil, err
		}
		channels = append(channels, some...)
		if len(some) < 1000 {
			break
		}
		after = some[len(some)-1]
	}
	return channels, nil
}

// MineToRead is Mine without the channels that a list in the caller's credentials excludes.
func (s *Service) MineToRead(ctx context.Context, c access.Caller) (channels []parley.ChannelID, err error) {
	all, err := s.Mine(ctx, c.User)
	if err != nil || c.As == nil || !c.As.Listed {
		return all, err
	}
	s.AskAbout(c, len(all))
	for _, channel := range all {
		switch err := s.Authorize(ctx, c, access.Read, channel); {
		case err == nil:
			channels = append(channels, channel)
		case parley.AsError(err).Code != parley.CodeForbidden:
			return nil, err
		}
	}
	return channels, nil
}

func (s *Service) bounds(ctx context.Context, user parley.UserID) ([]parley.Bounds, error) {
	channels, err := s.Mine(ctx, user)
	if err != nil || len(channels) == 0 {
		return nil, err
	}
	return s.store.Bounds(ctx, channels...)
}
