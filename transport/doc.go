// Package transport serves the requests that wait: a held poll waits for the next message, an
// event stream and a WebSocket for every message. It turns requests into sessions and frames
// into use cases, and stores nothing.
package transport
