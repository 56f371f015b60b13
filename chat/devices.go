package chat

import (
	"context"
	"fmt"
	"net/url"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// PushConfig says which push services are configured. The zero value: none.
type PushConfig struct {
	// Has reports whether a push service is configured for a platform and an app. nil: none is.
	Has func(platform parley.Platform, app string) bool
	// PublicKey returns the key with which browsers subscribe (RFC 8292), base64url. nil: Web Push is not configured.
	PublicKey func(ctx context.Context) (string, error)
}

const (
	maxDevices = 20      // of a user
	maxToken   = 4 << 10 // bytes of a token, or of an endpoint
	defaultApp = "default"
)

// settings that the platforms of the default app need.
var platformSettings = map[parley.Platform]string{
	parley.PlatformAPNs:    "--push-apns-key-file, --push-apns-key-id, --push-apns-team-id and --push-apns-topic",
	parley.PlatformFCM:     "--push-fcm-credentials-file",
	parley.PlatformWebPush: "--push-webpush-subject",
}

// PutDevice adds or replaces a device of the caller, which then receives pushes. A token that belonged to another device,
// of any user, moves to this one.
func (s *Service) PutDevice(ctx context.Context, c access.Caller, d parley.Device) error {
	if err := ownsDevices(c); err != nil {
		return err
	}
	if err := s.allowSend(c, ""); err != nil {
		return err
	}
	if d.App == "" {
		d.App = defaultApp
	}
	if err := checkDevice(&d); err != nil {
		return err
	}
	if s.push.Has == nil || !s.push.Has(d.Platform, d.App) {
		e := &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf("%s is not configured for the app %q", d.Platform, d.App),
			Hint: fmt.Sprintf("the operator must add push: {apps: {%s: {%s: {…}}}} to the configuration", d.App, d.Platform)}
		if d.App == defaultApp {
			e.Detail = fmt.Sprintf("%s is not configured", d.Platform)
			e.Hint = "the operator must add " + platformSettings[d.Platform]
		}
		return e
	}
	d.User, d.Failed = c.User, 0
	d.Created = parley.Timestamp(s.clock().UnixMicro())
	ctx, cancel := detached(ctx) // a half stored device would receive no pushes
	defer cancel()
	return s.devices.put(ctx, d)
}

// DeleteDevice removes a device of the caller, if one of that name exists, and so ends its
// pushes.
func (s *Service) DeleteDevice(ctx context.Context, c access.Caller, id string) error {
	if err := ownsDevices(c); err != nil {
		return err
	}
	if err := s.allowSend(c, ""); err != nil {
		return err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	return s.devices.remove(ctx, c.User, id, nil)
}

// OwnDevices lists the caller's devices in the order of their names.
func (s *Service) OwnDevices(ctx context.Context, c access.Caller) ([]parley.Device, error) {
	if err := ownsDevices(c); err != nil {
		return nil, err
	}
	if err := s.Ask(c, 1); err != nil {
		return nil, err
	}
	return s.devices.of(ctx, c.User)
}

// PushKey returns the public key with which browsers subscribe.
func (s *Service) PushKey(ctx context.Context, c access.Caller) (string, error) {
	if err := s.Ask(c, 1); err != nil {
		return "", err
	}
	if s.push.PublicKey == nil {
		return "", &parley.Error{Code: parley.CodeNotFound, Detail: "Web Push is not configured",
			Hint: "the operator must add " + platformSettings[parley.PlatformWebPush]}
	}
	return s.push.PublicKey(ctx)
}

// Devices lists a user's devices, in the order of their names.
func (s *Service) Devices(ctx context.Context, user parley.UserID) ([]parley.Device, error) {
	return s.devices.of(ctx, user)
}

// RemoveDevice removes a device that will never accept a push again, unless its user has registered another token since it
// was listed.
func (s *Service) RemoveDevice(ctx context.Context, d parley.Device) error {
	return s.devices.remove(ctx, d.User, d.ID, &d)
}

// MarkFailed records when a push to a device was refused, 0 after one that succeeded, unless its user has registered
// another token since it was listed.
func (s *Service) MarkFailed(ctx context.Context, d parley.Device, at parley.Timestamp) error {
	return s.devices.failed(ctx, d, at)
}

func ownsDevices(c access.Caller) error {
	if c.Named() {
		return nil
	}
	return &parley.Error{Code: parley.CodeForbidden, Detail: "a guest has no devices",
		Hint: "say who you are, with a token or, in development, ?user="}
}

// checkDevice returns what is wrong with a device from a client.
func checkDevice(d *parley.Device) error {
	bad := func(hint, format string, args ...any) error {
		return &parley.Error{Code: parley.CodeBadRequest, Detail: fmt.Sprintf(format, args...), Hint: hint}
	}
	if _, known := platformSettings[d.Platform]; !known {
		return bad("apns, fcm or webpush", "there is no platform %.40q", string(d.Platform))
	}
	if _, err := parley.ParseDeviceID(d.App); err != nil {
		return bad("use the name of an app of the server's configuration, or leave it out", "the app %.40q is not a name", d.App)
	}
	if d.Platform != parley.PlatformWebPush {
		switch {
		case d.Subscription != nil:
			return bad("send the token that the platform gave the app", "a device of %s has a token, and no subscription", d.Platform)
		case d.Token == "":
			return bad("send the token that the platform gave the app", "token is missing")
		case len(d.Token) > maxToken:
			return bad("send the token as the platform gave it", "token has more than %d bytes", maxToken)
		}
		for i := range len(d.Token) {
			if c := d.Token[i]; c <= ' ' || c > '~' {
				return bad("send the token as the platform gave it", "token has a character that tokens never have")
			}
		}
		return nil
	}
	sub := d.Subscription
	if d.Token != "" || sub == nil {
		return bad("send what PushSubscription.toJSON() returns", "a device of webpush has a subscription, and no token")
	}
	at, err := url.Parse(sub.Endpoint)
	if err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Hostname() == "" || at.User != nil || len(sub.Endpoint) > maxToken {
		return bad("send what PushSubscription.toJSON() returns", "subscription.endpoint is not an http or https URL of at most %d bytes",
			maxToken)
	}
	if len(sub.P256DH) != 65 {
		return bad("send what PushSubscription.toJSON() returns", "subscription.keys.p256dh is not base64url of 65 bytes")
	}
	if len(sub.Auth) != 16 {
		return bad("send what PushSubscription.toJSON() returns", "subscription.keys.auth is not base64url of 16 bytes")
	}
	return nil
}
