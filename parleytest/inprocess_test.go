package parleytest_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/httpapi"
	"github.com/parley-server/parley/transport"
)

// serve runs the server of parley dev within the test, over a store in memory,
// and returns its URL.
func serve(t *testing.T) (url string) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	log := mem.NewStore(mem.StoreConfig{}).Open()
	f := feed.New(log, feed.Config{})
	c := chat.New(log, f, chat.Config{})
	tickets := auth.NewTickets(auth.TicketsConfig{Once: mem.NewOnce(nil)})
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httpapi.New(c, transport.New(c, e, transport.Config{}),
		httpapi.Config{Auth: httpapi.Development{Tickets: tickets}, Tickets: tickets,
			Origins: func(string) bool { return false }, Pages: http.NotFoundHandler(), Logger: quiet})
	srv := httptest.NewServer(api)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{f.Run, c.Run, e.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		srv.CloseClientConnections()
		e.Close()
		srv.Close()
		cancel()
		running.Wait()
	})
	return srv.URL
}
