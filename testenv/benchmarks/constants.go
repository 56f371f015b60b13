package main

import (
	"encoding/json"
	"os"
	"time"
)

// constants are the inputs of `parley plan`, and where each is measured. One that was not measured keeps its value.
var constants = []struct {
	name, run, key string
	times          float64
}{
	{"connection_bytes", "million-50000", "memory_each", 1},
	{"kernel_bytes", "million-50000", "memory_kernel", (1 << 30) / 50_000. / 2},
	{"connect_cpu_us", "million-50000", "open_cpu", 1},
	{"node_bytes", "idle", "empty_rss", 1 << 20},
	{"idle_cpu", "idle", "idle_cpu", 1 / 15_000.},
	{"delivery_cpu_us", "rooms", "server_cpu_per_delivery", 1},
	{"publish_cpu_us", "publish", "server_cpu_per_message", 1},
	{"redis_appends", "publish-redis", "acked_per_s", 1},
}

// writeConstants writes the measured values into the file of package plan.
func writeConstants(file string, reports map[string]*report) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	all := map[string]any{}
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	for _, c := range constants {
		r := reports[c.run]
		if r == nil || !r.OK {
			continue
		}
		if v, ok := r.value(c.key); ok {
			all[c.name] = v * c.times
			all["date"], all["machine"] = r.Date.UTC().Format(time.DateOnly), r.Machine
		}
	}
	out, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(out, '\n'), 0o644)
}
