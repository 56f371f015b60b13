// Package terminal is what "parley tail" and "parley send" do, apart from their
// flags: it reads and writes channels for a person or a script at a terminal. It
// parses no arguments and never ends the process.
package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	client "github.com/parley-server/parley/client/go"
)

// UsageError is a mistake in how the command was called.
type UsageError struct{ Detail string }

func (e *UsageError) Error() string { return e.Detail }

// ExitCode is 0 for success, 2 for a mistake in the call (also a channel or a
// transport that can't exist), 1 for any other failure.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[*UsageError](err); ok {
		return 2
	}
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == "bad_channel" {
		return 2
	}
	return 1
}

// Color says whether to colour what is written to w: only on a terminal, and not
// if the environment has NO_COLOR (no-color.org) or a dumb terminal.
func Color(w io.Writer, getenv func(string) string) bool {
	f, ok := w.(*os.File)
	return ok && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// Live says whether w is a terminal on which a line can be written again.
func Live(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// server tells how to reach a server; the fields are those of both commands.
func server(url, user, token string, stderr io.Writer) (*client.Client, error) {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return nil, &UsageError{fmt.Sprintf("the server %s is not a URL; write it as http://127.0.0.1:8080", Escape(url))}
	}
	return client.New(url, client.Config{User: user, Token: token,
		OnTrouble: func(t client.Trouble) { tell(stderr, t) }}), nil
}

// tell says in one sentence what failed and when the next try is.
func tell(stderr io.Writer, t client.Trouble) {
	what := "publishing failed"
	if t.Transport != "" {
		what = "no connection over " + string(t.Transport)
	}
	fmt.Fprintf(stderr, "parley: %s (%s); trying again in %s\n", what, Escape(reason(t.Err)), seconds(t.Wait))
}

// reason is the innermost cause of a network error; a person has seen the URL.
func reason(err error) string {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Error()
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// dangerous says whether a terminal may take r for a command, or show text in
// another order than it has: C0 and C1 controls, DEL, line separators, and the
// marks that switch the direction of writing.
func dangerous(r rune) bool {
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r == 0x2028 || r == 0x2029 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0x200e || r == 0x200f || r == 0x061c || r == utf8.RuneError
}

// Escape makes a stranger's text safe to show on one line of a terminal.
func Escape(s string) string {
	if strings.IndexFunc(s, dangerous) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteByte(' ')
		case r < 0x80 && dangerous(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case r != utf8.RuneError && dangerous(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// line makes one line of a JSON object, equal to it, without a character that a
// terminal could take for a command.
func line(raw json.RawMessage) ([]byte, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, err
	}
	out := make([]byte, 0, b.Len()+1)
	for _, r := range b.String() {
		if r != utf8.RuneError && dangerous(r) { // above ASCII and DEL: within strings only
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '\n'), nil
}
