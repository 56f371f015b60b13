package transfer

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/parley-server/parley"
)

// Errors of Import.
var (
	ErrNotEmpty = errors.New("the system is not empty")
	ErrOther    = errors.New("another file was being read into the system")
	ErrNoExport = errors.New("this is not an export of parley")
	ErrNewer    = errors.New("the export was written by a later version of parley")
	ErrDamaged  = errors.New("the export is damaged")
	ErrCutOff   = errors.New("the export ends before its end")
)

// Import reads what Export has written into a system, which must be empty or contain a part of the same file from an
// earlier import, which it then resumes. When a channel is complete, it is compared with the file; the report lists the
// differences.
func Import(ctx context.Context, to System, from io.Reader, progress Progress) (Report, error) {
	in := bufio.NewScanner(from)
	in.Buffer(make([]byte, 1<<20), maxLine)
	r := &reader{to: to, in: in, progress: progress}
	r.group, ctx = errgroup.WithContext(ctx)
	r.group.SetLimit(channelsTogether)
	err := r.all(ctx)
	if r.job != nil {
		close(r.job.parts)
	}
	if werr := r.group.Wait(); werr != nil { // it ended the reading too
		err = werr
	}
	if err == nil {
		err = r.mark(context.WithoutCancel(ctx), true)
	}
	r.report.Entries = r.done.Load()
	if progress != nil {
		progress(r.report.Entries, max(r.total, r.report.Entries))
	}
	slices.Sort(r.report.Differences)
	return r.report, err
}

const (
	maxLine          = 64 << 20
	channelsTogether = 8
	placesTogether   = 16
	chunkBytes       = 512 << 10
)

type reader struct {
	to       System
	in       *bufio.Scanner
	progress Progress
	group    *errgroup.Group
	at       int64 // the line
	transfer string
	total    int64
	done     atomic.Int64 // entries
	job      *job         // the channel that is being read

	mu     sync.Mutex // guards the rest
	told   int64
	report Report
}

// next reads a line; false at the end of the file.
func (r *reader) next(l *line) (bool, error) {
	if !r.in.Scan() {
		return false, r.in.Err()
	}
	r.at++
	*l = line{}
	if err := json.Unmarshal(r.in.Bytes(), l); err != nil {
		if r.at == 1 {
			return false, ErrNoExport
		}
		return false, fmt.Errorf("%w: line %d: %w", ErrDamaged, r.at, err)
	}
	return true, nil
}

func (r *reader) all(ctx context.Context) error {
	var l line
	switch ok, err := r.next(&l); {
	case err != nil:
		return err
	case !ok || l.Type != "parley-export":
		return ErrNoExport
	case l.Version > version:
		return ErrNewer
	}
	r.transfer, r.total = l.Transfer, l.Entries
	if err := r.begin(ctx); err != nil {
		return err
	}
	for {
		ok, err := r.next(&l)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !ok:
			return ErrCutOff
		case l.Type == "end":
			return r.finish(ctx)
		}
		if err := r.take(ctx, &l); err != nil {
			return fmt.Errorf("line %d: %w", r.at, err)
		}
	}
}

// begin checks that the file may be read into the system, and notes that it is being read.
func (r *reader) begin(ctx context.Context) error {
	all, err := r.to.Settings(ctx, marker)
	if err != nil {
		return err
	}
	if len(all[0].Data) > 0 {
		var is mark
		if err := json.Unmarshal(all[0].Data, &is); err != nil || is.Transfer != r.transfer {
			return ErrOther
		}
		return nil
	}
	err = r.to.EachChannel(ctx, func(name parley.ChannelID, _ bool) error {
		return fmt.Errorf("%w: it has the channel %s", ErrNotEmpty, name)
	})
	if err != nil {
		return err
	}
	keys, err := r.to.Keys.ListKeys(ctx)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		return fmt.Errorf("%w: it has API keys", ErrNotEmpty)
	}
	err = r.to.EachRevocation(ctx, func(parley.UserID, parley.Timestamp) error { return fmt.Errorf("%w: it has revocations", ErrNotEmpty) })
	if err != nil {
		return err
	}
	return r.mark(ctx, false)
}

type mark struct {
	Transfer string `json:"transfer"`
	Complete bool   `json:"complete"`
}

func (r *reader) mark(ctx context.Context, complete bool) error {
	data, err := json.Marshal(mark{r.transfer, complete})
	if err != nil {
		return err
	}
	_, _, err = r.to.SetChannel(ctx, marker, parley.Settings{Kind: parley.KindMembers, Data: data}.Replace)
	return err
}

func (r *reader) take(ctx context.Context, l *line) error {
	switch l.Type {
	case "key":
		k := parley.Key{Name: l.Name, Created: l.Created}
		hash, err := hex.DecodeString(l.Hash)
		if err != nil || len(hash) != len(k.Hash) {
			return fmt.Errorf("%w: the hash of a key", ErrDamaged)
		}
		copy(k.Hash[:], hash)
		_, err = r.to.Keys.PutKey(ctx, k)
		r.report.Keys++
		return err
	case "revocation":
		r.report.Revocations++
		return r.to.Revoke(ctx, l.User, l.Until)
	case "channel":
		if err := r.finish(ctx); err != nil {
			return err
		}
		r.open(ctx, l)
		return nil
	case "message", "change", "place":
		if r.job == nil || (l.Type == "change") != (l.Change != "") || l.Change != "" && l.Message == nil {
			return fmt.Errorf("%w: a %s", ErrDamaged, l.Type)
		}
		return r.job.add(ctx, l, r.in.Bytes())
	default:
		return fmt.Errorf("%w: a line of the type %q", ErrDamaged, l.Type)
	}
}

// job restores one channel.
type job struct {
	*reader
	channel line
	parts   chan part

	// of who reads the file
	next part
	size int
	sums sums
}

// part is some lines of a channel. The last one has the sums of all of them.
type part struct {
	entries []parley.Message
	places  []parley.Member
	sums    *sums
}

// open begins a channel when one of the earlier ones is done.
func (r *reader) open(ctx context.Context, l *line) {
	j := &job{reader: r, channel: *l, parts: make(chan part, 4), sums: newSums()}
	r.job = j
	r.report.Channels++
	r.group.Go(func() error {
		if err := j.run(ctx); err != nil {
			return fmt.Errorf("import %s: %w", j.channel.Channel, err)
		}
		return nil
	})
}

// add processes a line of the channel.
func (j *job) add(ctx context.Context, l *line, raw []byte) error {
	j.sums.add(raw)
	if l.Type == "place" {
		j.next.places = append(j.next.places, l.member())
		j.report.Places++
	} else {
		j.next.entries = append(j.next.entries, l.message(j.channel.Channel))
	}
	if j.size += len(raw); j.size < chunkBytes && len(j.next.entries)+len(j.next.places) < together {
		return nil
	}
	return j.send(ctx)
}

func (j *job) send(ctx context.Context) error {
	select {
	case j.parts <- j.next:
		j.next, j.size = part{}, 0
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// finish completes the channel that is being read.
func (r *reader) finish(ctx context.Context) error {
	j := r.job
	if j == nil {
		return nil
	}
	j.sums.end()
	j.next.sums = &j.sums
	err := j.send(ctx)
	close(j.parts)
	r.job = nil
	return err
}

func (j *job) run(ctx context.Context) error {
	c := &j.channel
	is, err := j.to.Bounds(ctx, c.Channel)
	if err != nil {
		return err
	}
	last := is[0].Last
	if err := j.to.Restore(ctx, c.Channel, j.origin(), nil); err != nil {
		return err
	}
	for p := range j.parts {
		n := int64(len(p.entries))
		for len(p.entries) > 0 && p.entries[0].ID <= last { // stored by an earlier import of the file
			p.entries = p.entries[1:]
		}
		if len(p.entries) > 0 {
			if err := j.to.Restore(ctx, c.Channel, j.origin(), p.entries); err != nil {
				return err
			}
		}
		if err := j.restorePlaces(ctx, p.places); err != nil {
			return err
		}
		j.tell(n)
		if p.sums != nil {
			return j.complete(ctx, p.sums)
		}
	}
	return nil // the reading has failed
}

func (j *job) origin() parley.Origin {
	o := parley.Origin{ID: j.channel.First - 1, Count: j.channel.Before}
	if j.channel.First > j.channel.Last {
		o.Time = j.channel.Time
	}
	return o
}

func (j *job) restorePlaces(ctx context.Context, places []parley.Member) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(placesTogether)
	for _, m := range places {
		g.Go(func() error { return j.to.RestorePlace(ctx, j.channel.Channel, m) })
	}
	return g.Wait()
}

func (r *reader) tell(n int64) {
	done := r.done.Add(n)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress != nil && done-r.told >= reported {
		r.told = done
		r.progress(done, max(r.total, done))
	}
}

// complete compares a channel with the file, and stores its settings.
func (j *job) complete(ctx context.Context, want *sums) error {
	c := &j.channel
	if err := j.compare(ctx, want); err != nil {
		return err
	}
	if !c.Exists || c.Settings == nil {
		return nil
	}
	is, err := j.to.Settings(ctx, c.Channel)
	if err != nil {
		return err
	}
	if reflect.DeepEqual(is[0], *c.Settings) && c.Last >= c.First {
		return nil // its entries make it exist
	}
	_, _, err = j.to.SetChannel(ctx, c.Channel, c.Settings.Replace)
	return err
}

// compare reads the channel as an export would.
func (j *job) compare(ctx context.Context, want *sums) error {
	c := &j.channel
	bounds, err := j.to.Bounds(ctx, c.Channel)
	if err != nil {
		return err
	}
	b := bounds[0]
	if b.First != c.First || b.Last != c.Last || b.Before != c.Before || b.Time != c.Time {
		j.differs("%s: it holds the entries %d to %d (%d messages before them, the last of %s), and the file has %d to %d (%d, %s)",
			c.Channel, b.First, b.Last, b.Before, b.Time, c.First, c.Last, c.Before, c.Time)
		return nil
	}
	is := newSums()
	w := &writer{each: is.add}
	if err := w.content(ctx, j.to.Store, c.Channel, b.First, b.Last); err != nil {
		return err
	}
	is.end()
	for i, sum := range want.entries {
		if from := c.First + int64(i)*summed; i >= len(is.entries) || is.entries[i] != sum {
			j.differs("%s: the first of its entries that is not as in the file lies between %d and %d", c.Channel, from,
				min(from+summed-1, c.Last))
			break
		}
	}
	if is.places != want.places {
		j.differs("%s: its members are not those of the file", c.Channel)
	}
	return nil
}

func (j *job) differs(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.report.Differences = append(j.report.Differences, fmt.Sprintf(format, args...))
}
