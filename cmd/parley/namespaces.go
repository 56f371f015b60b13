package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/chat"
)

// namespacesKey is the one key of the configuration that is not a flag.
const namespacesKey = "namespaces"

// namespaceFile is a namespace in the configuration:
//
//	namespaces:
//	  "feed:":
//	    kind: public            # or members
//	    fanout: read            # or write, tiered
//	    publish: admin          # or member, owner
//	    retention: {messages: 1000, seconds: 86400}
//	    presence: {each: 100, batch: 5000}   # or {off: true}
//	    max-text: 4096
//	    max-data: 16384
type namespaceFile struct {
	Kind      parley.ChannelKind
	Fanout    chat.Fanout
	Publish   parley.Role
	Retention parley.Retention
	Presence  struct {
		Each, Batch int
		Off         bool
	}
	MaxText int `yaml:"max-text"`
	MaxData int `yaml:"max-data"`
}

// namespaces reads the namespaces of the file; nil file: none.
func (f *configFile) namespaces() (chat.Namespaces, error) {
	var given []chat.Namespace
	if f != nil && f.values[namespacesKey] != nil {
		b, err := yaml.Marshal(f.values[namespacesKey])
		if err != nil {
			return nil, refuse(fmt.Sprintf("the configuration %s: %s: %v", f.path, namespacesKey, err))
		}
		var file map[string]namespaceFile
		if err := yaml.UnmarshalWithOptions(b, &file, yaml.Strict()); err != nil {
			return nil, refuse(
				fmt.Sprintf("the configuration %s: %s is not one entry per prefix:\n%s", f.path, namespacesKey,
					yaml.FormatError(err, false, true)),
			)
		}
		for _, prefix := range slices.Sorted(maps.Keys(file)) {
			n := file[prefix]
			given = append(given, chat.Namespace{Prefix: prefix, Kind: n.Kind, Fanout: n.Fanout, Publish: n.Publish, Retention: n.Retention,
				MaxText: n.MaxText, MaxData: n.MaxData, Each: n.Presence.Each, Batch: n.Presence.Batch, Quiet: n.Presence.Off})
		}
	}
	ns, err := chat.NewNamespaces(given)
	if err != nil {
		return nil, refuse(fmt.Sprintf("the configuration %s: %v", f.path, err))
	}
	return ns, nil
}
