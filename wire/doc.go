// Package wire turns the domain's objects into bytes and back: JSON, server-sent
// events and WebSocket frames, cursors and timestamps, HTTP answers and problems.
// It does no I/O and keeps no state but what a parser needs between two pieces of one frame.
package wire
