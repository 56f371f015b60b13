// Package cassandra keeps a system's log and all that is kept beside it in Apache Cassandra. Ids are assigned by conditional
// batches (append.go); everything else is written by plain statements whose timestamps let the newest win in any order. It has
// no presence and no bus.
package cassandra
