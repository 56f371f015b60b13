// Package nats connects nodes by a NATS server or cluster: what they announce to each other travels as core messages
// (Bus), who is where (Presence) and which tickets were used (Once) lie in JetStream. It retries what a client library
// retries, the connection, and nothing else.
package nats
