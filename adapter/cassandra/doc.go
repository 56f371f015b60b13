// Package cassandra stores a system's log and the rest of its state in Apache Cassandra. Conditional batches assign ids
// (append.go); everything else is written by plain statements whose timestamps let the newest win in any order. It has no
// presence and no bus.
package cassandra
