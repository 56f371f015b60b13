package relay

import (
	"fmt"
	"sync"
)

// Trouble is why a bus is not connected to its broker.
type Trouble struct {
	mu   sync.Mutex
	last error
}

// Set notes the result of trying to connect.
func (t *Trouble) Set(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = err
}

// Last returns what was set last.
func (t *Trouble) Last() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// NotConnected is the error of what needs the broker, which is at an address.
func (t *Trouble) NotConnected(broker, address string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last != nil {
		return fmt.Errorf("the bus is not connected to %s at %s and keeps trying: %w", broker, address, t.last)
	}
	return fmt.Errorf("the bus is not connected to %s at %s yet", broker, address)
}
