package transport

import (
	"net/http"
	"strings"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"

	"github.com/parley-server/parley/wire"
)

// negotiate chooses the form in which a WebSocket's client reads, and states it in the response
// header. MessagePack takes precedence over compression: a client that offers both gets it
// alone, since it is already compact and so has one form.
func (t *Transports) negotiate(offer, answer http.Header) wire.Form {
	if offers(offer, msgpackProtocol) {
		answer.Set("Sec-WebSocket-Protocol", msgpackProtocol)
		return wire.FormMsgpack
	}
	if t.cfg.Compression {
		if accept := deflateAnswer(offer); accept != "" {
			answer.Set("Sec-WebSocket-Extensions", accept)
			return wire.FormWSDeflate
		}
	}
	return wire.FormWS
}

const msgpackProtocol = "parley.msgpack"

// offers reports whether a client offers a sub-protocol (RFC 6455, section 4.1).
func offers(h http.Header, protocol string) bool {
	for _, v := range h.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(v, ",") {
			if strings.TrimSpace(p) == protocol {
				return true
			}
		}
	}
	return false
}

// deflateAnswer accepts the first acceptable offer of permessage-deflate, or returns "" (RFC
// 7692, sections 5.1 and 7.1). The answer always excludes context takeover in both directions.
// An offer that requires a smaller window of the server is declined, since messages are
// compressed once for all readers; an offer of a smaller window of the client needs no answer.
func deflateAnswer(offer http.Header) string {
	for _, header := range offer.Values("Sec-WebSocket-Extensions") {
		options, ok := httphead.ParseOptions([]byte(header), nil)
		if !ok {
			continue
		}
		for _, o := range options {
			var p wsflate.Parameters
			if !strings.EqualFold(string(o.Name), wsflate.ExtensionName) || p.Parse(o) != nil {
				continue
			}
			const answer = wsflate.ExtensionName + "; server_no_context_takeover; client_no_context_takeover"
			switch p.ServerMaxWindowBits {
			case 0:
				return answer
			case 15:
				return answer + "; server_max_window_bits=15"
			}
		}
	}
	return ""
}
