package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/parley-server/parley/internal/rawio"
)

// Plan is what publishers do.
type Plan struct {
	Rate    float64       // messages per second, all publishers together; 0: as fast as they are acknowledged
	Burst   int           // messages in one write
	Window  int           // unacknowledged messages per publisher, with Rate 0
	For     time.Duration // duration
	Each    int           // with For 0: messages for each channel
	Size    int           // bytes of a delivered message
	Prefix  string        // of the channels' names
	First   int           // number of the first channel to send to
	Channel int           // number of channels; messages go to them in turn
}

// Sending is the publishers of a run and what they know: what was sent and acknowledged, and where
// each channel's head is.
type Sending struct {
	plan  Plan
	heads []atomic.Int64 // of each channel, as acknowledged

	sent  atomic.Int64
	acked atomic.Int64

	mu         sync.Mutex
	hist       *hdrhistogram.Histogram // from the intended time to the acknowledgement
	duplicates int64
	refused    int64
	firstError string
	began      time.Time
	lastAck    time.Time
}

// NewSending creates a Sending; its heads continue from before, if that is not nil.
func NewSending(p Plan, before *Sending) *Sending {
	known := 0
	if before != nil {
		known = len(before.heads)
	}
	s := &Sending{plan: p, heads: make([]atomic.Int64, max(known, p.First+p.Channel)), hist: newHistogram()}
	for i := range known {
		s.heads[i].Store(before.heads[i].Load())
	}
	return s
}

// Heads returns the newest acknowledged id of each channel.
func (s *Sending) Heads() []int64 {
	h := make([]int64, len(s.heads))
	for i := range h {
		h[i] = s.heads[i].Load()
	}
	return h
}

// errUnacknowledged means that the run ended before the server had answered all messages.
var errUnacknowledged = errors.New("not every message was acknowledged within 2 min")

// publisher is one connection.
type publisher struct {
	to    *Sending
	index int
	of    int // publishers
	conn  net.Conn
	free  chan struct{} // one token per message that may still be sent

	sent int // in this run; used by the sender only

	mu       sync.Mutex
	intended []int64 // time of each message
	acked    int
	over     bool // nothing more will be sent
}

// channelOf is the channel of a publisher's nth message: publishers use disjoint channels as long
// as there are enough.
func (p *publisher) channelOf(n int) int { return p.to.plan.First + (p.index+n*p.of)%p.to.plan.Channel }

// openPublishers connects n publishers, distributing them over the servers in turn.
func openPublishers(ctx context.Context, servers []string, n int) (ps []*publisher, err error) {
	targets, err := parseTargets(servers)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	for i := range n {
		t := targets[i%len(targets)]
		nc, err := d.DialContext(ctx, "tcp", t.addr.String())
		if err == nil {
			p := &publisher{index: i, of: n, conn: rawio.Wrap(nc)}
			ps = append(ps, p)
			err = p.upgrade(t)
		}
		if err != nil {
			closePublishers(ps)
			return nil, fmt.Errorf("connect publisher %d: %w", i, err)
		}
	}
	return ps, nil
}

func closePublishers(ps []*publisher) {
	for _, p := range ps {
		p.conn.Close()
	}
}

// upgrade opens a WebSocket that follows no channel.
func (p *publisher) upgrade(t target) error {
	_ = p.conn.SetDeadline(time.Now().Add(20 * time.Second))
	defer p.conn.SetDeadline(time.Time{})
	if _, err := p.conn.Write(t.request(nil, "/ws", upgrade)); err != nil {
		return err
	}
	for head := []byte(nil); ; {
		var b [1]byte // byte by byte: the rest belongs to the reader of acknowledgements
		if _, err := io.ReadFull(p.conn, b[:]); err != nil {
			return err
		}
		if head = append(head, b[0]); len(head) > 4 && string(head[len(head)-4:]) == string(headEnd) {
			if string(head[:12]) != "HTTP/1.1 101" {
				return fmt.Errorf("the server answered %s", firstLine(head))
			}
			return nil
		}
	}
}

// Run sends according to the plan and returns when everything is acknowledged. Message numbers
// continue from run to run on the same publishers.
func (s *Sending) Run(ctx context.Context, ps []*publisher) error {
	var wg sync.WaitGroup
	errs := make([]error, len(ps))
	s.began = time.Now()
	for i, p := range ps {
		p.to, p.over, p.sent = s, false, 0
		p.free = nil
		if s.plan.Rate == 0 {
			p.free = make(chan struct{}, max(s.plan.Window, 1))
		}
		done := make(chan error, 1)
		answered, stop := context.WithCancel(ctx) // ends when no further answer will come
		go func() {
			defer stop()
			done <- p.listen()
		}()
		wg.Go(func() {
			err := p.send(answered)
			p.mu.Lock()
			p.over = true
			complete := p.acked == len(p.intended)
			p.mu.Unlock()
			_ = p.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
			if complete || err != nil { // the listener is waiting for an answer that will not come
				_ = p.conn.SetReadDeadline(time.Now())
			}
			errs[i] = errors.Join(err, <-done)
			_ = p.conn.SetReadDeadline(time.Time{})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// send writes messages at times fixed in advance, or as tokens arrive.
func (p *publisher) send(ctx context.Context) error {
	plan := &p.to.plan
	var buf []byte
	for batch := 0; ; batch++ {
		n, due := p.next(batch)
		if n == 0 {
			return nil
		}
		if wait := time.Until(due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if p.free != nil {
			if n = p.tokens(ctx, n); n == 0 {
				return ctx.Err()
			}
			due = time.Now()
		}
		buf = buf[:0]
		p.mu.Lock()
		for range n {
			i := len(p.intended)
			p.intended = append(p.intended, due.UnixNano())
			var room [512]byte
			draft := appendDraft(room[:0], due.UnixNano(), p.index, i, channelName(plan.Prefix, p.channelOf(i)), plan.Size)
			buf = append(appendClientFrame(buf, 1, len(draft)), draft...)
		}
		p.mu.Unlock()
		p.sent += n
		p.to.sent.Add(int64(n))
		if _, err := p.conn.Write(buf); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
}

// next returns how many messages the next batch has and when it is due.
func (p *publisher) next(batch int) (n int, due time.Time) {
	plan := &p.to.plan
	n = max(plan.Burst, 1)
	switch {
	case plan.Each > 0:
		mine := (plan.Each*plan.Channel - p.index + p.of - 1) / p.of
		return max(0, min(64, mine-p.sent)), time.Time{}
	case plan.Rate == 0:
		if time.Since(p.to.began) > plan.For {
			return 0, due
		}
		return 16, due
	}
	at := time.Duration(float64(batch*p.of+p.index) * float64(n) / plan.Rate * float64(time.Second))
	if at >= plan.For {
		return 0, due
	}
	return n, p.to.began.Add(at)
}

// tokens waits for one token and takes up to n.
func (p *publisher) tokens(ctx context.Context, n int) (got int) {
	select {
	case p.free <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for got = 1; got < n; got++ {
		select {
		case p.free <- struct{}{}:
		default:
			return got
		}
	}
	return got
}

// listen reads acknowledgements until nothing is outstanding.
func (p *publisher) listen() error {
	r := bufio.NewReaderSize(p.conn, 64<<10)
	own := newHistogram()
	var rest []byte
	f := frames{ping: func(b []byte) {
		_, _ = p.conn.Write(append(appendClientFrame(nil, 10, len(b)), b...))
	}}
	defer func() {
		p.to.mu.Lock()
		p.to.hist.Merge(own)
		p.to.mu.Unlock()
	}()
	chunk := make([]byte, 64<<10)
	for {
		n, err := r.Read(chunk)
		now := time.Now()
		rest = append(rest, chunk[:n]...)
		used, bad := f.scan(rest, func(obj []byte) { p.answer(obj, now, own) })
		rest = append(rest[:0], rest[used:]...)
		p.mu.Lock()
		complete, over := p.acked == len(p.intended), p.over
		p.mu.Unlock()
		switch {
		case complete && over:
			return nil
		case bad != nil:
			return bad
		case errors.Is(err, io.EOF):
			return errClosed
		case err != nil && over:
			return errUnacknowledged
		case err != nil:
			return err
		}
	}
}

// answer handles an ack or an error; other frames do not concern a publisher.
func (p *publisher) answer(obj []byte, now time.Time, own *hdrhistogram.Histogram) {
	s := p.to
	isAck := bytes.HasPrefix(obj, ackPrefix)
	if !isAck && !bytes.HasPrefix(obj, errorPrefix) {
		return
	}
	key := textOf(obj, `"key":"`)
	_, tail := leadingInt(key, 36)
	if len(tail) < 2 {
		return
	}
	number, _ := leadingInt(tail[1:], 36)
	p.mu.Lock()
	n := int(number)
	if n >= len(p.intended) {
		p.mu.Unlock()
		return
	}
	intended := p.intended[n]
	p.acked++
	p.mu.Unlock()
	if p.free != nil {
		<-p.free
	}
	if !isAck {
		s.mu.Lock()
		s.refused++
		if s.firstError == "" {
			s.firstError = string(obj)
		}
		s.mu.Unlock()
		return
	}
	record(own, now.UnixNano()-intended)
	s.acked.Add(1)
	id, _ := intField(obj, `"id":`)
	head := &s.heads[p.channelOf(n)]
	for was := head.Load(); id > was && !head.CompareAndSwap(was, id); was = head.Load() {
	}
	s.mu.Lock()
	s.lastAck = now
	if bytes.Contains(obj, []byte(`"duplicate":true`)) {
		s.duplicates++
	}
	s.mu.Unlock()
}
