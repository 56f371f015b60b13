// Package nats connects nodes through a NATS server or cluster: their announcements travel as core messages (Bus);
// which user is on which node (Presence) and the used tickets (Once) are in JetStream. It retries the connection,
// through the client library, and nothing else.
package nats
