package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/push"
	"github.com/parley-server/parley/webhook"
	"github.com/parley-server/parley/wire"
)

// PushAdmin is the part of push.Pusher that the admin listener uses.
type PushAdmin interface {
	Decisions(user parley.UserID, limit int) []push.Decision
	Dead(ctx context.Context) ([]push.Dead, error)
	Test(ctx context.Context, user parley.UserID, device string) error
}

// pushRoutes are those of push and webhooks.
func (cfg *AdminConfig) pushRoutes(route func(path string, m methods)) {
	route("/admin/api/push/decisions", methods{"GET": cfg.pushes(func(w http.ResponseWriter, r *http.Request) error {
		p := params{r.URL.Query()}
		limit, err := p.limit()
		if err != nil {
			return err
		}
		var user parley.UserID
		if name := p.get("user"); name != "" {
			if user, err = parley.ParseUser(name); err != nil {
				return err
			}
		}
		return writeJSON(w, http.StatusOK, map[string]any{"decisions": cfg.Push.Decisions(user, limit)})
	})})
	route("/admin/api/push/dead", methods{"GET": cfg.pushes(func(w http.ResponseWriter, r *http.Request) error {
		dead, err := cfg.Push.Dead(r.Context())
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"dead": append([]push.Dead{}, dead...)})
	})})
	route("/admin/api/push/test", methods{"POST": cfg.pushes(func(w http.ResponseWriter, r *http.Request) error {
		var in struct{ User, Device string }
		if err := adminBody(w, r, &in); err != nil {
			return err
		}
		user, err := parley.ParseUser(in.User)
		if err != nil {
			return err
		}
		if err := cfg.Push.Test(r.Context(), user, in.Device); err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]bool{"sent": true})
	})})
	route("/admin/api/webhooks", methods{"GET": func(w http.ResponseWriter, r *http.Request) error {
		all := []webhook.State{}
		for _, h := range cfg.Webhooks {
			s, err := h.State(r.Context(), webhookCursors)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return writeJSON(w, http.StatusOK, map[string]any{"webhooks": all})
	}})
	route("/admin/api/webhooks/{name}/replay", methods{"POST": func(w http.ResponseWriter, r *http.Request) error {
		var in struct {
			Channel string `json:"channel"`
			After   *int64 `json:"after"`
		}
		if err := adminBody(w, r, &in); err != nil {
			return err
		}
		if in.After == nil || *in.After < 0 {
			return bad(`name the entry after which to begin: "after":ID, 0 for the first that is kept`)
		}
		channel, err := parley.ParseChannel(in.Channel)
		if err != nil {
			return err
		}
		for _, h := range cfg.Webhooks {
			if h.Name() == r.PathValue("name") {
				return noContent(w, h.Replay(r.Context(), channel, *in.After))
			}
		}
		return &parley.Error{Code: parley.CodeNotFound, Detail: fmt.Sprintf("there is no webhook %.100q", r.PathValue("name")),
			Hint: "GET /admin/api/webhooks lists them; webhooks: in the configuration adds one"}
	}})
}

// webhookCursors is how many channels of a webhook are listed.
const webhookCursors = 1000

// pushes refuses requests that need push while it is not configured.
func (cfg *AdminConfig) pushes(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if cfg.Push == nil {
			return &parley.Error{Code: parley.CodeNotFound, Detail: "push is not configured",
				Hint: "add --push-apns-key-file, --push-fcm-credentials-file, --push-webpush-subject or --push-webhook (docs/push.md)"}
		}
		return h(w, r)
	}
}

func adminBody(w http.ResponseWriter, r *http.Request, into any) error {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		return &parley.Error{Code: parley.CodeBadRequest, Detail: "the body did not arrive whole, or is larger than 64 KiB",
			Hint: "send a small JSON object", Err: err}
	}
	return wire.Unmarshal(b, into)
}
