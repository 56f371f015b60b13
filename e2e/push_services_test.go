package e2e_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// subscription is a browser's push subscription in JavaScript's form.
func subscription(d parley.Device) string {
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"platform":"webpush","subscription":{"endpoint":%q,"keys":{"p256dh":%q,"auth":%q}}}`,
		d.Subscription.Endpoint, encode(d.Subscription.P256DH), encode(d.Subscription.Auth))
}

func registers(t *testing.T, base, user, device, body string) {
	t.Helper()
	if status, answer := request(t, "PUT", base+"/api/devices/"+device+"?user="+user, body); status != 204 {
		t.Fatalf("register %s of %s: %d %s", device, user, status, answer)
	}
}

// One message reaches a browser, an Android phone, a phone with another app, and a back end's webhook.
func TestPushReachesEveryService(t *testing.T) {
	t.Parallel()
	fcm, other, hook := parleytest.NewFCM(t), parleytest.NewAPNs(t), parleytest.NewWebhook(t)
	browsers := service(t, "webpush")
	dir := t.TempDir()
	writeFile(t, dir+"/secret", hook.Secret)
	roots := ""
	for _, file := range []string{fcm.CertFile, other.CertFile} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		roots += string(b)
	}
	writeFile(t, dir+"/roots", roots)
	writeFile(t, dir+"/parley.yaml", fmt.Sprintf("push:\n  apps:\n    staff:\n"+
		"      apns: {key-file: %s, key-id: %s, team-id: %s, topic: %s, url: %q}\n",
		other.KeyFile, other.KeyID, other.TeamID, other.Topic, other.URL))
	node := testenv.ServerIn(t, []string{"SSL_CERT_FILE=" + dir + "/roots"}, "--config", dir+"/parley.yaml", "--push-delay", "300ms",
		"--push-window", "1s", "--push-fcm-credentials-file", fcm.CredentialsFile, "--push-fcm-url", fcm.URL,
		"--push-webpush-subject", "mailto:push@example.org", "--push-webhook", hook.URL, "--push-webhook-secret-file", dir+"/secret",
		"--push-allow-private-addresses")
	_, answer := request(t, "GET", node.URL+"/api/push/public-key?user=bob", "")
	var key struct{ Key string }
	if err := json.Unmarshal([]byte(answer), &key); err != nil || len(key.Key) != 87 {
		t.Fatal(answer, err)
	}
	web := parleytest.NewWebPush(t, browsers.URL(t), key.Key)
	joins(t, node.URL, "general", "bob")
	registers(t, node.URL, "bob", "browser", subscription(web.Device(t)))
	registers(t, node.URL, "bob", "android", fmt.Sprintf(`{"platform":"fcm","token":%q}`, fcm.Device(t).Token))
	registers(t, node.URL, "bob", "staff", fmt.Sprintf(`{"platform":"apns","app":"staff","token":%q}`, other.Device(t).Token))
	if status, answer := request(t, "PUT", node.URL+"/api/devices/x?user=bob", `{"platform":"apns","token":"ab"}`); status != 400 ||
		!strings.Contains(answer, "--push-apns-key-file") {
		t.Errorf("a device of a platform that is not configured: %d %s", status, answer)
	}
	post(t, node.URL, "general", "hello")
	for name, s := range map[string]parleytest.PushService{"browser": web, "android": fcm, "staff": other, "webhook": hook} {
		var got []parleytest.Push
		becomes(t, "notifications of "+name, 1, func() int { got = append(got, s.Pushes(t)...); return len(got) })
		n := got[0]
		if n.Title != "alice in general" || n.Body != "hello" || n.Badge != 1 || n.ID != 1 || n.Channel != "general" || n.Collapse == "" {
			t.Errorf("%s got %+v", name, n)
		}
	}
	web.Answer(&parleytest.PushAnswer{Status: 410})
	post(t, node.URL, "general", "again")
	becomes(t, "devices of bob", 2, func() int {
		_, answer := request(t, "GET", node.URL+"/api/devices?user=bob", "")
		return strings.Count(answer, `"id"`)
	})
	for _, s := range []parleytest.PushService{web, fcm, other, hook} {
		if faults := s.Faults(); len(faults) > 0 {
			t.Errorf("%T found fault: %q", s, faults)
		}
	}
	_, all := request(t, "GET", node.AdminURL+"/admin/api/push/decisions", "")
	for _, s := range []parleytest.PushService{web, fcm, other, hook} {
		for _, secret := range s.Secrets() {
			if strings.Contains(all, secret) || strings.Contains(node.Log(), secret) {
				t.Errorf("a secret of %T is shown", s)
			}
		}
	}
}

// A browser's endpoint at a private address is refused when it is dialed, and nothing is ever sent there.
func TestPushEndpointsThatArePrivateAreNeverConnectedTo(t *testing.T) {
	t.Parallel()
	connected := make(chan net.Addr, 100)
	victim := httptest.NewUnstartedServer(http.NotFoundHandler())
	victim.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connected <- c.RemoteAddr()
		}
	}
	victim.Start()
	t.Cleanup(victim.Close)
	node := testenv.Server(t, "--push-webpush-subject", "mailto:push@example.org", "--push-delay", "100ms", "--push-window", "200ms")
	joins(t, node.URL, "general", "bob")
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := parley.Subscription{P256DH: private.PublicKey().Bytes(), Auth: make([]byte, 16)}
	for i, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		keys.Endpoint = strings.Replace(victim.URL, "127.0.0.1", host, 1) + "/x"
		registers(t, node.URL, "bob", fmt.Sprint("browser", i), subscription(parley.Device{Subscription: &keys}))
	}
	post(t, node.URL, "general", "hello")
	becomes(t, "decisions", true, func() bool { return len(decisions(t, node, "bob")) >= 3 })
	if got := decisions(t, node, "bob"); slices.ContainsFunc(got, func(d string) bool { return d != "failed" }) {
		t.Errorf("decided %q", got)
	}
	select {
	case from := <-connected:
		t.Errorf("the server connected from %v", from)
	default:
	}
	secret := t.TempDir() + "/secret"
	writeFile(t, secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	cmd := exec.Command(testenv.Binary(t), "dev", "--data", t.TempDir(), "--listen", "127.0.0.1:0",
		"--push-webhook", victim.URL, "--push-webhook-secret-file", secret)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(string(out), "--push-webhook") {
		t.Errorf("exit %d: %s", code, out)
	}
}
