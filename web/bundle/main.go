// Command bundle writes what the pages run: web/parley.js, the TypeScript client as one
// file for browsers, web/parley-extras.js, which that loads on demand, web/chat.js, the chat page, which imports the
// client, web/emoji.js and web/code.js, which that loads on demand, and web/sw.js, its service worker.
//
//	go run ./web/bundle
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

func main() {
	_, file, _, _ := runtime.Caller(0)
	folder := filepath.Dir(filepath.Dir(file))
	made, err := Bundle(folder)
	for name, js := range made {
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), js, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
