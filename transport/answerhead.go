package transport

import (
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/parley-server/parley/wire"
)

// answerHead is the common beginning of responses of one kind, without the lines that differ.
type answerHead struct {
	header http.Header
	lines  []byte
}

// before returns the whole response.
func (a *answerHead) before(body []byte) []byte {
	return wire.AppendAnswerOf(make([]byte, 0, len(a.lines)+len(body)+128), http.StatusOK, a.lines, body)
}

// heads are those of waiting responses: few kinds, shared by many.
type heads struct {
	mu    sync.Mutex
	last  *answerHead // most are equal to the previous one
	kinds map[string]*answerHead
}

const maxHeads = 1024

func (k *heads) intern(h http.Header) *answerHead {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last != nil && maps.EqualFunc(k.last.header, h, slices.Equal) {
		return k.last
	}
	var text headBuffer
	_ = h.Write(&text) // sorted
	if k.last = k.kinds[string(text)]; k.last == nil {
		if len(k.kinds) >= maxHeads || k.kinds == nil {
			k.kinds = map[string]*answerHead{}
		}
		k.last = &answerHead{h.Clone(), wire.AppendHeader(nil, h)}
		k.kinds[string(text)] = k.last
	}
	return k.last
}

type headBuffer []byte

func (b *headBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
