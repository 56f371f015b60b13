// Package plan computes what a system of a given size needs, from measurements of this build.
package plan

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// Constants are the results of make bench, each for one core or one connection.
type Constants struct {
	Date    string `json:"date"`
	Machine string `json:"machine"`

	ConnectionBytes float64 `json:"connection_bytes"` // node memory for a WebSocket in two channels
	NodeBytes       float64 `json:"node_bytes"`       // memory of a node without connections
	KernelBytes     float64 `json:"kernel_bytes"`     // kernel memory for the node's end of a connection
	IdleCPU         float64 `json:"idle_cpu"`         // cores per idle connection
	ConnectCPU      float64 `json:"connect_cpu_us"`   // µs per handshake with two subscriptions
	DeliveryCPU     float64 `json:"delivery_cpu_us"`  // µs per delivery in rooms
	PublishCPU      float64 `json:"publish_cpu_us"`   // µs per message until it is acknowledged
	EnvelopeCPU     float64 `json:"envelope_cpu_us"`  // µs of a node per message from another node
	BusCPU          float64 `json:"bus_cpu_us"`       // µs of the broker per announcement to one node
	RedisAppends    float64 `json:"redis_appends"`    // messages per second that one Redis server stores
}

//go:embed constants.json
var measured []byte

// Measured returns the constants of this build.
func Measured() (c Constants) {
	if err := json.Unmarshal(measured, &c); err != nil {
		panic(err) // the file is embedded and checked by a test
	}
	return c
}

// Wants is what the system must handle, and the machines available to it.
type Wants struct {
	Users    float64 // connected at the same time
	Channels float64 // with readers
	Rate     float64 // messages per second, in all channels
	Size     float64 // bytes of a message
	Cores    float64 // of a machine that runs a node
	Memory   float64 // bytes of such a machine
	Files    float64 // file descriptors of a process
}

// Plan is what the system needs.
type Plan struct {
	Wants
	Members    float64 // connections in a channel, on average
	Deliveries float64 // per second
	Cores      float64 // of all nodes
	Parts      []Part  // of Cores
	Nodes      float64
	First      string  // the limit that a node reaches first
	NodeMemory float64 // bytes per node
	Envelopes  float64 // that the bus delivers to nodes, per second
	Digest     float64 // bytes per second into each node
	BusCores   float64
	Stores     float64 // Redis servers needed for the appends
	PerDay     float64 // bytes stored per day
}

// Part is a share of the CPU.
type Part struct {
	What  string
	Cores float64
}

// Load limits of a node: the rest is reserved for when another node dies, and for variation.
const (
	loadCPU    = 0.6
	loadMemory = 0.7
	spareFiles = 700
	reconnects = 0.1 // fraction of the connections
	reconnect  = 60  // s, in which they reconnect
	rowBytes   = 120 // overhead per message in the store
	digests    = 5   // per second
)

// Make computes a plan. The bus traffic depends on the number of nodes, and vice versa, so it iterates until the number stays the
// same.
func Make(c Constants, w Wants) Plan {
	p := Plan{Wants: w, Members: w.Users / w.Channels, Nodes: 1}
	p.Deliveries = w.Rate * p.Members
	for range 20 {
		if before := p.Nodes; p.size(c) == before {
			break
		}
	}
	p.NodeMemory = c.NodeBytes + w.Users/p.Nodes*(c.ConnectionBytes+c.KernelBytes)
	if p.Nodes > 1 {
		p.Digest = min(w.Rate/digests, w.Channels) * digests * 16
		p.BusCores = p.Envelopes * c.BusCPU * micro
		p.Stores = math.Ceil(w.Rate / (c.RedisAppends * loadCPU))
	}
	p.PerDay = w.Rate * 86400 * (w.Size + rowBytes)
	return p
}

const micro = 1e-6

// size returns the number of nodes needed for the traffic between the current number of nodes.
func (p *Plan) size(c Constants) (nodes float64) {
	w := p.Wants
	if p.Envelopes = 0; p.Nodes > 1 {
		// A channel's readers are spread over the nodes; this is how many nodes have at least one
		// of them.
		p.Envelopes = w.Rate * p.Nodes * (1 - math.Pow(1-1/p.Nodes, p.Members))
	}
	p.Parts = []Part{
		{"silent connections", w.Users * c.IdleCPU},
		{"deliveries", p.Deliveries * c.DeliveryCPU * micro},
		{"messages until they are acknowledged", w.Rate * c.PublishCPU * micro},
		{"messages of other nodes", p.Envelopes * c.EnvelopeCPU * micro},
		{"a tenth that reconnects within a minute", w.Users * reconnects / reconnect * c.ConnectCPU * micro},
	}
	p.Cores = 0
	for _, part := range p.Parts {
		p.Cores += part.Cores
	}
	limits := []struct {
		what  string
		nodes float64
	}{
		{"descriptors", w.Users / (w.Files - spareFiles)},
		{"memory", w.Users * (c.ConnectionBytes + c.KernelBytes) / (w.Memory*loadMemory - c.NodeBytes)},
		{"CPU", p.Cores / (w.Cores * loadCPU)},
	}
	p.Nodes, p.First = 1, "none: one node would do"
	for _, l := range limits {
		if n := math.Ceil(l.nodes); n > p.Nodes {
			p.Nodes, p.First = n, l.what
		}
	}
	if p.Nodes > 1 {
		p.Nodes++ // one may die
	}
	return p.Nodes
}

// String formats the plan for people.
func (p Plan) String() string {
	var b strings.Builder
	row := func(what, format string, a ...any) { fmt.Fprintf(&b, "  %-48s %s\n", what, fmt.Sprintf(format, a...)) }
	row("connections in a channel, on average", "%s", number(p.Members))
	row("deliveries", "%s/s", number(p.Deliveries))
	fmt.Fprintln(&b)
	for _, part := range p.Parts {
		row("cores for "+part.What, "%.2f", part.Cores)
	}
	row("cores of all nodes", "%.1f", p.Cores)
	fmt.Fprintln(&b)
	row("nodes", "%s with %g cores and %s each; CPU to %g%%, memory to %g%%", number(p.Nodes), p.Wants.Cores, bytes(p.Memory),
		loadCPU*100, loadMemory*100)
	row("limit that is reached first", "%s", p.First)
	row("connections of each", "%s", number(p.Users/p.Nodes))
	row("memory of each, with the kernel's", "%s", bytes(p.NodeMemory))
	if p.Nodes > 1 {
		fmt.Fprintln(&b)
		row("bus: messages that it brings to nodes", "%s/s, about %.1f cores of Redis", number(p.Envelopes), p.BusCores)
		row("bus: digest of heads into each node", "%s/s", bytes(p.Digest))
		if p.Stores > 1 {
			row("store", "%s Redis primaries of a Cluster, or Cassandra", number(p.Stores))
		} else {
			row("store", "one Redis with a replica")
		}
	} else {
		fmt.Fprintln(&b)
		row("store", "the embedded one")
	}
	row("store: bytes that are added", "%s a day, before retention and copies", bytes(p.PerDay))
	return b.String()
}

func number(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func bytes(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
}
