// Package load generates traffic in which every message is tracked, and then checks what was sent,
// acknowledged, stored and received, and what was lost, repeated or out of order. It talks to a
// server only over the wire and never decides whether a server is fast.
package load
