// Package rawio reads and writes nonblocking sockets without announcing the system calls to Go's scheduler. An announced
// call wakes the scheduler's monitor thread if the process was idle, which then sleeps and wakes several times: for a
// process that handles a message now and then, that is a fifth of its CPU time. None of these calls blocks.
package rawio
