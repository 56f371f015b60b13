package bench

import (
	"errors"
	"fmt"
	"time"
)

// perNode is how many connections a node gets when one of the nodes has died. It is below the limit on
// descriptors.
func perNode() int { return max(1, min(19_300, descriptors()-700)) }

// startNodes starts the nodes of one system, all with the same flags, which must name their store and bus.
func (r *run) startNodes() (*Server, error) {
	if len(r.Flags) == 0 {
		return nil, errors.New("nodes share a store and a bus: name them with --with=--store=redis://…,--bus=…,--cluster-secret-file=…")
	}
	if need := int64(r.Connections) * connectionCosts; memory() < need {
		return nil, fmt.Errorf("%d connections need %d GiB of memory, this machine has %d: use fewer (-n)", r.Connections, need>>30, memory()>>30)
	}
	n := max(r.Nodes, 3, 1+(r.Connections+perNode()-1)/perNode())
	all := &Server{}
	for i := range n {
		r.Progress(fmt.Sprintf("starting node %d of %d", i+1, n))
		node, err := StartServer(r.ctx, r.Binary, r.TempDir, r.Flags...)
		if err != nil {
			all.Stop()
			return nil, err
		}
		all.nodes = append(all.nodes, node)
		all.URLs, all.PIDs = append(all.URLs, node.URLs...), append(all.PIDs, node.PIDs...)
	}
	return all, nil
}

// connectionCosts is an upper bound on the memory that one connection takes on this machine: both ends, the
// nodes and the bus. A million needs 20 GiB.
const connectionCosts = 20 << 30 / 1_000_000

// million opens connections to many nodes, each in a room of ten whose members are on ten nodes, and in one
// channel that all follow. It sends messages to rooms, then to all; then a tenth of the clients drop at once
// and resume; then a node is killed.
func (r *run) million() error {
	before, empty := usedNow(), rss(r.server)
	args := r.args()
	args.Common, args.Readers = true, r.Connections
	rooms := args.Channels
	f, err := StartFleet(r.ctx, r.Binary, args, r.Connections, 0)
	if err != nil {
		return err
	}
	defer f.Stop()
	cpu0 := cpu(r.server)
	opened, err := r.opens(f)
	if err != nil {
		return err
	}
	r.report.add("nodes", "nodes", float64(len(r.server.URLs)), "")
	r.report.add("opened", "connections open at once", float64(r.Connections), "")
	r.report.add("open_time", "until all were open and followed both channels", opened.Took.Seconds(), "s")
	r.report.add("open_cpu", "server CPU per connection", float64((cpu(r.server)-cpu0).Microseconds())/float64(r.Connections), "µs")
	r.report.latency("open", "from dialing until both channels are followed", opened.Latency)
	if err := r.sleep(r.Settle); err != nil {
		return err
	}
	r.remember(before, empty)

	ps, err := openPublishers(r.ctx, r.server.URLs[:min(4, len(r.server.URLs)-1)], orOne(r.Publishers, 4))
	if err != nil {
		return err
	}
	defer closePublishers(ps)
	send := r.publishing(ps)
	inRooms := r.plan()
	toAll := inRooms
	toAll.First, toAll.Channel, toAll.Rate = rooms, 1, (commonSends-0.1)/toAll.For.Seconds()
	for _, step := range []struct {
		key, name string
		plan      Plan
	}{{"rooms", "from sending to delivery in rooms", inRooms}, {"all", "from sending to delivery in the channel of all", toAll}} {
		o, err := r.measure(r.server, []*Fleet{f}, step.plan, send)
		if err != nil {
			return err
		}
		r.report.latency(step.key, step.name, o.latency)
		r.report.add(step.key+"_cpu", "server CPU per delivery", o.perDelivery(), "µs")
		r.report.add(step.key+"_deliveries", "deliveries", float64(o.deliveries), "")
	}
	losses := []struct {
		key, name string
		lose      func() (clients int, err error)
	}{
		{"dropped", "a tenth that dropped at once", func() (int, error) { return (r.Connections + 9) / 10, f.Drop(10) }},
		{"killed", "the clients of a node that was killed", func() (int, error) { return r.killNode(f) }},
	}
	for _, l := range losses {
		if err := r.lose(f, inRooms, send, l.key, l.name, l.lose); err != nil {
			return err
		}
	}
	seen, err := f.Count()
	if err != nil {
		return err
	}
	if seen.Live != int64(r.Connections) {
		r.report.problem("%d of %d connections are open at the end", seen.Live, r.Connections)
	}
	return nil
}

// commonSends is how many messages are sent to the channel that all follow.
const commonSends = 3

// opens connects all readers and reports progress.
func (r *run) opens(f *Fleet) (Opened, error) {
	stop := r.count([]*Fleet{f}, func(t Tally) {
		r.Progress(fmt.Sprintf("%s of %s connections are open", Number(float64(t.Live)), Number(float64(r.Connections))))
	})
	defer stop()
	return f.Open(false, r.Dials, 0)
}

// lose ends connections while messages to rooms continue and lets the clients resume.
func (r *run) lose(f *Fleet, plan Plan, send feed, key, name string, lose func() (int, error)) error {
	var clients int
	var took time.Duration
	o, err := r.measure(r.server, []*Fleet{f}, plan, func(p Plan) (heads []int64, s *Sending, err error) {
		sent := make(chan struct{})
		go func() { defer close(sent); heads, s, err = send(p) }()
		if e := r.sleep(time.Second); e != nil {
			return nil, nil, e
		}
		begin := time.Now()
		n, e := lose()
		if e == nil {
			r.Progress(fmt.Sprintf("%s: %d reconnect", name, n))
			_, e = f.Open(true, r.Dials, 0)
		}
		if clients = n; e == nil {
			_, e = f.CatchUp(patience)
		}
		took = time.Since(begin)
		<-sent
		return heads, s, errors.Join(e, err)
	})
	if err != nil {
		return err
	}
	r.report.add(key, name, float64(clients), "")
	r.report.add(key+"_resumed", "until all of them had resumed and had what they missed", took.Seconds(), "s")
	r.report.latency(key, "from sending to delivery in rooms meanwhile", o.latency)
	return nil
}

// killNode kills the last node and waits until its clients have noticed.
func (r *run) killNode(f *Fleet) (clients int, err error) {
	last := len(r.server.nodes) - 1
	node := r.server.nodes[last]
	r.server.nodes, r.server.PIDs = r.server.nodes[:last], r.server.PIDs[:last]
	if err := f.Expect(node.URLs[0]); err != nil {
		return 0, err
	}
	node.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := r.sleep(20 * time.Millisecond); err != nil {
			return 0, err
		}
		s, err := f.Count()
		if err != nil {
			return 0, err
		}
		if n := int(s.Left); n == clients && n > 0 { // no more than 20 ms ago
			return n, nil
		}
		clients = int(s.Left)
	}
	return clients, errors.New("the clients of a node that was killed did not notice")
}

// used is the memory in use on the machine, and the kernel's part of it.
type used struct{ all, kernel int64 }

func usedNow() used { return used{memoryUsed(), kernelMemory()} }

// remember reports the memory that the connections take.
func (r *run) remember(before used, empty int64) {
	gib := func(n int64) float64 { return float64(n) / (1 << 30) }
	now, nodes := usedNow(), rss(r.server)
	all, kernel := now.all-before.all, now.kernel-before.kernel
	r.report.add("memory", "memory that connecting took of the machine, all included", gib(all), "GiB")
	r.report.add("memory_nodes", "memory of the nodes", gib(nodes), "GiB")
	r.report.add("memory_kernel", "memory of the kernel, for both ends", gib(kernel), "GiB")
	r.report.add("memory_rest", "memory of the clients, the bus and the store", gib(all+empty-nodes-kernel), "GiB")
	r.report.add("memory_each", "nodes' memory per connection", float64(nodes-empty)/float64(r.Connections), "bytes")
}
