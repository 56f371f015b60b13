package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Transports lists the ways to read, by the names that flags use.
var Transports = []string{"websocket", "sse", "long-poll", "poll"}

// reader is one client: a position in a channel that outlives its connections, of which it has one
// at a time. It belongs to its swarm's loop.
//
//	closed ─dial─▶ head of the answer ─▶ welcome ─▶ reading ─▶ closed
type reader struct {
	// fixed after construction
	swarm *Swarm
	index int // among all readers of the run
	track Track

	common     Track // of the common channel
	commonHead int64

	dials int  // connections dialed so far
	late  bool // Await waits for it

	// per connection
	target   target
	fd       int    // -1: none
	interest uint32 // the events that the loop watches for
	due      time.Time
	resume   bool
	scanner  scanner
	partial  []byte // the beginning of an incomplete object
	out      []byte // output that could not be written yet
	headed   bool   // the head of the answer has been read
	welcomed bool
	welcomes int8  // received so far, for a reader that follows two channels
	caught   bool  // it has seen the head named in its welcome
	head     int64 // that head
	fresh    int   // messages in the answer being read
}

// pollLimit is how many messages a poll asks for.
const pollLimit = 1000

// begin prepares a new connection and returns the first request.
func (r *reader) begin(due time.Time, resume bool) []byte {
	r.target = r.next()
	r.due, r.partial, r.out = due, nil, nil
	r.headed, r.welcomed, r.caught, r.head, r.fresh, r.welcomes = false, false, false, 0, 0, 0
	r.resume = resume
	headers := ""
	switch r.swarm.args.Transport {
	case "websocket":
		r.scanner, headers = &frames{r.pong}, upgrade
	case "sse":
		r.scanner, headers = eventStream{}, "Accept: text/event-stream\r\n"
	default:
		r.scanner, r.headed = &answers{r.answered}, true
	}
	return r.target.request(nil, r.path(resume), headers)
}

// next is the server that the reader connects to now. The readers of each channel start on different servers,
// and the readers of each server then move to different ones.
func (r *reader) next() target {
	n := r.place()
	r.dials++
	return r.swarm.targets[n]
}

// place is the index of that server.
func (r *reader) place() int {
	a, all := &r.swarm.args, r.swarm.targets
	n := r.index/a.Channels + r.index%a.Channels
	if a.Readers > 0 {
		n = r.index * len(all) / a.Readers
	}
	if others := len(all) - 1; others > 0 {
		n += r.dials * (1 + r.index/len(all)%others)
	}
	return n % len(all)
}

// path is what the reader requests, with its cursor if it resumes.
func (r *reader) path(resume bool) string {
	a, q := &r.swarm.args, url.Values{}
	if a.Named {
		q.Set("user", "u"+strconv.Itoa(r.index))
	}
	channel := a.channel(r.index)
	if d := dialects[a.Peer]; d != nil {
		return d.request(channel)
	}
	path := ""
	switch {
	case a.Many, a.Common:
		path, resume = "/ws", false
	case a.Transport == "sse":
		path = "/api/stream/" + channel
	case a.Transport == "long-poll":
		path, resume = "/api/messages/poll", true
		q.Set("timeout", strconv.Itoa(15+r.index%31)) // spreads the polls evenly over time
		if !r.welcomed {                              // the first one is answered immediately
			q.Set("timeout", "0")
		}
	case a.Transport == "poll":
		path, resume = "/api/messages", true
	default:
		path = "/ws/chat/" + channel
	}
	if a.polls() {
		q.Set("channel_id", channel)
		q.Set("limit", strconv.Itoa(pollLimit))
	}
	if resume {
		q.Set("after", strconv.FormatInt(r.track.last.Load(), 10))
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// take processes bytes from the server. An error ends the connection.
func (r *reader) take(p []byte, now int64) error {
	kept := len(r.partial) > 0
	if kept {
		r.partial = append(r.partial, p...)
		p = r.partial
	}
	n, err := r.parse(p, now)
	switch rest := p[n:]; {
	case len(rest) == 0:
		r.partial = nil
	case n > 0 || !kept:
		r.partial = append([]byte(nil), rest...)
	}
	return err
}

func (r *reader) parse(p []byte, now int64) (n int, err error) {
	if !r.headed {
		i := bytes.Index(p, headEnd)
		if i < 0 {
			return 0, nil
		}
		if status := string(firstLine(p)); !strings.HasPrefix(status, "HTTP/1.1 101") && !strings.HasPrefix(status, "HTTP/1.1 200") {
			return 0, errors.New("the server answered " + status)
		}
		r.headed = true
		n = i + len(headEnd)
		if d := dialects[r.swarm.args.Peer]; d != nil {
			r.say(d.hello)
		}
		switch {
		case r.swarm.args.Many:
			r.arrived(now)
		case r.swarm.args.Common:
			r.follow(r.swarm.args.channel(r.index), &r.track)
			r.follow(r.swarm.args.common(), &r.common)
		}
	}
	var failed error
	m, err := r.scanner.scan(p[n:], func(obj []byte) {
		if e := r.see(obj, now); e != nil {
			failed = e
		}
	})
	return n + m, errors.Join(failed, err)
}

// see processes the content of a frame, an event or an answer.
func (r *reader) see(obj []byte, now int64) error {
	d := dialects[r.swarm.args.Peer]
	if d == nil {
		return r.object(obj, now)
	}
	for line := range bytes.SplitSeq(obj, []byte("\n")) { // centrifuge puts several into one frame
		if err := r.object(d.unwrap(r, line), now); err != nil {
			return err
		}
	}
	return nil
}

// object processes one of parley's objects.
func (r *reader) object(obj []byte, now int64) error {
	switch {
	case bytes.HasPrefix(obj, messagePrefix):
		id, intended := parseMessage(obj)
		c := r.trackOf(obj).See(id)
		r.swarm.tally.Counts.add(c)
		r.fresh++
		if intended > 0 && c.Received > 0 {
			record(r.swarm.hist, now-intended)
		}
		r.catch(now)
		if r.late {
			r.swarm.progressed(r, now)
		}
	case bytes.HasPrefix(obj, welcomePrefix):
		cursor, _ := intField(obj, `"cursor":`)
		head, _ := intField(obj, `"last_id":`)
		track := r.trackOf(obj)
		if track.last.Load() == 0 {
			track.last.Store(cursor)
		}
		if track == &r.common {
			r.commonHead = head
		} else {
			r.head = head
		}
		if r.welcomes++; r.welcomes == 2 || !r.swarm.args.Common {
			r.arrived(now)
		}
	case bytes.HasPrefix(obj, pingPrefix):
		r.say(`{"type":"pong"}`)
	case bytes.HasPrefix(obj, resetPrefix), bytes.HasPrefix(obj, errorPrefix):
		return fmt.Errorf("the server said %.200s", obj)
	}
	return nil
}

// trackOf is the track of the channel that a message or welcome belongs to.
func (r *reader) trackOf(obj []byte) *Track {
	if r.swarm.args.Common && bytes.Contains(obj[:min(len(obj), 160)], r.swarm.common) {
		return &r.common
	}
	return &r.track
}

// follow subscribes to a channel, from the reader's position if it resumes.
func (r *reader) follow(channel string, at *Track) {
	after := ""
	if r.resume {
		after = `,"after":` + strconv.FormatInt(at.last.Load(), 10)
	}
	r.say(`{"type":"subscribe","channel":"` + channel + `"` + after + `}`)
}

// arrived notes the welcome, or the nearest equivalent.
func (r *reader) arrived(now int64) {
	if !r.welcomed {
		r.welcomed = true
		r.swarm.arrived(r)
	}
	r.catch(now)
}

// catch notes when the reader has received everything up to the head in its welcome.
func (r *reader) catch(now int64) {
	if r.welcomed && !r.caught && r.track.last.Load() >= r.head && r.common.last.Load() >= r.commonHead {
		r.caught = true
		r.swarm.tally.Caught++
		r.swarm.tally.Latest = max(r.swarm.tally.Latest, now)
	}
}

// answered is called after each answer to a poll. A full answer is followed by another poll
// immediately; otherwise a short poll waits first.
func (r *reader) answered() error {
	full := r.fresh >= pollLimit
	r.fresh = 0
	if !full {
		r.arrived(time.Now().UnixNano())
	}
	if full || r.swarm.args.Transport == "long-poll" {
		r.ask()
	} else {
		r.swarm.later(r)
	}
	return nil
}

// ask sends the next poll.
func (r *reader) ask() { r.out = r.target.request(r.out, r.path(true), "") }

// say sends a text frame.
func (r *reader) say(text string) {
	r.out = append(appendClientFrame(r.out, 1, len(text)), text...)
}

func (r *reader) pong(payload []byte) {
	r.out = append(appendClientFrame(r.out, 10, len(payload)), payload...)
}
