package transport

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"

	"parley"
	"parley/access"
	"parley/chat"
	"parley/wire"
)

// Poll answers with what there is: a JSON array of messages, ascending. Several
// channels, or all that the caller may see, are merged by timestamp; the caller counts
// as present in those that were named, unless they read backwards. An error is returned
// before anything was written.
func (t *Transports) Poll(w http.ResponseWriter, r *http.Request, c access.Caller, channels, named []parley.ChannelID, each func(parley.ChannelID) chat.Query) error {
	h := w.Header()
	var ms []parley.Message
	back := false
	if len(named) != 1 {
		epoch, err := t.chat.Epoch(r.Context())
		if err != nil {
			return err
		}
		t.chat.AskAbout(c, len(channels))
		if ms, err = t.chat.Merged(r.Context(), c, channels, each); err != nil {
			return err
		}
		h.Set("Parley-Epoch", epoch)
	} else {
		q := each(channels[0])
		page, err := t.chat.History(r.Context(), c, channels[0], q)
		if err != nil {
			return err
		}
		ms = page.Messages
		setBounds(h, page.Bounds)
		back = q.Before != nil
	}
	if !back {
		t.chat.Asked(c, parley.ShortPoll, named...)
	}
	writeTagged(w, r, append(wire.AppendMessages(nil, ms), '\n'))
	return nil
}

// Thread answers with a message and a run of its replies.
func (t *Transports) Thread(w http.ResponseWriter, r *http.Request, c access.Caller, channel parley.ChannelID, root int64,
	q parley.ThreadQuery) error {
	page, replies, err := t.chat.Thread(r.Context(), c, channel, root, q)
	if err != nil {
		return err
	}
	setBounds(w.Header(), page.Bounds)
	writeTagged(w, r, append(wire.AppendThread(nil, page.Messages, replies), '\n'))
	return nil
}

func setBounds(h http.Header, b parley.Bounds) {
	h.Set("Parley-Epoch", b.Epoch)
	h.Set("Parley-Last-Id", strconv.FormatInt(b.Last, 10))
}

// writeTagged answers with JSON and an entity tag, or 304 if the client has it.
func writeTagged(w http.ResponseWriter, r *http.Request, body []byte) {
	sum := fnv.New64a()
	_, _ = sum.Write(body)
	tag := fmt.Sprintf(`"%016x"`, sum.Sum64())
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
}

// matches is If-None-Match (RFC 9110, section 13.1.2), which compares weakly.
func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}
