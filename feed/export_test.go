package feed

import "parley"

// Joined reports whether a channel is joined on the bus.
func (f *Feed) Joined(channel parley.ChannelID) bool {
	f.joins.mu.Lock()
	defer f.joins.mu.Unlock()
	j := f.joins.findLocked(channel)
	return j != nil && j.state != idle
}
