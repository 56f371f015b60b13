package terminal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// SendConfig is what "parley send" is told.
type SendConfig struct {
	Server  string // such as http://127.0.0.1:8080
	User    string // who speaks; empty: a guest
	Token   string // a JWT or an API key
	Channel string
	Text    []string      // words of one message; none: one message per line of Stdin
	JSON    bool          // write {"id","timestamp","key"} for each message to Stdout
	Timeout time.Duration // for each message. Default 1 min: longer than a restart
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
}

// maxLine is the longest line taken from Stdin; the server refuses texts above
// 16 KiB with a better explanation.
const maxLine = 1 << 20

// Send stores one message, or one for each line, in their order. It returns when
// the last is durable, or at the first that is not. Empty lines are left out.
func Send(ctx context.Context, cfg SendConfig) error {
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Minute
	}
	c, err := server(cfg.Server, cfg.User, cfg.Token, cfg.Stderr)
	if err != nil {
		return err
	}
	if len(cfg.Text) > 0 {
		return cfg.send(ctx, c, strings.Join(cfg.Text, " "))
	}
	lines := make(chan scanned)
	go scan(ctx, cfg.Stdin, lines)
	for {
		var l scanned
		select {
		case l = <-lines:
		case <-ctx.Done():
			return errInterrupted
		}
		switch {
		case l.err != nil:
			return fmt.Errorf("read the messages: %w", l.err)
		case l.n == 0:
			return nil
		}
		if err := cfg.send(ctx, c, l.text); err != nil {
			return fmt.Errorf("line %d: %w", l.n, err)
		}
	}
}

var errInterrupted = errors.New("interrupted; the last message may not have been stored")

// scanned is a line, or the end: n is 0 and err says why.
type scanned struct {
	n    int // counted from 1
	text string
	err  error
}

// scan hands on the lines of r. It is a goroutine of its own since a read from a
// terminal can't be interrupted; the end of the process ends it.
func scan(ctx context.Context, r io.Reader, out chan<- scanned) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	give := func(l scanned) bool {
		select {
		case out <- l:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for n := 1; lines.Scan(); n++ {
		if text := strings.TrimSuffix(lines.Text(), "\r"); text != "" && !give(scanned{n: n, text: text}) {
			return
		}
	}
	give(scanned{err: lines.Err()})
}

func (cfg *SendConfig) send(ctx context.Context, c *client.Client, text string) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	ack, err := c.Publish(ctx, cfg.Channel, client.Draft{Text: text})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return errInterrupted
		}
		return err
	}
	if !cfg.JSON {
		return nil
	}
	out, err := json.Marshal(map[string]any{"id": ack.ID, "timestamp": ack.Timestamp, "key": ack.Key})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(cfg.Stdout, "%s\n", out); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
