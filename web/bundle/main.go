// Command bundle writes what the pages run: web/parley.js, the TypeScript client as one
// file for browsers, and web/chat.js, the chat page, which imports it.
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
	web := filepath.Dir(filepath.Dir(file))
	for _, b := range bundles {
		js, err := Bundle(filepath.Join(web, b.entry), b.client)
		if err == nil {
			err = os.WriteFile(filepath.Join(web, b.file), js, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
