package guard

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var refused = []string{
	"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1",
	"169.254.169.254", "169.254.170.2", "100.64.0.1", "100.127.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192",
	"192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1", "224.0.0.1", "239.255.255.255",
	"240.0.0.1", "255.255.255.255",
	"::", "::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fdff::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1",
	"2001:db8::1", "3fff::1", "2001::1", "2001:0:53aa:64c::1", "100::1", "5f00::1",
	"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", // IPv4-mapped
	"::127.0.0.1", "::10.0.0.1", // IPv4-compatible
	"::ffff:0:127.0.0.1",                      // IPv4-translated
	"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", // NAT64
	"64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8",
	"2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", // 6to4
}

var public = []string{
	"8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1",
	"169.253.0.1", "198.17.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888",
	"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
}

func TestAddressesThatAreNotPublicAreRefused(t *testing.T) {
	for _, s := range refused {
		if err := Check(netip.MustParseAddr(s)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", s, err)
		}
		host := s
		if strings.Contains(s, ":") {
			host = "[" + strings.ReplaceAll(s, "%", "%25") + "]"
		}
		if err := CheckURL("https://" + host + "/x"); !errors.Is(err, ErrRefused) {
			t.Errorf("https://%s/x: %v", host, err)
		}
	}
	for _, s := range public {
		if err := Check(netip.MustParseAddr(s)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestURLsThatNameRefusedAddresses(t *testing.T) {
	for _, s := range []string{
		"http://localhost/", "http://LOCALHOST:80", "https://a.localhost./x", "http://127.0.0.1:8080/x", "http://127.1/", "http://2130706433/",
		"http://0x7f000001/", "http://0x7f.0x1/", "http://017700000001", "http://user:secret@127.0.0.1/secret", "http://[::1]:80/",
		"http://127.0.0.1./",
	} {
		if err := CheckURL(s); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", s, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the URL: %v", err)
		}
	}
	for _, s := range []string{"", "x", "ftp://example.org/", "file:///etc/passwd", "https:///x", "https://secret host/", "//example.org"} {
		if err := CheckURL(s); err == nil || errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"https://example.org/x?y#z", "http://example.org:8080", "https://8.8.8.8/", "https://[2606:4700::1111]/",
		"https://localhost.example.org/", "https://1.2.3.4.example/", "https://10.example/"} {
		if err := CheckURL(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// server starts a server that counts its connections.
func server(t *testing.T, handler http.HandlerFunc) (s *httptest.Server, connections *atomic.Int64) {
	connections = new(atomic.Int64)
	s = httptest.NewUnstartedServer(handler)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, connections
}

// A name is refused because of the address it resolves to, before connecting.
func TestNamesAreRefusedWhenTheyAreDialed(t *testing.T) {
	s, connections := server(t, func(http.ResponseWriter, *http.Request) {})
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	client := Client(Config{})
	for _, host := range []string{"localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "0.0.0.0", "[::]", "[::ffff:0.0.0.0]"} {
		res, err := client.Post("http://"+host+port+"/", "text/plain", strings.NewReader("x"))
		if err == nil {
			res.Body.Close()
			t.Errorf("%s was connected to", host)
		} else if host != "127.1" && !errors.Is(err, ErrRefused) { // some resolvers do not know this form
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	res, err := Client(Config{AllowPrivate: true}).Post(s.URL, "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// A proxy would connect to addresses that the guard refuses. (The environment is read once per process, so no test can
// set it.)
func TestNoProxyIsUsed(t *testing.T) {
	if Client(Config{}).Transport.(bounded).Proxy != nil {
		t.Error("there is a proxy")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int64
	s, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			followed.Add(1)
		}
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		http.Redirect(w, r, "/elsewhere", status)
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		res, err := Client(Config{AllowPrivate: true}).Post(s.URL+"/?status="+strconv.Itoa(status), "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("%d became %d", status, res.StatusCode)
		}
	}
	if followed.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	hang := make(chan struct{})
	s, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/body":
			io.WriteString(w, strings.Repeat("x", 1<<20))
		case "/header":
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		case "/hang":
			<-hang
		case "/drip":
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			<-hang
		}
	})
	t.Cleanup(func() { close(hang) }) // before the server waits for its handlers
	res, err := Client(Config{AllowPrivate: true}).Get(s.URL + "/body")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || len(b) != maxBody {
		t.Errorf("%d bytes were read, %v", len(b), err)
	}
	if res, err := Client(Config{AllowPrivate: true}).Get(s.URL + "/header"); err == nil {
		res.Body.Close()
		t.Error("a header of a megabyte was read")
	}
	short := Client(Config{AllowPrivate: true, Timeout: 50 * time.Millisecond})
	if res, err := short.Get(s.URL + "/hang"); err == nil {
		res.Body.Close()
		t.Error("there was an answer")
	}
	res, err = short.Get(s.URL + "/drip")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err == nil {
		t.Error("the body ended")
	}
}
