package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"parley"
	"parley/adapter/embedded"
	"parley/adapter/mem"
	"parley/auth"
	"parley/chat"
	"parley/engine"
	"parley/httpapi"
	"parley/hub"
	"parley/internal/gcpace"
	"parley/limit"
	"parley/presence"
	"parley/transport"
)

// node is one running server.
type node struct {
	flags  *nodeFlags
	log    *slog.Logger
	stdout io.Writer // gets the ready line, nothing else
	hints  io.Writer // gets lines for people; nil: none

	portable bool // see program

	spaces chat.Namespaces
	keys   *auth.Keys // of back ends; nil: none

	authenticate func(context.Context, *embedded.Log, *auth.Tickets) (httpapi.Authenticator, error)
	adminToken   string      // what the admin listener asks for; "": nothing
	acme         *tls.Config // gets its own certificates; nil: from files, or no TLS
	limits       *limits     // of those who connect; nil: none

	origins func(string) bool
	hosts   func(string) bool
	secret  func() (file string, err error) // see httpapi.Config
}

// run serves until ctx ends, then drains. The error is why it could not start or
// had to stop.
func (n *node) run(ctx context.Context) error {
	f := n.flags
	if f.MemoryLimit > 0 {
		debug.SetMemoryLimit(f.MemoryLimit << 20)
	}
	secure, err := f.certificate(n.log)
	if err != nil {
		return err
	}
	if n.acme != nil {
		secure = n.acme
	}
	file, err := openAudit(f.AuditLog)
	if err != nil {
		return err
	}
	trail := newTrail(nil)
	if file != nil {
		defer file.Close()
		trail = newTrail(file)
	}
	sockets, admin, err := n.listen()
	if err != nil {
		return err
	}
	defer admin.Close()
	for _, l := range sockets {
		defer l.Close()
	}
	store, err := embedded.Open(f.Data, embedded.Config{MaxFiles: share(descriptors()).files(), Fsync: embedded.Fsync(f.Fsync), Logger: n.log, RetentionOf: n.spaces.Retention,
		Retention: parley.Retention{Messages: f.HistoryMessages, Seconds: int64(f.HistoryAge / time.Second)}})
	if errors.Is(err, embedded.ErrInUse) {
		return refuse(err.Error(), "Stop that process, or give this one a directory of its own: --data DIR")
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EROFS) {
		return refuse(fmt.Sprintf("the data directory can't be used: %v.", err), "Give --data a directory that this user may write.")
	}
	if err != nil {
		return fmt.Errorf("%w\nIf the directory is damaged, restore a copy of the whole of it, or begin anew: --data DIR", err)
	}

	// What serves outlives ctx: it goes on while the server drains.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	tickets := auth.NewTickets(nil)
	who, err := n.authenticate(work, store, tickets)
	if err != nil {
		return errors.Join(err, store.Close())
	}

	h := hub.New(store, hub.Config{RecentLimit: f.RecentMemory << 20, OnRead: n.spaces.OnRead})
	use := chat.Config{Namespaces: n.spaces, Presence: presence.Config{Grace: max(f.LeaveGrace, 1), TTL: f.PresenceTTL,
		Store: mem.NewPresence(mem.PresenceConfig{}), Node: f.Node + "-" + rand.Text()}}
	if n.limits != nil {
		use.Limits = n.limits
	}
	c := chat.New(store, h, use)
	e, err := engine.New(engine.Config{Portable: n.portable, Grain: min(100*time.Millisecond, f.HeartbeatInterval/4+1)})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	limits := &shed{engine: e, most: f.MaxConnections, memory: f.MemoryLimit << 20, limits: n.limits}
	var listeners []*listener
	for _, l := range sockets {
		own := newListener(l, limits.full, n.limits, trail.count)
		own.patience, own.pending = f.HeartbeatTimeout, &limits.proxied
		if secure != nil {
			own.secure = secure.Clone()
			own.secure.NextProtos = []string{"http/1.1"}
		}
		listeners = append(listeners, own)
	}
	cfg := transport.Config{Compression: f.Compression, HeartbeatInterval: f.HeartbeatInterval, HeartbeatTimeout: f.HeartbeatTimeout,
		GiveBack: listeners[0].giveBack, Problem: httpapi.Problem,
		MaxSubscriptions: f.MaxSubscriptions, Refusal: limits.refusal, Refused: trail.frame}
	if a, ok := who.(*auth.Authenticator); ok {
		cfg.Token, cfg.Valid = a.Bearer, a.Valid
	}
	face := httpapi.Config{Auth: who, Tickets: tickets, Origins: n.origins, Hosts: n.hosts, Secret: n.secret, Refused: trail.request, Did: trail.deed,
		Ready: func(context.Context) error { return store.Ready() }, Damaged: store.Damaged,
		Pages: pages(), Logger: n.log, HSTS: secure != nil && n.hosts == nil}
	answers := limit.NewAnswers(limit.AnswersConfig{})
	cfg.Charge, cfg.Discharge = func(c chat.Caller, n int) *parley.Error { return answers.Charge(httpapi.Limited(c), n) },
		func(c chat.Caller, n int) { answers.Discharge(httpapi.Limited(c), n) }
	face.Answers, face.Patience = answers, f.HeartbeatTimeout
	if n.limits != nil {
		cfg.Take, cfg.Free, cfg.Patience = n.limits.take, n.limits.free, n.limits.patience
		cfg.Follow, cfg.Unfollow = n.limits.follow, n.limits.unfollow
		face.Client, face.Limits = n.limits.client, n.limits.callers
	}
	ways := transport.New(c, e, cfg)
	limits.streams = ways.Streams
	api := httpapi.New(c, ways, face)

	server := n.server(api)
	if secure == nil {
		first := newHandshakes(api, limits.count, n.log)
		defer first.close()
		limits.first = first
		for _, l := range listeners {
			l.first = first
		}
	}
	server.TLSConfig, server.ConnState, server.ConnContext = secure, limits.count, transport.ConnContext
	asked, drain := context.WithCancel(ctx)
	defer drain()
	adminConfig := httpapi.AdminConfig{Metrics: metrics(h, ways, c, store, trail.refusals), Token: n.adminToken, Logger: n.log, Refused: trail.request,
		Drain: func() { trail.did("drain", "", false, netip.Addr{}); drain() }}
	if host, _, _ := net.SplitHostPort(f.AdminListen); loopback(host) {
		adminConfig.Hosts, adminConfig.Secret = httpapi.LoopbackHost, n.secret
	}
	adminServer := n.server(httpapi.Admin(api, adminConfig))
	adminServer.ConnState = (&adminConns{most: share(descriptors()).admin}).count

	g, failed := errgroup.WithContext(work)
	g.Go(func() error { return store.Run(work) })
	g.Go(func() error { return h.Run(work) })
	g.Go(func() error { return c.Run(work) })
	g.Go(func() error { return e.Run(work) })
	g.Go(func() error { return gcpace.Run(work) })
	g.Go(func() error { return limits.run(work) })
	if n.keys != nil {
		g.Go(func() error { return n.keys.Watch(work, ways.Recheck) })
	}
	g.Go(func() error { return served(adminServer.Serve(admin)) })
	for _, l := range listeners {
		g.Go(l.run)
		g.Go(func() error {
			if secure != nil {
				return served(server.ServeTLS(l, "", "")) // with those of its TLSConfig
			}
			return served(server.Serve(l))
		})
	}
	n.ready(listeners[0].Addr(), admin.Addr(), secure != nil)

	select {
	case <-asked.Done():
		n.log.Info("draining", "connections", e.Len())
		n.drain(ways, e, server)
	case <-failed.Done():
	}
	e.Close()
	server.Close()
	answered, done := context.WithTimeout(work, time.Second) // who asked for the drain is told so
	_ = adminServer.Shutdown(answered)
	done()
	adminServer.Close()
	stop()
	err = g.Wait()
	if closed := store.Close(); err == nil {
		err = closed
	}
	n.log.Info("stopped")
	return err
}

// drain tells every client to go, over a window that grows with their number,
// finishes what is under way and stops listening last.
func (n *node) drain(ways *transport.Transports, e *engine.Engine, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), n.flags.DrainTimeout*9/10)
	defer cancel()
	window := min(n.flags.DrainTimeout/2, time.Duration(e.Len())*2*time.Millisecond)
	retry := transport.Spread(time.Second + window + 2*time.Second)
	ways.Drain(retry)
	e.Drain(ctx, window, retry)
	ways.Finish(ctx)
	_ = server.Shutdown(ctx)
}

func (n *node) server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		HTTP2:                        &http.HTTP2Config{WriteByteTimeout: n.flags.HeartbeatTimeout}, // for all of its streams at once
		DisableGeneralOptionsHandler: true,                                                          // OPTIONS * is answered like any address that is not there
		ErrorLog:                     slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)}
}

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listening makes sockets whose connections need no setting of their own: dead peers
// are found by heartbeats and by the engine's time-out, not by TCP's keep-alives.
var listening = net.ListenConfig{KeepAlive: -1, Control: engine.TuneListener}

// listen opens the addresses. With dev's default address the same port of ::1 is
// opened too, since localhost may mean either.
func (n *node) listen() (public []net.Listener, admin net.Listener, err error) {
	one := func(flag, addr string) (net.Listener, error) {
		l, err := listening.Listen(context.Background(), "tcp", addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, refuse(fmt.Sprintf("another process listens on %s.", addr), fmt.Sprintf("Stop it, or choose another address: %s 127.0.0.1:0 picks a free one.", flag))
		}
		if err != nil {
			return nil, refuse(fmt.Sprintf("can't listen on %s: %v.", addr, err), fmt.Sprintf("Give %s an address of this machine and a port that this user may open.", flag))
		}
		return l, nil
	}
	l, err := one("--listen", n.flags.Listen)
	if err != nil {
		return nil, nil, err
	}
	public = append(public, l)
	if admin, err = one("--admin-listen", n.flags.AdminListen); err != nil {
		l.Close()
		return nil, nil, err
	}
	if n.flags.Listen == "127.0.0.1:8080" {
		if also, err := listening.Listen(context.Background(), "tcp", "[::1]:8080"); err == nil {
			public = append(public, also)
		}
	}
	return public, admin, nil
}

// ready prints the one line that scripts wait for, and hints for people.
func (n *node) ready(public, admin net.Addr, secure bool) {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	url := scheme + "://" + public.String()
	fmt.Fprintf(n.stdout, "parley ready http=%s admin=http://%s node=%s\n", url, admin, n.flags.Node)
	if n.hints != nil && n.flags.LogFormat != "json" { // each line is an object then
		fmt.Fprint(n.hints, strings.NewReplacer("URL", url, "DIR", n.flags.Data).Replace(hintText))
	}
}

const hintText = `
  chat page   URL/
  messages    kept in DIR

  read it     curl -N URL/api/stream/general
  send        curl -d '{"channel_id":"general","user":"alice","text":"hello"}' URL/api/messages
  catch up    curl 'URL/api/messages?channel_id=general&after=0'

`

// executable is this program, for those who start it again.
func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return path, nil
}
