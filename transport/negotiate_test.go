package transport

import (
	"net/http"
	"strings"
	"testing"
)

// RFC 7692, sections 5.1 and 7.1.
func TestOffersOfCompressionAreAnsweredOrDeclined(t *testing.T) {
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for offer, want := range map[string]string{
		"":                   "",
		"permessage-deflate": plain,
		"permessage-deflate; client_max_window_bits":                                 plain, // Chrome
		"permessage-deflate; client_max_window_bits=9":                               plain,
		"permessage-deflate; server_no_context_takeover":                             plain,
		"permessage-deflate; client_no_context_takeover; client_max_window_bits=15":  plain,
		"permessage-deflate; server_max_window_bits=15":                              plain + "; server_max_window_bits=15",
		`permessage-deflate; server_max_window_bits="15"`:                            plain + "; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=9":                               "",
		"permessage-deflate; server_max_window_bits=9, permessage-deflate":           plain,
		"permessage-deflate; server_max_window_bits":                                 "",
		"permessage-deflate; server_max_window_bits=16":                              "",
		"permessage-deflate; client_max_window_bits=7":                               "",
		"permessage-deflate; server_no_context_takeover=1":                           "",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover": "",
		"permessage-deflate; level=9":                                                "",
		"permessage-deflate; level=9, permessage-deflate":                            plain,
		"x-webkit-deflate-frame, permessage-deflate":                                 plain,
		"x-webkit-deflate-frame":                                                     "",
		"; ; =, permessage-deflate":                                                  "",
	} {
		if got := deflateAnswer(http.Header{"Sec-Websocket-Extensions": {offer}}); got != want {
			t.Errorf("%q is answered with %q, want %q", offer, got, want)
		}
	}
	if got := deflateAnswer(http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; server_max_window_bits=8",
		"permessage-deflate"}}); got != plain {
		t.Errorf("the second of two headers is answered with %q", got)
	}
}

// FuzzOffer checks that the answer to any offer contains only what was offered.
func FuzzOffer(f *testing.F) {
	for _, s := range []string{"permessage-deflate", "permessage-deflate; client_max_window_bits, x; y=z",
		`permessage-deflate; server_max_window_bits="15"`, "permessage-deflate;;", "\x00", `a="`} {
		f.Add(s, s)
	}
	t := &Transports{cfg: Config{Compression: true}}
	f.Fuzz(func(tt *testing.T, extensions, protocols string) {
		offer, answer := http.Header{"Sec-Websocket-Extensions": {extensions}, "Sec-Websocket-Protocol": {protocols}}, http.Header{}
		t.negotiate(offer, answer)
		if got := answer.Get("Sec-WebSocket-Extensions"); got != "" &&
			!strings.Contains(strings.ToLower(extensions), "permessage-deflate") {
			tt.Fatalf("%q is answered with %q", extensions, got)
		}
		if got := answer.Get("Sec-WebSocket-Protocol"); got != "" && !strings.Contains(protocols, got) {
			tt.Fatalf("%q is answered with %q", protocols, got)
		}
	})
}
