package main

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/web"
	"github.com/parley-server/parley/wire"
)

// pages serves the chat page at /, what it runs at /chat.js, /emoji.js, /code.js and /sw.js, the client at /parley.js and
// /parley-extras.js, and the examples below /examples/.
func pages() http.Handler {
	scripts := map[string]http.HandlerFunc{}
	for _, name := range []string{"parley.js", "parley-extras.js", "chat.js", "emoji.js", "code.js", "sw.js"} {
		scripts["/"+name] = script(name)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if script := scripts[r.URL.Path]; script != nil {
			script(w, r)
			return
		}
		body, csp, ok := web.Page(pageOf(r.URL.Path))
		if !ok {
			wire.WriteProblem(w, &parley.Error{Code: parley.CodeNotFound, Detail: "there is no such example", Hint: "see /examples/"})
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", csp)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write(body)
	})
}

// pageOf returns the file for an address.
func pageOf(path string) string {
	switch name, example := strings.CutPrefix(path, "/examples"); {
	case !example:
		return "index.html"
	case strings.Trim(name, "/") == "":
		return "examples/index.html"
	default:
		return "examples" + name + ".html"
	}
}

// script serves one script: caches revalidate it each time, and receive it again only when it has changed.
// Pages of other allowed origins may import it too. A request for another version (?v=, its entity tag)
// gets 404: the parts of the client fit together only as they were built.
func script(name string) http.HandlerFunc {
	plain, zipped, tag := web.Script(name)
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if v := r.URL.Query().Get("v"); v != "" && v != tag {
			wire.WriteProblem(
				w,
				&parley.Error{
					Code:   parley.CodeNotFound,
					Detail: "this server has another version of the script",
					Hint:   "load the page again",
				},
			)
			return
		}
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'") // for workers; modules have that of their page
		h.Set("Cache-Control", "no-cache")
		h.Add("Vary", "Accept-Encoding")
		body := plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			h.Set("ETag", `"`+tag+`-gzip"`)
			body = zipped
		} else {
			h.Set("ETag", `"`+tag+`"`)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
}
