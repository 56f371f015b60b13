// Package bench measures a parley server from outside: it opens connections from as many processes
// as the limit on descriptors requires, sends at times fixed in advance (so that a slow server does
// not get less to do), and checks that each delivery arrives once and in order. It never decides
// what a good number is.
//
//	coordinator ── publishers ──────────────▶ server ◀──┐ /proc: CPU, memory
//	     │                                      │       │
//	     └─ net/rpc over stdin and stdout ─▶ worker processes: a Swarm of readers each
//	     └─ frames over stdin ─────────────▶ bare loop of write(2), for comparison
package bench
