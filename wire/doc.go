// Package wire converts the domain's objects to bytes and back: JSON, server-sent events and
// WebSocket frames, cursors and timestamps, HTTP responses and problems. It does no I/O and keeps
// no state except what a parser needs between two pieces of a frame.
package wire
