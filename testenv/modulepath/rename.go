package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// moduleLine matches the line of go.mod that names the module.
var moduleLine = regexp.MustCompile(`(?m)^module[ \t]+(\S+)[ \t]*$`)

// rename moves the module at root to a path and returns how many files it changed. It changes
// go.mod last, so that an interrupted run can be repeated.
func rename(root, path string) (changed int, err error) {
	mod := filepath.Join(root, "go.mod")
	text, err := os.ReadFile(mod)
	if err != nil {
		return 0, err
	}
	at := moduleLine.FindSubmatchIndex(text)
	if at == nil {
		return 0, errors.New("go.mod has no module line")
	}
	old := string(text[at[2]:at[3]])
	if old == path {
		return 0, nil
	}
	files, err := filesBelow(root)
	if err != nil {
		return 0, err
	}
	m := newMove(old, path, files)
	for _, name := range files {
		if name == "go.mod" {
			continue
		}
		did, err := m.file(filepath.Join(root, name))
		if err != nil {
			return changed, err
		}
		if did {
			changed++
		}
	}
	text = slices.Concat(text[:at[2]], []byte(path), text[at[3]:])
	if err := os.WriteFile(mod, text, 0o644); err != nil {
		return changed, err
	}
	return changed + 1, nil
}

// skipped are directories without files of the module.
var skipped = []string{".git", ".cache", "node_modules", "parley-data"}

// filesBelow lists the files of a tree by their paths relative to its root.
func filesBelow(root string) (files []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skipped, d.Name()):
			return filepath.SkipDir
		case d.Type().IsRegular():
			name, err := filepath.Rel(root, path)
			files = append(files, name)
			return err
		}
		return nil
	})
	return files, err
}

// move is a change of one path to another.
type move struct {
	old, path string
	packages  map[string]bool // directories with Go files, by their paths relative to the root
	whole     *regexp.Regexp  // the old path and everything up to the end of the path
}

func newMove(old, path string, files []string) *move {
	m := &move{old: old, path: path, packages: map[string]bool{}}
	for _, name := range files {
		if strings.HasSuffix(name, ".go") {
			m.packages[filepath.ToSlash(filepath.Dir(name))] = true
		}
	}
	m.whole = regexp.MustCompile(`(^|[^\w./@-]|://)` + regexp.QuoteMeta(old) + `((?:/[\w.-]+)*)`)
	return m
}

// file moves the path in a file and reports whether the file changed. Files that are not text are
// left alone.
func (m *move) file(name string) (changed bool, err error) {
	was, err := os.ReadFile(name)
	if err != nil || !bytes.Contains(was, []byte(m.old)) || bytes.IndexByte(was, 0) >= 0 {
		return false, err
	}
	is := was
	if strings.HasSuffix(name, ".go") {
		if is, err = m.imports(name, was); err != nil {
			return false, err
		}
	}
	is = m.words(is)
	if bytes.Equal(is, was) {
		return false, nil
	}
	if strings.HasSuffix(name, ".go") {
		if is, err = format.Source(is); err != nil { // sorts imports
			return false, fmt.Errorf("%s: %w", name, err)
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		return false, err
	}
	return true, os.WriteFile(name, is, info.Mode().Perm())
}

// imports moves the imports of a Go file.
func (m *move) imports(name string, text []byte) ([]byte, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, text, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var out []byte
	end := 0
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rest, ok := strings.CutPrefix(path, m.old)
		if !ok || rest != "" && rest[0] != '/' || m.moved(path) {
			continue
		}
		out = append(out, text[end:set.Position(spec.Path.Pos()).Offset]...)
		out = strconv.AppendQuote(out, m.path+rest)
		end = set.Position(spec.Path.End()).Offset
	}
	return append(out, text[end:]...), nil
}

// words moves the path everywhere else: in documents, scripts, comments, strings. A path without a
// dot is also a word, and is moved only before the name of a package.
func (m *move) words(text []byte) []byte {
	var out []byte
	end := 0
	for _, at := range m.whole.FindAllSubmatchIndex(text, -1) {
		begin, rest := at[3], strings.TrimRight(string(text[at[4]:at[5]]), ".")
		switch {
		case rest == "" && at[5] < len(text) && inWord(text[at[5]]): // another path with the same prefix
		case !strings.Contains(m.old, ".") && !m.packages[strings.TrimPrefix(rest, "/")]:
		case m.moved(m.old + rest):
		default:
			out = append(append(out, text[end:begin]...), m.path...)
			end = at[4]
		}
	}
	return append(out, text[end:]...)
}

// moved reports whether a path has been moved already, if the new path begins with the old one.
func (m *move) moved(path string) bool {
	return strings.HasPrefix(m.path, m.old+"/") && (path == m.path || strings.HasPrefix(path, m.path+"/"))
}

func inWord(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
