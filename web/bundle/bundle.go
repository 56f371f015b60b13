package main

import (
	"fmt"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// bundles are the files, with the most bytes that each may have gzipped.
var bundles = []struct {
	entry, file string
	client      bool
	most        int
}{
	{"../client/ts/src/index.ts", "parley.js", true, 11_000},
	{"chat/main.ts", "chat.js", false, 20_000},
}

// internal are members of the client's classes that neither its users, nor the server, nor
// another tab (which may run an older bundle) ever see: they get short names.
var internal = strings.Fields(`
	accept accepted ack ahead alive ask backoff base behind calm changed check dropped flush framed header
	http items json leads leave link list listens live lost memory names onToken over pause position
	positions query refuse renew restore retry shared start stop store tell timer tokens tries trip update url
	waits wake wanted way ways emit take renewed recall remember guard current proven follow framed paused most forget held who`)

// Bundle makes one ES module of a TypeScript file and all that it imports, but for
// /parley.js, the client, which is a file of its own. The bytes depend on nothing but the
// sources and esbuild's version.
func Bundle(entry string, client bool) ([]byte, error) {
	options := api.BuildOptions{
		EntryPoints:       []string{entry},
		Bundle:            true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		External:          []string{"/parley.js"},
		LegalComments:     api.LegalCommentsNone,
		TsconfigRaw:       `{"compilerOptions":{"target":"ES2022","useDefineForClassFields":true}}`,
		Banner:            map[string]string{"js": "// parley's chat page, Apache-2.0, made of web/chat"},
	}
	if client {
		options.MangleProps = "^(" + strings.Join(internal, "|") + ")$"
		options.Banner = map[string]string{"js": "// @parley/client, Apache-2.0, made of client/ts"}
	}
	result := api.Build(options)
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("bundle %s: %s", entry, strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), ""))
	}
	return result.OutputFiles[0].Contents, nil
}
