package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// open connects a client to a Redis that may be a store.
func open(ctx context.Context, cfg *Config) (rueidis.Client, error) {
	o, err := cfg.options()
	if err != nil {
		return nil, err
	}
	c, err := dial(ctx, o)
	if err != nil {
		return nil, err
	}
	for addr, node := range c.Nodes() {
		if err := check(ctx, node); err != nil {
			c.Close()
			return nil, fmt.Errorf("use the Redis at %s as a store: %w", addr, err)
		}
	}
	return c, nil
}

// minVersion is the first version that neither replicates nor persists scripts (epoch.go).
const minVersion = 7

// check refuses a server of an earlier version, and one that evicts keys when its memory is full: it would lose
// entries silently.
func check(ctx context.Context, node rueidis.Client) error {
	s, err := node.Do(ctx, node.B().Info().Section("everything").Build()).ToString()
	if err != nil {
		return fmt.Errorf("ask what it says of itself: %w", err)
	}
	info := parseInfo(s)
	major, _, _ := strings.Cut(info["redis_version"], ".")
	if n, err := strconv.Atoi(major); err != nil || n < minVersion {
		return fmt.Errorf("its version is %q: use Redis %d or later", info["redis_version"], minVersion)
	}
	if is, known := info["maxmemory_policy"]; known && is != "noeviction" {
		return fmt.Errorf("its maxmemory-policy is %s, which removes keys when memory is full: set it to noeviction", is)
	}
	return nil
}

func parseInfo(s string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(s) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}
