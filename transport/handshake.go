package transport

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// handshake checks a client's opening handshake and returns the key that accepts it.
func handshake(w http.ResponseWriter, r *http.Request) (accept string, err error) {
	bad := func(detail, hint string) error {
		return &parley.Error{Code: parley.CodeBadRequest, Detail: detail, Hint: hint}
	}
	switch key := r.Header.Get("Sec-WebSocket-Key"); {
	case !consumed(r):
		return "", bad("a WebSocket handshake is a GET without a body", "use a WebSocket client")
	case r.ProtoMajor != 1 || !r.ProtoAtLeast(1, 1):
		return "", bad("a WebSocket needs HTTP/1.1", "connect without HTTP/2")
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		w.Header().Set("Upgrade", "websocket")
		return "", bad("this is an address for WebSocket clients", "open it as ws://, or read the channel at /api/stream/ or /api/messages")
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		w.Header().Set("Sec-WebSocket-Version", "13")
		return "", wire.ErrVersion
	default:
		if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 {
			return "", bad("Sec-WebSocket-Key is not 16 bytes in base64", "use a WebSocket client")
		}
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		return base64.StdEncoding.EncodeToString(sum[:]), nil
	}
}

func switching(h http.Header, accept string) []byte {
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Accept", accept)
	return wire.AppendHead(make([]byte, 0, 512), http.StatusSwitchingProtocols, h)
}

// hasToken reports whether a list header contains a token, in any case.
func hasToken(h http.Header, name, token string) bool {
	for _, v := range h.Values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
