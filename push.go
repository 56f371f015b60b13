package parley

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Platform is a service that delivers notifications to devices.
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
	Failed       Timestamp // the last refused attempt; 0: none since the last success
}

// Subscription is what a browser's push manager returns (RFC 8030, RFC 8291).
type Subscription struct {
	Endpoint string // an http or https URL
	P256DH   []byte // the browser's public key, 65 bytes
	Auth     []byte // its secret, 16 bytes
}

// Notification is what a device shows, or, with an empty Title and Body, only a new badge.
type Notification struct {
	User     UserID
	Channel  ChannelID
	ID       int64 // the newest message that it covers
	Title    string
	Body     string
	Badge    int64         // the user's unread messages in all channels
	Count    int64         // how many unread messages it covers
	Collapse string        // a later notification of the same name replaces it; 1–32 characters of base64url
	TTL      time.Duration // how long the service may keep it for a device that is offline
}

// BadgeOnly reports whether the notification only sets the badge.
func (n *Notification) BadgeOnly() bool { return n.Title == "" && n.Body == "" }

// Notifier sends notifications to the devices of one platform and app. It tries once, and neither logs nor counts. All
// methods may be called concurrently.
type Notifier interface {
	// Notify returns when the service has accepted the notification. A Body that exceeds the service's size limit is cut
	// between graphemes and ends with "…". ErrGone: the device will never accept one; *RetryError: a later attempt may
	// succeed. ErrCredentials: the service refuses the server's own credentials, so no device is at fault; a later
	// attempt may succeed. Any other error: this notification will never be accepted. No error contains a token, a
	// subscription or a key.
	Notify(ctx context.Context, d Device, n Notification) error
}

// Errors of a Notifier.
var (
	ErrGone        = errors.New("the device no longer accepts notifications")
	ErrCredentials = errors.New("the push service refused the server's credentials")
)

// RetryError says that a later attempt may succeed.
type RetryError struct {
	After time.Duration // the delay that the service requested; 0: none
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
