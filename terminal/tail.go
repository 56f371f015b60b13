package terminal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	client "github.com/parley-server/parley/client/go"
)

// TailConfig is what "parley tail" is told.
type TailConfig struct {
	Server    string // such as http://127.0.0.1:8080
	User      string // who reads; empty: a guest
	Token     string // a JWT or an API key
	Channel   string
	Transport string // "websocket", "sse", "long-poll" or "poll"; empty: websocket
	After     *int64 // begin after this id; 0: the first that is kept; nil: from now on
	JSON      bool   // one JSON object per line instead of text for people
	Color     bool   // see Color
	Stdout    io.Writer
	Stderr    io.Writer
	Zone      *time.Location // of the times shown. Default: local
}

// Tail writes what a channel carries until ctx ends, which is a success. It
// resumes by itself and says so on Stderr. Errors: a refusal, a *UsageError, or
// a failure to write.
func Tail(ctx context.Context, cfg TailConfig) error {
	if cfg.Transport == "" {
		cfg.Transport = string(client.WebSocket)
	}
	t, err := client.ParseTransport(cfg.Transport)
	if err != nil {
		return &UsageError{err.Error()}
	}
	if cfg.Zone == nil {
		cfg.Zone = time.Local
	}
	c, err := server(cfg.Server, cfg.User, cfg.Token, cfg.Stderr)
	if err != nil {
		return err
	}
	lost := false
	sub := c.Subscribe(cfg.Channel, client.Options{From: client.Position{After: cfg.After}, Transport: t,
		OnTrouble: func(t client.Trouble) { lost = true; tell(cfg.Stderr, t) }})
	defer sub.Close()
	for {
		e, err := sub.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Type == "welcome" && lost {
			lost = false
			fmt.Fprintf(cfg.Stderr, "parley: reconnected after message %d\n", *sub.Position().After)
		}
		if err := cfg.write(e); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// write shows one event.
func (cfg *TailConfig) write(e client.Event) error {
	if e.Reset != nil {
		fmt.Fprintf(cfg.Stderr, "parley: %s\n", resetText(e.Reset))
	}
	if cfg.JSON {
		return cfg.writeJSON(e)
	}
	var s string
	switch {
	case e.Type == "message":
		s = cfg.entry(e.Message, "")
	case e.Type == "message-changed" && e.Message.Deleted:
		s = cfg.dim(fmt.Sprintf("* %d was deleted", e.Of)) + "\n"
	case e.Type == "message-changed":
		s = cfg.entry(e.Message, fmt.Sprintf(" (%d changed)", e.Of))
	case e.Type == "system":
		var m client.Message
		if err := json.Unmarshal(e.Raw, &m); err != nil {
			return nil
		}
		s = cfg.dim("* "+Escape(m.Text)) + "\n"
	default:
		return nil
	}
	_, err := io.WriteString(cfg.Stdout, s)
	return err
}

// writeJSON writes what the channel carries; a welcome is about the connection.
func (cfg *TailConfig) writeJSON(e client.Event) error {
	if e.Type == "welcome" {
		return nil
	}
	raw := e.Raw
	if e.Reset != nil {
		raw, _ = json.Marshal(map[string]any{"type": "reset", "reason": e.Reset.Reason, // the same on all transports
			"first_id": e.Reset.First, "last_id": e.Reset.Last})
	}
	out, err := line(raw)
	if err != nil {
		return err
	}
	_, err = cfg.Stdout.Write(out)
	return err
}

// entry is "15:04:05 alice: text"; further lines of the text are indented, so that
// no text can look like another's message.
func (cfg *TailConfig) entry(m *client.Message, note string) string {
	who := m.User
	if m.Name != "" {
		who = fmt.Sprintf("%s (%s)", m.Name, m.User)
	}
	text := m.Text
	if text == "" && len(m.Data) > 0 {
		text = string(m.Data)
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Escape(strings.TrimSuffix(lines[i], "\r"))
	}
	at := time.UnixMicro(int64(m.Timestamp)).In(cfg.Zone).Format("15:04:05")
	return cfg.dim(at) + " " + cfg.bold(Escape(who)) + cfg.dim(note) + ": " + strings.Join(lines, "\n    ") + "\n"
}

func resetText(r *client.Reset) string {
	switch r.Reason {
	case "expired":
		return fmt.Sprintf("older messages are no longer kept; continuing from %d", r.First)
	case "ahead":
		return fmt.Sprintf("the server has fewer messages than were seen; continuing after %d", r.Last)
	}
	return fmt.Sprintf("the server's store began again; continuing after %d", r.Last)
}

func (cfg *TailConfig) dim(s string) string  { return cfg.paint("\x1b[2m", s) }
func (cfg *TailConfig) bold(s string) string { return cfg.paint("\x1b[1m", s) }

func (cfg *TailConfig) paint(code, s string) string {
	if !cfg.Color || s == "" {
		return s
	}
	return code + s + "\x1b[0m"
}
