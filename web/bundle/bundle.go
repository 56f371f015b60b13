package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// most are the bytes that each file may have gzipped.
var most = map[string]int{"parley.js": 10_240, "parley-extras.js": 3_000, "chat.js": 40_000, "sw.js": 1_000, "emoji.js": 24_000,
	"code.js": 10_000}

// internal are the members that only the client itself uses, not its users, the server or another
// tab (which may run an older bundle): their names end in an underscore in the sources, and
// are short in the bundle.
const internal = "^[a-z][A-Za-z0-9]*_$"

// extras is what the client loads on demand, as it names it.
const extras = "./extras.js"

// emoji and colors are what the chat page loads on demand, as it names them.
const (
	emoji  = "/emoji.js"
	colors = "/code.js"
)

// Bundle makes the files of which the sources are in a folder: the client in two parts, of which the first
// loads the second on demand, the chat page, the emoji and the colors of code that it loads on demand, and its service worker. The bytes
// depend on nothing but the sources and esbuild's version.
func Bundle(folder string) (map[string][]byte, error) {
	short := map[string]any{} // the names of both parts of the client are the same
	client := func(file string) ([]byte, error) {
		return build(filepath.Join(folder, "../client/ts/src", file), "// Apache-2.0",
			func(o *api.BuildOptions) {
				o.MangleProps = internal
				o.MangleCache = short
				o.External = []string{extras}
			})
	}
	core, err := client("index.ts")
	if err != nil {
		return nil, err
	}
	more, err := client("extras.ts")
	if err != nil {
		return nil, err
	}
	// The second part fits the first one only, which says so: another one is not served under this name.
	core = bytes.Replace(core, []byte(`"`+extras+`"`), []byte(`"./parley-extras.js?v=`+version(more)+`"`), 1)
	page, err := build(filepath.Join(folder, "chat/main.ts"), "// parley's chat page, Apache-2.0, made of web/chat",
		func(o *api.BuildOptions) { o.External = []string{"/parley.js", emoji} })
	if err != nil {
		return nil, err
	}
	faces, err := build(filepath.Join(folder, "emoji/main.ts"),
		"// the chat page's emoji, Apache-2.0, made of web/emoji; names: gemoji, MIT, Titus Wormer",
		func(*api.BuildOptions) {})
	if err != nil {
		return nil, err
	}
	code, err := build(filepath.Join(folder, "code/main.ts"),
		"// the colors of code on the chat page, Apache-2.0, made of web/code; languages: @speed-highlight/core, CC0-1.0",
		func(*api.BuildOptions) {})
	if err != nil {
		return nil, err
	}
	for name, part := range map[string][]byte{emoji: faces, colors: code} { // as above
		page = bytes.Replace(page, []byte(`"`+name+`"`), []byte(`"`+name+`?v=`+version(part)+`"`), 1)
	}
	worker, err := build(filepath.Join(folder, "sw/main.ts"), "// parley's service worker, Apache-2.0, made of web/sw",
		func(*api.BuildOptions) {})
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"parley.js": core, "parley-extras.js": more, "chat.js": page, "sw.js": worker, "emoji.js": faces,
		"code.js": code}, nil
}

// version is the entity tag of a script (web.Script), by which the server knows whether it is the one that is asked for.
func version(script []byte) string {
	sum := sha256.Sum256(script)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// build makes one ES module of a TypeScript file and what it imports.
func build(entry, banner string, change func(*api.BuildOptions)) ([]byte, error) {
	options := api.BuildOptions{
		EntryPoints:       []string{entry},
		Bundle:            true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsNone,
		TsconfigRaw:       `{"compilerOptions":{"target":"ES2022","useDefineForClassFields":true}}`,
		Banner:            map[string]string{"js": banner},
		Loader:            map[string]api.Loader{".css": api.LoaderText, ".txt": api.LoaderText},
	}
	change(&options)
	result := api.Build(options)
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("bundle %s: %s", entry, strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), ""))
	}
	for name, short := range result.MangleCache {
		options.MangleCache[name] = short
	}
	return result.OutputFiles[0].Contents, nil
}
