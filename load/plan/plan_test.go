package plan

import (
	"strings"
	"testing"
)

func sample() Constants {
	return Constants{ConnectionBytes: 1000, NodeBytes: 50 << 20, KernelBytes: 4000, IdleCPU: 1e-6, ConnectCPU: 200, DeliveryCPU: 10,
		PublishCPU: 30, EnvelopeCPU: 0, BusCPU: 10, RedisAppends: 10_000}
}

func TestFirstLimitReachedDecides(t *testing.T) {
	small := Wants{Users: 1000, Channels: 100, Rate: 10, Size: 200, Cores: 2, Memory: 4 << 30, Files: 20_000}
	for name, c := range map[string]struct {
		change func(*Wants)
		first  string
		nodes  float64
	}{
		"one node":    {func(*Wants) {}, "none: one node would do", 1},
		"descriptors": {func(w *Wants) { w.Users, w.Channels = 193_000, 193_000 }, "descriptors", 10 + 1},
		"memory":      {func(w *Wants) { w.Users, w.Channels, w.Files, w.Memory = 1e6, 1e6, 1e7, 1<<30 }, "memory", 8 + 1},
		"CPU":         {func(w *Wants) { w.Rate = 100_000 }, "CPU", 11 + 1}, // 1,000,000 deliveries/s take 10 cores, messages 3
	} {
		w := small
		c.change(&w)
		if p := Make(sample(), w); p.First != c.first || p.Nodes != c.nodes {
			t.Errorf("%s: %s first, %g nodes; want %s, %g\n%s", name, p.First, p.Nodes, c.first, c.nodes, p)
		}
	}
}

func TestBusSendsMessagesOnlyToNodesWithReaders(t *testing.T) {
	w := Wants{Users: 190_000, Channels: 190_000, Rate: 1000, Size: 200, Cores: 64, Memory: 64 << 30, Files: 20_000}
	if p := Make(sample(), w); p.Envelopes < 999 || p.Envelopes > 1001 {
		t.Errorf("channels with one reader: %g envelopes a second", p.Envelopes)
	}
	w.Channels = 1
	if p := Make(sample(), w); p.Envelopes < 1000*p.Nodes-1 || p.Envelopes > 1000*p.Nodes {
		t.Errorf("a channel of all: %g envelopes a second, %g nodes", p.Envelopes, p.Nodes)
	}
}

func TestTrafficBetweenNodesIsCounted(t *testing.T) {
	w := Wants{Users: 1e6, Channels: 1e5, Rate: 20_000, Size: 200, Cores: 4, Memory: 64 << 30, Files: 2e6}
	c := sample()
	alone := Make(c, w)
	c.EnvelopeCPU = 50
	p := Make(c, w)
	if told := p.Envelopes * 50e-6; p.Nodes <= alone.Nodes || p.Cores < alone.Cores+told*0.8 {
		t.Errorf("%g nodes and %g cores, %g and %g if they told each other nothing", p.Nodes, p.Cores, alone.Nodes, alone.Cores)
	}
	if n := p.Nodes; p.size(c) != n {
		t.Errorf("%g nodes need %g", n, p.Nodes)
	}
}

func TestConstantsOfThisBuildAreComplete(t *testing.T) {
	c := Measured()
	for _, v := range []float64{c.ConnectionBytes, c.NodeBytes, c.KernelBytes, c.IdleCPU, c.ConnectCPU, c.DeliveryCPU, c.PublishCPU,
		c.EnvelopeCPU, c.BusCPU,
		c.RedisAppends} {
		if v <= 0 {
			t.Errorf("a constant is %g: %+v", v, c)
		}
	}
	p := Make(c, Wants{Users: 1e6, Channels: 1e5, Rate: 1000, Size: 200, Cores: 4, Memory: 16 << 30, Files: 1_000_000})
	if s := p.String(); !strings.Contains(s, "10,000/s") || !strings.Contains(s, "limit that is reached first") {
		t.Error(s)
	}
}
