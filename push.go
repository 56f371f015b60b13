package parley

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Platform is a service that brings notifications to devices.
type Platform string

// The platforms.
const (
	PlatformAPNs    Platform = "apns"
	PlatformFCM     Platform = "fcm"
	PlatformWebPush Platform = "webpush"
)

// Device is where a user receives push notifications.
type Device struct {
	User         UserID
	ID           string // the client's own name for it
	Platform     Platform
	App          string        // which of the operator's apps; "default"
	Token        string        // APNs, FCM: at most 4 KiB. Never shown, logged or counted
	Subscription *Subscription // Web Push. Never shown, logged or counted
	Created      Timestamp
	Failed       Timestamp // the last refused try; 0: none since one that succeeded
}

// Subscription is what a browser's push manager returns (RFC 8030, RFC 8291).
type Subscription struct {
	Endpoint string // an http or https URL
	P256DH   []byte // the browser's public key, 65 bytes
	Auth     []byte // its secret, 16 bytes
}

// Notification is what a device shows, or with an empty Title and Body only a new badge.
type Notification struct {
	User     UserID
	Channel  ChannelID
	ID       int64 // the newest message that it covers
	Title    string
	Body     string
	Badge    int64         // all that the user has not read, in all channels
	Count    int64         // how many unread messages it covers
	Collapse string        // a later notification of the same name replaces it; 1–32 characters of base64url
	TTL      time.Duration // how long the service may keep it for a device that cannot be reached
}

// BadgeOnly reports whether the notification shows nothing but a badge.
func (n *Notification) BadgeOnly() bool { return n.Title == "" && n.Body == "" }

// Notifier sends notifications to the devices of one platform and app. It tries once, and neither logs nor counts. All
// methods may be called at the same time.
type Notifier interface {
	// Notify returns when the service has accepted the notification. What does not fit into the service's limit of bytes
	// is cut from Body, between graphemes, with "…". ErrGone: the device will never accept one; *RetryError: a later
	// try may succeed. ErrCredentials: the service refuses the server's own credentials, so no device is at fault; a
	// later try may succeed. Any other error: this notification will never be accepted. No error names a token, a
	// subscription or a key.
	Notify(ctx context.Context, d Device, n Notification) error
}

// Errors of a Notifier.
var (
	ErrGone        = errors.New("the device no longer accepts notifications")
	ErrCredentials = errors.New("the push service refused the server's credentials")
)

// RetryError says that a later try may succeed.
type RetryError struct {
	After time.Duration // the service asked to wait so long; 0: it did not say
	Err   error
}

// Error implements error.
func (e *RetryError) Error() string {
	if e.After > 0 {
		return fmt.Sprintf("%v; retry after %v", e.Err, e.After)
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }
