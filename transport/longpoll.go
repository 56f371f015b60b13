package transport

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"parley/hub"
	"parley/wire"
)

// answerBytes bounds the answer of one long poll.
const answerBytes = 1 << 20

// channelBell is the bell of one who waits in a select.
type channelBell chan struct{}

func (b channelBell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// LongPoll answers at once if there is anything after the cursors, else with the
// next message, else with nothing when the request's time is over. An error is
// returned before anything was written.
func (t *Transports) LongPoll(w http.ResponseWriter, r *http.Request, req *Request) error {
	bell := make(channelBell, 1)
	var s hub.Session
	t.chat.Hub().Open(&s, wire.FormJSON, bell)
	defer s.Close()
	if err := t.authorize(r, req); err != nil {
		return err
	}
	starts, err := follow(r, &s, req)
	if err != nil {
		return err
	}
	for _, start := range starts {
		if start.Reset != nil {
			s.SendReset(start.Bounds.Channel, start.Reset)
		}
	}
	var resets []byte
	body := []byte(`{"messages":[`)
	empty := len(body)
	timer := time.NewTimer(req.Timeout)
	defer timer.Stop()
	for left := req.Limit; ; {
		resets = append(resets, s.TakeOwn()...)
		before := s.Sum()
		b, err := s.Take("", answerBytes, left)
		switch {
		case err == hub.ErrBehind:
			if err := s.Load(r.Context()); err != nil {
				return err
			}
			continue
		case len(b) > 0:
			body = append(body, b...)
			left -= int(s.Sum() - before)
			if left > 0 && len(body) < answerBytes {
				continue
			}
		case len(body) > empty || len(resets) > 0:
		default:
			select {
			case <-bell:
				continue
			case <-timer.C:
			case <-t.leave:
				return t.Draining()
			case <-r.Context().Done():
				return nil
			}
		}
		break
	}
	if len(body) > empty {
		body = body[:len(body)-1] // the last comma
	}
	body = append(body, ']')
	if req.Many {
		body = append(body, `,"cursor":`...)
		body = wire.AppendString(body, s.Positions())
	} else {
		id, _ := s.Cursor(req.Follows[0].Channel)
		body = strconv.AppendInt(append(body, `,"last_id":`...), id, 10)
	}
	body = append(body, `,"epoch":`...)
	body = wire.AppendString(body, starts[0].Bounds.Epoch)
	switch resets, _ := bytes.CutSuffix(resets, []byte(",")); {
	case len(resets) > 0 && req.Many:
		body = append(append(append(body, `,"reset":[`...), resets...), ']')
	case len(resets) > 0:
		body = append(append(body, `,"reset":`...), resets...)
	}
	body = append(body, '}')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(append(body, '\n'))
	return nil
}
