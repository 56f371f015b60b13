// Package kafka connects nodes through a Kafka topic (Bus), which other systems may read too, and reads records that
// other systems have put into a topic (Intake). It keeps no offsets: history belongs to the log.
package kafka
