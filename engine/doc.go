// Package engine holds connections that have left net/http: it waits for their bytes, writes
// what their peers output, and calls each peer at times on a timing wheel. It knows sockets,
// and nothing of what they carry.
//
// On Linux a plain TCP connection is parked: its descriptor waits in an epoll set, and it costs
// neither a goroutine nor a buffer nor a timer. Everything else (TLS, HTTP/2 streams, other
// systems) has a goroutine; peers cannot tell the difference.
package engine
