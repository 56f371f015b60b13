// Package kafka connects nodes by a topic of Kafka (Bus), which other systems may read too, and takes records that other
// systems have put into a topic (Intake). It keeps no offsets: history belongs to the log.
package kafka
