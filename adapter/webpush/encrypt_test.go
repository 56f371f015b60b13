package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example of RFC 8291, section 5.
func TestTheExampleOfTheRFC(t *testing.T) {
	private, err := ecdh.P256().NewPrivateKey(decode(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := encryptWith([]byte("When I grow up, I want to be a watermelon"), parley.Subscription{
		P256DH: decode(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
		Auth:   decode(t, "BTBZMqHH6r4Tts7J_aSIgg"),
	}, private, [16]byte(decode(t, "DGv6ra1nlYgDCS1FRnbzlw")))
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_" +
		"yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if base64.RawURLEncoding.EncodeToString(got) != want || err != nil {
		t.Errorf("%v, %v", base64.RawURLEncoding.EncodeToString(got), err)
	}
}

func TestTheLongestMessageIsOneRecord(t *testing.T) {
	s := parley.Subscription{
		P256DH: decode(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
		Auth:   decode(t, "BTBZMqHH6r4Tts7J_aSIgg"),
	}
	a, err := encrypt(make([]byte, maxPlain), s)
	if err != nil || len(a) != recordSize {
		t.Errorf("%d bytes, %v", len(a), err)
	}
	b, err := encrypt(make([]byte, maxPlain), s)
	if err != nil || string(a[:headSize]) == string(b[:headSize]) || string(a[:saltSize]) == string(b[:saltSize]) {
		t.Errorf("a key or salt is used twice; %v", err)
	}
}

func TestOrigins(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://push.example.org/x?y":    "https://push.example.org",
		"https://push.example.org:443/x":  "https://push.example.org",
		"https://push.example.org:8443/x": "https://push.example.org:8443",
		"http://push.example.org:80/":     "http://push.example.org",
		"http://push.example.org:443/":    "http://push.example.org:443",
		"HTTPS://Push.Example.ORG:/x":     "https://push.example.org",
		"https://user:pw@example.org/":    "https://example.org",
		"http://[::1]:8090/x":             "http://[::1]:8090",
	} {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if got := originOf(u); got != want {
			t.Errorf("%s has the origin %s, want %s", endpoint, got, want)
		}
	}
}

// Users may name as many services as they like.
func TestTokensOfManyServicesAreBounded(t *testing.T) {
	keys, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	tokens := newTokens(keys, "mailto:a@example.org", time.Now)
	for i := range 3 * maxOrigins {
		header, err := tokens.authorization("https://" + strconv.Itoa(i) + ".example.org/x")
		if err != nil || !strings.HasPrefix(header, "vapid t=") || len(tokens.byOrigin) > maxOrigins {
			t.Fatal(i, err, len(tokens.byOrigin))
		}
	}
}
