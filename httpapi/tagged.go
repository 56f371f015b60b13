package httpapi

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"

	"github.com/parley-server/parley"
)

// setBounds tells a client which ids of a channel are kept.
func setBounds(h http.Header, b parley.Bounds) {
	h.Set("Parley-Epoch", b.Epoch)
	h.Set("Parley-Last-Id", strconv.FormatInt(b.Last, 10))
}

// writeTagged answers with JSON and an entity tag, or 304 if the client has it.
func writeTagged(w http.ResponseWriter, r *http.Request, body []byte) error {
	sum := fnv.New64a()
	_, _ = sum.Write(body)
	tag := fmt.Sprintf(`"%016x"`, sum.Sum64())
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return writeBody(w, http.StatusOK, body)
}

// matches is If-None-Match (RFC 9110, section 13.1.2), which compares weakly.
func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}
