package cassandra

import (
	"context"
	"strings"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// observer reports each statement to Config.Observe.
type observer struct {
	tell  func(kind string, took time.Duration, err error)
	kinds sync.Map // of statements: there are few
}

func (o *observer) ObserveQuery(_ context.Context, q gocql.ObservedQuery) {
	o.tell(o.kind(q.Statement), q.End.Sub(q.Start), q.Err)
}

func (o *observer) ObserveBatch(_ context.Context, b gocql.ObservedBatch) {
	kind := "batch"
	if len(b.Statements) > 0 {
		kind = "batch " + o.kind(b.Statements[0])
	}
	o.tell(kind, b.End.Sub(b.Start), b.Err)
}

func (o *observer) kind(statement string) string {
	if is, known := o.kinds.Load(statement); known {
		return is.(string)
	}
	is := kindOf(statement)
	o.kinds.Store(statement, is)
	return is
}

// kindOf returns the kind of a statement, such as "select log" or "update meta if".
func kindOf(statement string) string {
	words := strings.Fields(statement)
	table := ""
	for i, w := range words {
		if last := i+1 == len(words); !last && (w == "FROM" || w == "INTO" || w == "UPDATE") {
			table = words[i+1]
			break
		}
	}
	kind := strings.ToLower(words[0]) + " " + table
	if strings.Contains(statement, " IF ") {
		kind += " if"
	}
	return kind
}
