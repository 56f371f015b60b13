package redis

import (
	"context"
	"fmt"
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
		if err := checkPolicy(ctx, node); err != nil {
			c.Close()
			return nil, fmt.Errorf("use the Redis at %s as a store: %w", addr, err)
		}
	}
	return c, nil
}

// checkPolicy refuses a server that removes keys when its memory is full: it would lose entries in silence.
func checkPolicy(ctx context.Context, node rueidis.Client) error {
	info, err := infoOf(ctx, node, "memory")
	if err != nil {
		return err
	}
	if is, known := info["maxmemory_policy"]; known && is != "noeviction" {
		return fmt.Errorf("its maxmemory-policy is %s, which removes keys when memory is full: set it to noeviction", is)
	}
	return nil
}

// infoOf is a section of what a server says of itself.
func infoOf(ctx context.Context, node rueidis.Client, section string) (map[string]string, error) {
	s, err := node.Do(ctx, node.B().Info().Section(section).Build()).ToString()
	if err != nil {
		return nil, fmt.Errorf("ask what it says of itself: %w", err)
	}
	return parseInfo(s), nil
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
