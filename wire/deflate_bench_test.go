package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// entry is a message of about n bytes, as in a chat: few words are repeated.
func entry(n int) []byte {
	const words = "we should look at the deploy before lunch because yesterday somebody changed how retries are counted and now half of " +
		"the dashboards show numbers that nobody can explain while customers ask about invoices from march "
	var text strings.Builder
	for i := 0; text.Len() < n-130; i++ {
		at := i * 7919 % (len(words) - 24)
		text.WriteString(words[at : at+17+i%7])
	}
	m := parley.Message{ID: 48213, Channel: "team.platform", User: "alice", Text: text.String(), Time: 1774684800123456,
		Key: "3f1c9a52e07b4d18", Data: json.RawMessage(`{"client":"web"}`)}
	return wire.AppendMessage(nil, &m)
}

// BenchmarkDeflateLevels is the basis for the choice of the level.
func BenchmarkDeflateLevels(b *testing.B) {
	for _, size := range []int{128, 256, 512, 2 << 10, 16 << 10} {
		obj := entry(size)
		measure := func(name string, deflate func(out *bytes.Buffer)) {
			b.Run(fmt.Sprintf("%d/%s", len(obj), name), func(b *testing.B) {
				var out bytes.Buffer
				b.ReportAllocs()
				for b.Loop() {
					out.Reset()
					deflate(&out)
				}
				b.ReportMetric(100*float64(out.Len()-4)/float64(len(obj)), "%size")
			})
		}
		measure("stateless", func(out *bytes.Buffer) { _ = flate.StatelessDeflate(out, obj, false, nil) })
		for _, level := range []int{flate.HuffmanOnly, 1, 2, 3, 4, 5, 6, 7, 9} {
			w, err := flate.NewWriter(nil, level)
			if err != nil {
				b.Fatal(err)
			}
			measure(fmt.Sprint("level", level), func(out *bytes.Buffer) {
				w.Reset(out)
				_, _ = w.Write(obj)
				_ = w.Flush()
			})
		}
	}
}

// BenchmarkForms measures what an entry costs once per channel and form.
func BenchmarkForms(b *testing.B) {
	for _, size := range []int{300, 2 << 10} {
		obj := entry(size)
		for name, form := range map[string]wire.Form{"sse": wire.FormSSE, "ws": wire.FormWS, "deflate": wire.FormWSDeflate,
			"msgpack": wire.FormMsgpack} {
			b.Run(fmt.Sprintf("%d/%s", len(obj), name), func(b *testing.B) {
				var dst []byte
				b.ReportAllocs()
				for b.Loop() {
					dst = form.AppendEntry(dst[:0], 42, "message", obj)
				}
				b.ReportMetric(float64(len(dst)), "bytes")
			})
		}
	}
}
