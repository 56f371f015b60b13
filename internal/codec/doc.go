// Package codec is the form in which the nodes of a system store and exchange messages and envelopes, in every store and
// on every bus. Forms for clients are in package wire.
package codec
