package e2e_test

import (
	"context"
	"testing"

	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

func TestTransports(t *testing.T) {
	url := testenv.Server(t).URL
	c := parleytest.NewClient(url, "tess")
	for _, tr := range client.Transports() {
		t.Run(string(tr), func(t *testing.T) {
			parleytest.RunTransport(t, parleytest.TransportHarness{URL: url, Transport: tr,
				Dial: func(ctx context.Context, channel string, from client.Position) (client.Stream, error) {
					return c.Open(ctx, tr, channel, from)
				}})
		})
	}
}
