package embedded

import "context"

// Retain does at once what Run does every TrimEvery.
func (l *Log) Retain(ctx context.Context) error { return l.retain(ctx) }
