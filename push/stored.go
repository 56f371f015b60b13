package push

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/worker"
)

// storedJob is the row of a job whose attempt was refused, so that a position may pass it.
type storedJob struct {
	Since  int64 `json:"since"`
	Newest int64 `json:"newest"`
	Due    int64 `json:"due"` // milliseconds since 1970
	Tries  int   `json:"tries,omitempty"`
}

const jobVersion = 1

// jobGroup returns the group in which the jobs of a channel are stored, among others.
func jobGroup(channel parley.ChannelID) string {
	return worker.Group("push-jobs", string(channel), 256)
}

func jobKey(channel parley.ChannelID, user parley.UserID) string {
	return string(channel) + "/" + string(user)
}

func (j *job) row(channel parley.ChannelID) parley.Row {
	b, _ := json.Marshal(storedJob{Since: j.since, Newest: j.newest, Due: j.due.UnixMilli(), Tries: j.tries}) // cannot fail
	return parley.Row{Key: jobKey(channel, j.user), Value: append([]byte{jobVersion}, b...)}
}

// loadJobs reads the stored jobs of a channel.
func (p *Pusher) loadJobs(ctx context.Context, channel parley.ChannelID, r *room) error {
	prefix := string(channel) + "/"
	for after := prefix; ; {
		rows, err := p.cfg.Store.Rows(ctx, jobGroup(channel), after, membersPage)
		if err != nil {
			return fmt.Errorf("read the jobs of %s: %w", channel, err)
		}
		for _, row := range rows {
			user, ok := strings.CutPrefix(row.Key, prefix)
			if !ok {
				return nil
			}
			var s storedJob
			if row.Value[0] != jobVersion || json.Unmarshal(row.Value[1:], &s) != nil {
				continue // of a later version, which will process it
			}
			r.concern(parley.UserID(user), s.Since, s.Newest, time.UnixMilli(s.Due), p.cfg.Window)
			j := r.jobs[parley.UserID(user)]
			j.tries, j.stored = s.Tries, true
		}
		if len(rows) < membersPage {
			return nil
		}
		after = rows[len(rows)-1].Key
	}
}

// deadGroup holds the notifications that were given up, at most deadMost.
const (
	deadGroup = "push-dead"
	deadMost  = 1000
)

// Dead is a notification that was given up.
type Dead struct {
	Time    parley.Timestamp `json:"time"`
	User    parley.UserID    `json:"user"`
	Channel parley.ChannelID `json:"channel"`
	ID      int64            `json:"id"`
	Tries   int              `json:"tries"`
}

// bury stores a job that was given up.
func (p *Pusher) bury(ctx context.Context, channel parley.ChannelID, j *job, now time.Time) error {
	value, err := json.Marshal(Dead{Time: parley.Timestamp(now.UnixMicro()), User: j.user, Channel: channel, ID: j.newest, Tries: j.tries})
	if err != nil {
		return err
	}
	rows := []parley.Row{{Key: fmt.Sprintf("%016x/%s", now.UnixMicro(), jobKey(channel, j.user)), Value: append([]byte{jobVersion}, value...)}}
	old, err := p.cfg.Store.Rows(ctx, deadGroup, "", deadMost+100)
	if err != nil {
		return err
	}
	for i := 0; i < len(old)-deadMost; i++ {
		rows = append(rows, parley.Row{Key: old[i].Key})
	}
	return p.cfg.Store.Put(ctx, deadGroup, rows...)
}

// Dead lists the last notifications that were given up, on any node, the newest first.
func (p *Pusher) Dead(ctx context.Context) (all []Dead, err error) {
	rows, err := p.cfg.Store.Rows(ctx, deadGroup, "", deadMost+100)
	if err != nil {
		return nil, err
	}
	for i := len(rows) - 1; i >= 0; i-- {
		var d Dead
		if rows[i].Value[0] == jobVersion && json.Unmarshal(rows[i].Value[1:], &d) == nil {
			all = append(all, d)
		}
	}
	return all, nil
}
