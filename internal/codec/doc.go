// Package codec is the form in which nodes of one system keep and exchange messages and envelopes, in every store and on
// every bus. It is not a form for clients: package wire has those.
package codec
