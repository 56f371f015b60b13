package bench

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/parley-server/parley/wire"
)

// bareWelcome accepts a handshake (RFC 6455, section 4.2.2) and welcomes the client.
func bareWelcome(request []byte) []byte {
	key := ""
	if i := bytes.Index(request, []byte("Sec-WebSocket-Key: ")); i >= 0 {
		key = string(firstLine(request[i+len("Sec-WebSocket-Key: "):]))
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	b := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	const welcome = `{"type":"welcome","first_id":0,"last_id":0,"cursor":0,"epoch":"bare","resumed":false}`
	return append(wire.AppendFrameHeader(b, wire.OpText, len(welcome)), welcome...)
}

// bare is a process with the bare loop, as its coordinator sees it.
type bare struct {
	Server
	in    io.WriteCloser
	heads []int64
	sent  int
}

func startBare(ctx context.Context, binary string) (*bare, error) {
	cmd := exec.CommandContext(ctx, binary, BareCommand)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	line, err := startChild(cmd)
	if err != nil {
		return nil, err
	}
	_, url, _ := strings.Cut(strings.TrimSpace(line), "http=")
	return &bare{Server: Server{URLs: []string{url}, PIDs: []int{cmd.Process.Pid}, cmd: cmd}, in: in}, nil
}

// run sends according to plan, as publishers would. Its messages are never acknowledged.
func (b *bare) run(ctx context.Context, plan Plan) error {
	if b.heads == nil {
		b.heads = make([]int64, plan.Channel)
	}
	begin := time.Now()
	var buf []byte
	for batch := 0; ; batch++ {
		n, due := max(plan.Burst, 1), time.Now()
		if plan.Rate > 0 {
			at := time.Duration(float64(batch*n) / plan.Rate * float64(time.Second))
			if at >= plan.For {
				return nil
			}
			due = begin.Add(at)
			select {
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
				return ctx.Err()
			}
		} else if n = 16; due.Sub(begin) > plan.For {
			return nil
		}
		buf = buf[:0]
		for range n {
			room := b.sent % plan.Channel
			b.heads[room]++
			var space [1024]byte
			m := appendMessage(space[:0], b.heads[room], due.UnixNano(), 0, b.sent, channelName(plan.Prefix, room), plan.Size)
			b.sent++
			var head [10]byte
			frame := wire.AppendFrameHeader(head[:0], wire.OpText, len(m))
			buf = binary.LittleEndian.AppendUint32(buf, uint32(room))
			buf = binary.LittleEndian.AppendUint32(buf, uint32(len(frame)+len(m)))
			buf = append(append(buf, frame...), m...)
		}
		if _, err := b.in.Write(buf); err != nil {
			return err
		}
	}
}
