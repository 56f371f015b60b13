// Package bench measures a parley server from outside: it opens connections from as
// many processes as their descriptors ask for, sends at times that were fixed before
// (so that a slow server is not asked less), and counts whether each delivery came,
// once and in order. It never decides what a good number is.
//
//	coordinator ── publishers ──────────────▶ server ◀──┐ /proc: CPU, memory
//	     │                                      │       │
//	     └─ net/rpc over stdin and stdout ─▶ worker processes: a Swarm of readers each
//	     └─ frames over stdin ─────────────▶ bare loop of write(2), for comparison
package bench
