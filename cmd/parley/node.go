package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
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

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/door"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/httpapi"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/ingest"
	"github.com/parley-server/parley/internal/gcpace"
	"github.com/parley-server/parley/limit"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/push"
	"github.com/parley-server/parley/transport"
	"github.com/parley-server/parley/webhook"
)

// node is one running server.
type node struct {
	flags  *nodeFlags
	log    *slog.Logger
	stdout io.Writer // receives only the ready line
	hints  io.Writer // receives hints for people; nil: none

	who     string // may connect, in words
	proxied bool   // behind a proxy, which handles TLS

	portable bool // see program

	spaces  chat.Namespaces
	pushing *pushing
	keys    *auth.Keys // of back ends; nil: none

	authenticate func(context.Context, *stores, *auth.Tickets) (httpapi.Authenticator, error)
	cluster      []byte        // a secret that all nodes share; nil: only this node's
	adminToken   string        // what the admin listener requires; "": nothing
	acme         *tls.Config   // obtains its own certificates; nil: from files, or no TLS
	limiter      *door.Limiter // limits clients; nil: no limits

	limits any // the limits among the settings that clients see, see settings

	origins func(string) bool
	hosts   func(string) bool
	secret  func() (file string, err error) // see httpapi.Config
}

// run serves until ctx ends, then drains. The error is the reason why it could not
// start or had to stop.
func (n *node) run(ctx context.Context) error {
	f := n.flags
	if f.MemoryLimit > 0 {
		debug.SetMemoryLimit(f.MemoryLimit << 20)
	}
	o, err := n.open(ctx)
	if err != nil {
		return err
	}
	// What serves outlives ctx: it continues while the server drains.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	asked, drain := context.WithCancel(ctx)
	defer drain()
	g, failed := errgroup.WithContext(work)
	g.Go(func() error { return o.store.run(work) })
	s, err := n.build(work, o, drain)
	if err != nil {
		stop()
		return errors.Join(err, g.Wait(), o.close())
	}
	n.start(work, g, o, s)
	n.started(o, o.public[0].Addr())
	n.ready(o.public[0].Addr(), o.admin.Addr(), o.secure != nil)
	select {
	case <-asked.Done():
		n.log.Info("draining", "connections", s.engine.Len())
		n.drain(s)
	case <-failed.Done():
	}
	s.engine.Close()
	s.public.Close()
	answered, done := context.WithTimeout(work, time.Second) // the client that requested the drain gets an answer
	_ = s.admin.Shutdown(answered)
	done()
	s.admin.Close()
	stop()
	err = g.Wait()
	if closed := o.close(); err == nil {
		err = closed
	}
	n.log.Info("stopped")
	return err
}

// opened holds the resources that a node has opened.
type opened struct {
	secure *tls.Config // nil: without TLS
	audit  *os.File    // nil: none
	public []net.Listener
	admin  net.Listener
	store  *stores
}

// open opens the certificate, the addresses and the store, or nothing.
func (n *node) open(ctx context.Context) (o *opened, err error) {
	f := n.flags
	o = new(opened)
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
			o = nil
		}
	}()
	if o.secure, err = f.certificate(n.log); err != nil {
		return o, err
	}
	if n.acme != nil {
		o.secure = n.acme
	}
	if o.audit, err = openAudit(f.AuditLog); err != nil {
		return o, err
	}
	if o.public, o.admin, err = n.listen(); err != nil {
		return o, err
	}
	if o.store, err = n.openStores(ctx); err != nil {
		return o, err
	}
	return o, nil
}

// close closes everything; what was not opened is nil.
func (o *opened) close() (err error) {
	for _, l := range o.public {
		_ = l.Close() // the door has closed most
	}
	if o.admin != nil {
		_ = o.admin.Close()
	}
	if o.store != nil {
		err = o.store.close()
	}
	if o.audit != nil {
		err = errors.Join(err, o.audit.Close())
	}
	return err
}

// server is the parts of a running node.
type server struct {
	events        parley.Events
	feed          *feed.Feed
	chat          *chat.Service
	engine        *engine.Engine
	door          *door.Door
	ways          *transport.Transports
	api           *httpapi.API
	public, admin *http.Server
	push          *push.Pusher       // nil: not configured
	hooks         []*webhook.Webhook // empty: not configured
}

// build connects the parts. Nothing but the store runs yet.
func (n *node) build(work context.Context, o *opened, drain func()) (*server, error) {
	f, store, s := n.flags, o.store, new(server)
	meters := newMeters()
	events := meters.events().Complete()
	trail := newTrail(nil, events.Refused)
	if o.audit != nil {
		trail = newTrail(o.audit, events.Refused)
	}
	tickets := auth.NewTickets(auth.TicketsConfig{Once: store.once, Secret: n.cluster})
	who, err := n.authenticate(work, store, tickets)
	if err != nil {
		return nil, err
	}

	s.events = events
	name := f.Node + "-" + rand.Text() // of this run of the node
	s.feed = feed.New(store,
		feed.Config{Hub: hub.Config{RecentLimit: f.RecentMemory << 20, OnRead: n.spaces.OnRead}, Logger: n.log, Events: events,
			Node: name, Bus: store.bus, Index: store.index, Outbox: n.outbox(store), Settings: n.settings()})
	use := chat.Config{Push: n.pushing.config(store), Namespaces: n.spaces,
		Presence: presence.Config{Grace: max(f.LeaveGrace, 1), TTL: f.PresenceTTL, Store: store.presence, Node: name}}
	if n.limiter != nil {
		use.Limits = n.limiter
	}
	s.chat = chat.New(store, s.feed, use)
	if err := n.work(work, store, s, name, meters); err != nil {
		return nil, err
	}
	if s.engine, err = engine.New(engine.Config{Portable: n.portable, Grain: min(100*time.Millisecond, f.HeartbeatInterval/4+1)}); err != nil {
		return nil, err
	}
	s.door = door.New(o.public, s.engine,
		door.Config{Limiter: n.limiter, TLS: o.secure, Share: door.Share(!f.shared()), Patience: f.HeartbeatTimeout, MaxStreams: f.MaxConnections,
			MemoryLimit: f.MemoryLimit << 20, OnRefused: events.Refused, Logger: n.log})
	answers := limit.NewAnswers(limit.AnswersConfig{})
	cfg := transport.Config{Compression: f.Compression, HeartbeatInterval: f.HeartbeatInterval, HeartbeatTimeout: f.HeartbeatTimeout,
		Door: s.door, Policy: &door.Policy{Limiter: n.limiter,
			Answers: answers}, MaxSubscriptions: f.MaxSubscriptions, OnRefused: trail.frame, Events: events}
	if a, ok := who.(*auth.Authenticator); ok {
		cfg.Credentials = a
	}
	face := httpapi.Config{
		Auth:      who,
		Tickets:   tickets,
		Origins:   n.origins,
		Hosts:     n.hosts,
		Secret:    n.secret,
		OnRefused: trail.request, OnAdminAction: trail.adminAction,
		Ready:  func(ctx context.Context) httpapi.Readiness { return store.readiness(ctx, s.feed.Peers) },
		Pages:  pages(),
		Logger: n.log,
		HSTS:   o.secure != nil && n.hosts == nil,
	}
	face.Answers, face.Patience = answers, f.HeartbeatTimeout
	if n.limiter != nil {
		face.Client, face.Limits = n.limiter.Client, n.limiter.Callers
	}
	s.ways = transport.New(s.chat, s.engine, cfg)
	meters.watch(o, s)
	s.api = httpapi.New(s.chat, s.ways, face)

	s.public = n.httpServer(s.api)
	admin := httpapi.AdminConfig{Metrics: meters.handler(), Token: n.adminToken, Logger: n.log, OnRefused: trail.request,
		Drain: func() { trail.did("drain", "", false, netip.Addr{}); drain() }}
	if host, _, _ := net.SplitHostPort(f.AdminListen); loopback(host) {
		admin.Hosts, admin.Secret = httpapi.LoopbackHost, n.secret
	}
	if s.push != nil {
		admin.Push = s.push
	}
	admin.Webhooks = s.hooks
	s.admin = n.httpServer(httpapi.Admin(s.api, admin))
	s.admin.ConnState = new(door.AdminConns).Count
	return s, nil
}

// start runs the parts in a group until work ends or one fails.
func (n *node) start(work context.Context, g *errgroup.Group, o *opened, s *server) {
	o.store.reopened(s.feed.Recheck)
	for _, run := range []func(context.Context) error{s.feed.Run, s.chat.Run, s.engine.Run, gcpace.Run} {
		g.Go(func() error { return run(work) })
	}
	if n.flags.shared() {
		g.Go(func() error {
			return logOutages(work, n.log, func(ctx context.Context) httpapi.Readiness { return o.store.readiness(ctx, s.feed.Peers) })
		})
	}
	if s.push != nil {
		g.Go(func() error { return s.push.Run(work) })
	}
	for _, h := range s.hooks {
		g.Go(func() error { return h.Run(work) })
	}
	if in := o.store.intake; in != nil {
		g.Go(func() error { return in.Run(work, ingest.New(o.store, s.chat, n.log, s.events)) })
	}
	if n.keys != nil {
		g.Go(func() error { return n.keys.Watch(work, s.ways.Recheck) })
	}
	g.Go(func() error { return s.door.Serve(s.public, s.api.OpensStream) })
	g.Go(func() error {
		if err := s.admin.Serve(o.admin); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// drain tells every client to reconnect, over a window that grows with their number,
// finishes what is in progress and stops listening last.
func (n *node) drain(s *server) {
	ctx, cancel := context.WithTimeout(context.Background(), n.flags.DrainTimeout*9/10)
	defer cancel()
	window := min(n.flags.DrainTimeout/2, time.Duration(s.engine.Len())*2*time.Millisecond)
	retry := transport.Spread(time.Second + window + 2*time.Second)
	s.ways.Drain(retry)
	s.engine.Drain(ctx, window, retry)
	s.ways.Finish(ctx)
	_ = s.public.Shutdown(ctx)
}

func (n *node) httpServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		HTTP2: &http.HTTP2Config{WriteByteTimeout: n.flags.HeartbeatTimeout}, // for all of its streams at once
		// OPTIONS * is answered like any unknown address
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)}
}

// listen opens the addresses. With dev's default address it also opens the same port of
// ::1, since localhost may mean either.
func (n *node) listen() (public []net.Listener, admin net.Listener, err error) {
	explain := func(flag, addr string, err error) error {
		if errors.Is(err, syscall.EADDRINUSE) {
			return refuse(fmt.Sprintf("another process listens on %s.", addr),
				fmt.Sprintf("Stop it, or choose another address: %s 127.0.0.1:0 picks a free one.", flag))
		}
		return refuse(fmt.Sprintf("can't listen on %s: %v.", addr, err),
			fmt.Sprintf("Give %s an address of this machine and a port that this user may open.", flag))
	}
	if public, err = door.Listen(n.flags.Listen); err != nil {
		return nil, nil, explain("--listen", n.flags.Listen, err)
	}
	if admin, err = net.Listen("tcp", n.flags.AdminListen); err != nil {
		return public, nil, explain("--admin-listen", n.flags.AdminListen, err)
	}
	if n.flags.Listen == "127.0.0.1:8080" {
		if also, err := door.Listen("[::1]:8080"); err == nil {
			public = append(public, also...)
		}
	}
	return public, admin, nil
}

// ready prints the line that scripts wait for, and hints for people.
func (n *node) ready(public, admin net.Addr, secure bool) {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	url := scheme + "://" + public.String()
	fmt.Fprintf(n.stdout, "parley ready http=%s admin=http://%s node=%s\n", url, admin, n.flags.Node)
	if n.hints != nil && n.flags.LogFormat != "json" { // in JSON format each line must be an object
		fmt.Fprint(n.hints, strings.NewReplacer("URL", url, "STORE", n.flags.storedIn()).Replace(hintText))
	}
}

const hintText = `
  chat page   URL/
  messages    kept in STORE

  read it     curl -N URL/api/stream/general
  send        curl -d '{"channel_id":"general","user":"alice","text":"hello"}' URL/api/messages
  catch up    curl 'URL/api/messages?channel_id=general&after=0'

`

// executable returns the path of this program, which is used to start it again.
func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return path, nil
}

// settings is a hash of the settings that must be the same on every node.
func (n *node) settings() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%+v\n%+v\n%d %v %d %v", n.spaces, n.limits, n.flags.HistoryMessages, n.flags.HistoryAge, n.flags.MaxSubscriptions,
		n.flags.PresenceTTL)
	return h.Sum64()
}
