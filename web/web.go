// Package web owns the pages that the binary serves, each one file with its style in it,
// and the scripts that they share. It never renders anything: a page is the same bytes for
// everybody, and what users wrote reaches it over the API.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"regexp"
	"strings"
)

//go:generate go run ./bundle
//go:embed index.html demo.html examples *.js
var files embed.FS

// Script returns an ES module as it is and compressed, and an entity tag for either;
// nothing if there is none of that name. Scripts are parley.js, the TypeScript client,
// parley-extras.js, which it loads on demand, chat.js, what the chat page runs, emoji.js and code.js, which that loads on demand,
// and sw.js, its service worker. They are made by go generate.
func Script(name string) (plain, zipped []byte, tag string) {
	plain, err := files.ReadFile(name)
	if err != nil {
		return nil, nil, ""
	}
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(plain) // to memory
	_ = w.Close()
	sum := sha256.Sum256(plain)
	return plain, b.Bytes(), base64.RawURLEncoding.EncodeToString(sum[:6])
}

// Page returns an HTML page and the Content-Security-Policy to serve it with: only
// the style and scripts that stand in the page run (CSP Level 3, section 2.3.1), and
// scripts and workers of its own origin if it names one; and it talks to its own origin only. ok is false if there is no such page.
// Pages are index.html (the chat), demo.html, and those in examples.
func Page(name string) (body []byte, csp string, ok bool) {
	body, err := files.ReadFile(name)
	if err != nil {
		return nil, "", false
	}
	connect := []string{"'self'"}
	if name == "demo.html" { // its server is another loopback port, which may change
		connect = append(connect, "http://127.0.0.1:*", "ws://127.0.0.1:*")
	}
	return body, policy(body, connect), true
}

var (
	styles  = regexp.MustCompile(`(?s)<style[^>]*>(.*?)</style>`)
	scripts = regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`)
	sources = regexp.MustCompile(`<script[^>]* src="/`)
)

func policy(page []byte, connect []string) string {
	script, worker := hashes(page, scripts), "'none'"
	if sources.Match(page) {
		script, worker = "'self' "+script, "'self'"
	}
	return strings.Join([]string{
		"default-src 'none'",
		"style-src " + hashes(page, styles),
		"script-src " + script,
		"worker-src " + worker,
		"connect-src " + strings.Join(connect, " "),
		"img-src data:",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

func hashes(page []byte, blocks *regexp.Regexp) string {
	var sources []string
	for _, block := range blocks.FindAllSubmatch(page, -1) {
		if len(block[1]) == 0 {
			continue
		}
		sum := sha256.Sum256(block[1])
		sources = append(sources, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	if sources == nil {
		return "'none'"
	}
	return strings.Join(sources, " ")
}
