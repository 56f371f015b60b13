package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// writer posts one message after the other, each with a key, and retries until it is acknowledged:
// nothing is lost or stored twice, however often the server dies.
type writer struct {
	url   string
	every time.Duration

	last atomic.Int64 // the id of the newest acknowledged message
	sent atomic.Int64 // number of acknowledged messages
}

func (w *writer) run(ctx context.Context) error {
	series := rand.Text()
	pace := time.NewTicker(w.every)
	defer pace.Stop()
	for n := 1; ; n++ {
		body, err := json.Marshal(map[string]string{
			"channel_id": Channel,
			"user":       "writer",
			"text":       fmt.Sprintf("message %d, written at %s", n, time.Now().Format("15:04:05.0")),
			"key":        fmt.Sprintf("%s-%d", series, n),
		})
		if err != nil {
			return err
		}
		for {
			id, err := w.post(ctx, body)
			if err == nil {
				w.last.Store(id)
				w.sent.Add(1)
				break
			}
			if !wait(ctx, time.After(w.every/4)) {
				return nil
			}
		}
		if !wait(ctx, pace.C) {
			return nil
		}
	}
}

// post returns the message's id. After an error the message may or may not have been stored.
func (w *writer) post(ctx context.Context, body []byte) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusCreated && res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("post a message: %s: %s", res.Status, answer)
	}
	var m struct{ ID int64 }
	if err := json.Unmarshal(answer, &m); err != nil {
		return 0, fmt.Errorf("read the answer to a message: %w", err)
	}
	return m.ID, nil
}

func wait(ctx context.Context, c <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-c:
		return true
	}
}
