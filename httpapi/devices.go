package httpapi

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/parley-server/parley"
)

// deviceView is a device without what could be used to push to it.
type deviceView struct {
	ID       string            `json:"id"`
	Platform parley.Platform   `json:"platform"`
	App      string            `json:"app"`
	Created  parley.Timestamp  `json:"created"`
	Failed   *parley.Timestamp `json:"failed"` // null: no attempt was refused since the last success
}

// devices lists the caller's devices.
func (a *API) devices(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	all, err := a.chat.OwnDevices(r.Context(), caller)
	if err != nil {
		return err
	}
	list := struct {
		Devices []deviceView `json:"devices"`
	}{make([]deviceView, len(all))}
	for i, d := range all {
		list.Devices[i] = deviceView{ID: d.ID, Platform: d.Platform, App: d.App, Created: d.Created}
		if d.Failed != 0 {
			list.Devices[i].Failed = &d.Failed
		}
	}
	return writeJSON(w, http.StatusOK, list)
}

func (a *API) putDevice(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		actor
		Platform     parley.Platform `json:"platform"`
		App          string          `json:"app"`
		Token        string          `json:"token"`
		Subscription *struct {
			Endpoint string `json:"endpoint"`
			Keys     struct {
				P256DH string `json:"p256dh"`
				Auth   string `json:"auth"`
			} `json:"keys"`
		} `json:"subscription"`
	}
	caller, err := a.speaker(w, r, &in)
	if err != nil {
		return err
	}
	d := parley.Device{Platform: in.Platform, App: in.App, Token: in.Token}
	if d.ID, err = parley.ParseDeviceID(r.PathValue("id")); err != nil {
		return err
	}
	if s := in.Subscription; s != nil {
		d.Subscription = &parley.Subscription{Endpoint: s.Endpoint, P256DH: keyBytes(s.Keys.P256DH), Auth: keyBytes(s.Keys.Auth)}
	}
	return noContent(w, a.chat.PutDevice(r.Context(), caller, d))
}

// keyBytes decodes a key in base64url, with or without padding; nil if it is invalid.
func keyBytes(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil
	}
	return b
}

func (a *API) deleteDevice(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.speaker(w, r, &actor{})
	if err != nil {
		return err
	}
	id, err := parley.ParseDeviceID(r.PathValue("id"))
	if err != nil {
		return err
	}
	return noContent(w, a.chat.DeleteDevice(r.Context(), caller, id))
}

// pushKey returns the key with which browsers subscribe.
func (a *API) pushKey(w http.ResponseWriter, r *http.Request) error {
	caller, err := a.caller(r)
	if err != nil {
		return err
	}
	key, err := a.chat.PushKey(r.Context(), caller)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Key string `json:"key"`
	}{key})
}
