package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/apns"
	"github.com/parley-server/parley/adapter/fcm"
	hook "github.com/parley-server/parley/adapter/webhook"
	"github.com/parley-server/parley/adapter/webpush"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/push"
	"github.com/parley-server/parley/webhook"
)

// pushFlags are the settings of push notifications.
type pushFlags struct {
	APNsKeyFile           string        `name:"apns-key-file" placeholder:"FILE" help:"${help_push_apns_key_file}"`
	APNsKeyID             string        `name:"apns-key-id" placeholder:"ID" help:"ID of that key, ten characters."`
	APNsTeamID            string        `name:"apns-team-id" placeholder:"ID" help:"ID of the Apple developer team, ten characters."`
	APNsTopic             string        `name:"apns-topic" placeholder:"ID" help:"Bundle ID of the app."`
	APNsURL               string        `name:"apns-url" placeholder:"URL" help:"${help_push_apns_url}"`
	FCMCredentialsFile    string        `name:"fcm-credentials-file" placeholder:"FILE" help:"${help_push_fcm_credentials_file}"`
	FCMURL                string        `name:"fcm-url" placeholder:"URL" help:"Base URL of FCM, for tests."`
	WebPushSubject        string        `name:"webpush-subject" placeholder:"URL" help:"${help_push_webpush_subject}"`
	Webhook               string        `placeholder:"URL" help:"${help_push_webhook}"`
	WebhookSecretFile     string        `placeholder:"FILE" help:"File with the secret that signs it (whsec_…)."`
	Delay                 time.Duration `default:"2s" placeholder:"TIME" help:"${help_push_delay}"`
	Window                time.Duration `default:"10s" placeholder:"TIME" help:"${help_push_window}"`
	AllowPrivateAddresses bool          `help:"${help_push_allow_private_addresses}"`
}

// pushKey and webhooksKey are keys of the configuration that are not flags, as is namespaces.
const (
	pushKey     = "push"
	webhooksKey = "webhooks"
)

// pushFile is the configuration of apps beyond the default one:
//
//	push:
//	  apps:
//	    customer:
//	      apns: {key-file: F, key-id: K, team-id: T, topic: com.example.customer}
//	      fcm: {credentials-file: F}
type pushFile struct {
	Apps map[string]struct {
		APNs *struct {
			KeyFile string `yaml:"key-file"`
			KeyID   string `yaml:"key-id"`
			TeamID  string `yaml:"team-id"`
			Topic   string
			URL     string
		} `yaml:"apns"`
		FCM *struct {
			CredentialsFile string `yaml:"credentials-file"`
			URL             string
		} `yaml:"fcm"`
	}
}

// webhookFile is a webhook in the configuration:
//
//	webhooks:
//	  crm:
//	    channels: ["room:*"]
//	    url: https://crm.example.com/parley
//	    secret-file: /etc/parley/crm.secret
//	    after: head        # or 0: from the first message that is kept
type webhookFile struct {
	Channels   []string
	URL        string
	SecretFile string `yaml:"secret-file"`
	After      any
}

// pushing is the configuration of push and webhooks.
type pushing struct {
	flags     *pushFlags
	notifiers map[push.Target]parley.Notifier // without Web Push, whose keys are in the store
	hooks     []webhook.Config
}

// any reports whether any work is done on entries.
func (p *pushing) any() bool {
	return p.pushes() || len(p.hooks) > 0
}

func (p *pushing) pushes() bool { return len(p.notifiers) > 0 || p.flags.WebPushSubject != "" }

// section reads a key of the configuration; with a nil file it does nothing.
func (f *configFile) section(key, form string, into any) error {
	if f == nil || f.values[key] == nil {
		return nil
	}
	b, err := yaml.Marshal(f.values[key])
	if err == nil {
		err = yaml.UnmarshalWithOptions(b, into, yaml.Strict())
	}
	if err != nil {
		return refuse(fmt.Sprintf("the configuration %s: %s is not %s:\n%s", f.path, key, form, yaml.FormatError(err, false, true)))
	}
	return nil
}

// open checks the settings and reads the files that they name. It does not connect to anything.
func (p *pushFlags) open(file *configFile) (*pushing, error) {
	all := &pushing{flags: p, notifiers: map[push.Target]parley.Notifier{}}
	var faults []error
	add := func(platform parley.Platform, app string, n parley.Notifier, err error) {
		if err != nil {
			faults = append(faults, refuse(fmt.Sprintf("push for the app %q: %v.", app, err), "docs/push.md says what each service needs."))
			return
		}
		all.notifiers[push.Target{Platform: platform, App: app}] = n
	}
	if p.APNsKeyFile != "" || p.APNsKeyID != "" || p.APNsTeamID != "" || p.APNsTopic != "" {
		n, err := apns.New(apns.Config{KeyFile: p.APNsKeyFile, KeyID: p.APNsKeyID, TeamID: p.APNsTeamID, Topic: p.APNsTopic, URL: p.APNsURL})
		add(parley.PlatformAPNs, push.DefaultApp, n, err)
	}
	if p.FCMCredentialsFile != "" {
		n, err := fcm.New(fcm.Config{CredentialsFile: p.FCMCredentialsFile, URL: p.FCMURL})
		add(parley.PlatformFCM, push.DefaultApp, n, err)
	}
	if p.WebPushSubject != "" {
		keys, err := webpush.NewKeys() // to check the subject; the keys are those of the store
		if err == nil {
			_, err = webpush.New(webpush.Config{Keys: keys, Subject: p.WebPushSubject})
		}
		if err != nil {
			faults = append(faults, refuse(fmt.Sprintf("--push-webpush-subject: %v.", err), "Try --push-webpush-subject mailto:you@example.com"))
		}
	}
	if p.Webhook != "" || p.WebhookSecretFile != "" {
		n, err := p.notifier()
		if err != nil {
			faults = append(faults, err)
		} else {
			all.notifiers[push.Webhook] = n
		}
	}
	if p.Delay < 0 || p.Window < 0 {
		faults = append(faults, refuse("--push-delay and --push-window must not be negative."))
	}
	var apps pushFile
	if err := file.section(pushKey, "apps: with one entry per app", &apps); err != nil {
		faults = append(faults, err)
	}
	for _, app := range slices.Sorted(maps.Keys(apps.Apps)) {
		if _, err := parley.ParseUser(app); err != nil {
			faults = append(faults, refuse(fmt.Sprintf("push: %q cannot be the name of an app.", app), "Use letters, digits, and . _ - :"))
		}
		if a := apps.Apps[app].APNs; a != nil {
			n, err := apns.New(apns.Config{KeyFile: a.KeyFile, KeyID: a.KeyID, TeamID: a.TeamID, Topic: a.Topic, URL: a.URL})
			add(parley.PlatformAPNs, app, n, err)
		}
		if c := apps.Apps[app].FCM; c != nil {
			n, err := fcm.New(fcm.Config{CredentialsFile: c.CredentialsFile, URL: c.URL})
			add(parley.PlatformFCM, app, n, err)
		}
	}
	hooks, err := p.webhooks(file)
	all.hooks = hooks
	return all, errors.Join(append(faults, err)...)
}

// notifier returns the notifier named by --push-webhook.
func (p *pushFlags) notifier() (parley.Notifier, error) {
	if p.Webhook == "" || p.WebhookSecretFile == "" {
		return nil, refuse("--push-webhook and --push-webhook-secret-file belong together.",
			`Make a secret: (printf whsec_; head -c 32 /dev/urandom | base64) > FILE`)
	}
	secrets, err := hook.ReadSecrets(p.WebhookSecretFile)
	if err != nil {
		return nil, refuse(fmt.Sprintf("--push-webhook-secret-file: %v.", err),
			`Make a secret: (printf whsec_; head -c 32 /dev/urandom | base64) > FILE`)
	}
	n, err := hook.NewNotifier(hook.Config{URL: p.Webhook, Secrets: secrets, AllowPrivate: p.AllowPrivateAddresses})
	if err != nil {
		return nil, refuse(fmt.Sprintf("--push-webhook: %v.", err), "Name a public http or https URL; "+
			"--push-allow-private-addresses allows others, for tests and closed networks.")
	}
	return n, nil
}

// webhooks reads the webhooks of the configuration.
func (p *pushFlags) webhooks(file *configFile) (all []webhook.Config, err error) {
	var given map[string]webhookFile
	if err := file.section(webhooksKey, "one entry per webhook", &given); err != nil {
		return nil, err
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		w, err := p.webhook(name, given[name])
		if err != nil {
			faults = append(faults, err)
		}
		all = append(all, w)
	}
	return all, errors.Join(faults...)
}

func (p *pushFlags) webhook(name string, w webhookFile) (c webhook.Config, err error) {
	wrong := func(format string, args ...any) (webhook.Config, error) {
		return c, refuse(fmt.Sprintf("webhooks: %s: ", name) + fmt.Sprintf(format, args...))
	}
	if _, err := parley.ParseUser(name); err != nil {
		return wrong("this cannot be the name of a webhook; use letters, digits, and . _ - :")
	}
	if len(w.Channels) == 0 {
		return wrong(`channels is missing: name channels, or patterns such as "room:*"`)
	}
	for _, pattern := range w.Channels {
		name, _ := strings.CutSuffix(pattern, "*")
		if strings.Contains(name, "*") || pattern == "" {
			return wrong("%q is not a channel or the beginning of one and *", pattern)
		}
	}
	switch fmt.Sprint(w.After) {
	case "<nil>", "head":
		c.FromHead = true
	case "0":
	default:
		return wrong("after must be head or 0")
	}
	secrets, err := hook.ReadSecrets(w.SecretFile)
	if err != nil {
		return wrong("secret-file: %v; make one: (printf whsec_; head -c 32 /dev/urandom | base64) > FILE", err)
	}
	sender, err := hook.NewSender(hook.Config{URL: w.URL, Secrets: secrets, AllowPrivate: p.AllowPrivateAddresses})
	if err != nil {
		return wrong("url: %v; --push-allow-private-addresses allows addresses that are not public", err)
	}
	c.Name, c.Send = name, sender.Send
	c.Matches = func(channel parley.ChannelID) bool {
		return slices.ContainsFunc(w.Channels, func(pattern string) bool {
			prefix, many := strings.CutSuffix(pattern, "*")
			return pattern == string(channel) || many && strings.HasPrefix(string(channel), prefix)
		})
	}
	return c, nil
}

// vapid returns the keys of Web Push, which are created once per store.
func vapid(ctx context.Context, table parley.Table) (webpush.Keys, error) {
	const group, key = "push", "vapid"
	for {
		rows, err := table.Get(ctx, group, key)
		if err != nil {
			return webpush.Keys{}, fmt.Errorf("read the keys of Web Push: %w", err)
		}
		if rows[0] != nil {
			return webpush.ParseKeys(rows[0])
		}
		keys, err := webpush.NewKeys()
		if err != nil {
			return keys, err
		}
		b, err := keys.Bytes()
		if err != nil {
			return keys, err
		}
		if _, err := table.Swap(ctx, group, nil, parley.Row{Key: key, Value: b}); err != nil && !errors.Is(err, parley.ErrUnknown) {
			return keys, fmt.Errorf("store the keys of Web Push: %w", err)
		}
	}
}

// work adds the work on entries to a server that is being built: push notifications and webhooks.
func (n *node) work(ctx context.Context, store *stores, s *server, name string, meters *meters) error {
	p := n.pushing
	if !p.any() {
		return nil
	}
	watch := func(channel parley.ChannelID, watched bool) {
		if watched {
			s.feed.Watch(channel)
		} else {
			s.feed.Unwatch(channel)
		}
	}
	for _, cfg := range p.hooks {
		cfg.Store, cfg.Node, cfg.Alive, cfg.Note, cfg.Watch, cfg.Logger = store, name, s.feed.Alive, s.feed.Note, watch, n.log
		cfg.OnDelivered = meters.delivered(cfg.Name)
		w := webhook.New(cfg)
		s.feed.AddWork(w)
		s.hooks = append(s.hooks, w)
	}
	if !p.pushes() {
		return nil
	}
	if p.flags.WebPushSubject != "" {
		keys, err := vapid(ctx, store)
		if err != nil {
			return err
		}
		web, err := webpush.New(webpush.Config{Keys: keys, Subject: p.flags.WebPushSubject, AllowPrivate: p.flags.AllowPrivateAddresses})
		if err != nil {
			return refuse(fmt.Sprintf("--push-webpush-subject: %v.", err), "Try --push-webpush-subject mailto:you@example.com")
		}
		p.notifiers[push.Target{Platform: parley.PlatformWebPush, App: push.DefaultApp}] = web
	}
	s.push = push.New(push.Config{Store: store, Devices: s.chat, Notifiers: p.notifiers,
		Delay: max(p.flags.Delay, 1), Window: max(p.flags.Window, 1), Node: name,
		Visible: s.chat.Visible, Settle: s.feed.Projected, Alive: s.feed.Alive, Note: s.feed.Note, Watch: watch,
		OnDecision: meters.decided, Logger: n.log})
	s.feed.AddWork(s.push)
	s.chat.OnRead(s.push.Read)
	return nil
}

// outbox is where this node notes unfinished channels: a store that derives in Append needs one only for work.
func (n *node) outbox(store *stores) parley.Outbox {
	if store.index == nil && !n.pushing.any() {
		return nil
	}
	return store.outbox
}

// pushCmd are the tools of push.
type pushCmd struct {
	Test pushTestCmd `cmd:"" help:"Send a test notification to a device of a user."`
}

type pushTestCmd struct {
	Device     string `required:"" placeholder:"ID" help:"Device, by the name that its app gave it."`
	User       string `required:"" placeholder:"NAME" help:"User whose device it is."`
	Admin      string `default:"http://127.0.0.1:8081" placeholder:"URL" help:"${help_push_test_admin}"`
	AdminToken string `placeholder:"TOKEN" help:"${help_push_test_admin_token}"`
}

// Run makes a running server send one notification.
func (c *pushTestCmd) Run(ctx context.Context, p *program) error {
	body, err := json.Marshal(map[string]string{"user": c.User, "device": c.Device})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	url := strings.TrimSuffix(c.Admin, "/") + "/admin/api/push/test"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return refuse(fmt.Sprintf("--admin %s is not a URL: %v.", c.Admin, err), "Try --admin http://127.0.0.1:8081")
	}
	if c.AdminToken != "" {
		req.Header.Set("Authorization", "Bearer "+c.AdminToken)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server to send: %w\nThe server must be running; --admin names its admin listener", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("ask the server to send: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var problem struct{ Detail, Hint string }
		if json.Unmarshal(answer, &problem) != nil || problem.Detail == "" {
			problem.Detail = res.Status
		}
		return fmt.Errorf("%s\n%s", problem.Detail, problem.Hint)
	}
	fmt.Fprintf(p.stdout, "The service of %s has accepted a notification for %s.\n", c.Device, c.User)
	return nil
}

// config returns what the server tells clients that register devices.
func (p *pushing) config(store parley.Table) (c chat.PushConfig) {
	web := p.flags.WebPushSubject != ""
	c.Has = func(platform parley.Platform, app string) bool {
		if platform == parley.PlatformWebPush {
			return web && app == push.DefaultApp
		}
		return p.notifiers[push.Target{Platform: platform, App: app}] != nil
	}
	if web {
		c.PublicKey = func(ctx context.Context) (string, error) {
			keys, err := vapid(ctx, store)
			if err != nil {
				return "", err
			}
			return keys.PublicKey(), nil
		}
	}
	return c
}
