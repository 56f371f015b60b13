package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

var _ parley.Table = (*Store)(nil)

// A group lies in a slot of its own: KEYS[1] begins its names. rows is a hash: key -> value, names a sorted set of the keys, which
// has their order.
const setRowLua = `
local function set(key, kept, value)
  if kept == '1' then
    redis.call('HSET', KEYS[1] .. 'rows', key, value)
    redis.call('ZADD', KEYS[1] .. 'names', 0, key)
  else
    redis.call('HDEL', KEYS[1] .. 'rows', key)
    redis.call('ZREM', KEYS[1] .. 'names', key)
  end
end
`

var (
	// ARGV: of each row key, whether it is kept, and value.
	putRows = rueidis.NewLuaScript(setRowLua + `
for i = 1, #ARGV, 3 do
  set(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
return 0`)

	// ARGV: whether there must be a row, its value, then the row as for putRows.
	swapRow = rueidis.NewLuaScript(setRowLua + `
local is = redis.call('HGET', KEYS[1] .. 'rows', ARGV[3])
if is and ARGV[1] == '0' or not is and ARGV[1] == '1' or is and is ~= ARGV[2] then
  return 0
end
set(ARGV[3], ARGV[4], ARGV[5])
return 1`)

	// ARGV: after, limit. The answer: of each row key and value.
	listRows = rueidis.NewLuaScript(`
local answer, from = {}, ARGV[1] == '' and '-' or '(' .. ARGV[1]
for i, key in ipairs(redis.call('ZRANGEBYLEX', KEYS[1] .. 'names', from, '+', 'LIMIT', 0, ARGV[2])) do
  answer[2 * i - 1] = key
  answer[2 * i] = redis.call('HGET', KEYS[1] .. 'rows', key)
end
return answer`)

	// ARGV: keys. The answer: of each its value, or nil.
	getRows = rueidis.NewLuaScript(`
local answer = {}
for i, key in ipairs(ARGV) do
  answer[i] = redis.call('HGET', KEYS[1] .. 'rows', key)
end
return answer`)
)

// group begins the names of a group's keys. No channel and no user's list begins with an equals sign, which also keeps the hash tag
// from being empty.
func (s *Store) group(name string) string { return s.prefix + "{=" + name + "}:" }

// Rows implements parley.Table.
func (s *Store) Rows(ctx context.Context, group, after string, limit int) ([]parley.Row, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	parts, err := s.exec(ctx, listRows, s.group(group), after, strconv.Itoa(limit)).AsStrSlice()
	if err != nil || len(parts)%2 != 0 {
		return nil, fmt.Errorf("rows of %s: %w", group, unexpected(err))
	}
	rows := make([]parley.Row, 0, len(parts)/2)
	for ; len(parts) > 0; parts = parts[2:] {
		rows = append(rows, parley.Row{Key: parts[0], Value: []byte(parts[1])})
	}
	return rows, nil
}

// mostGot is how many rows one call reads.
const mostGot = 1000

// Get implements parley.Table.
func (s *Store) Get(ctx context.Context, group string, keys ...string) ([][]byte, error) {
	values := make([][]byte, 0, len(keys))
	for len(values) < len(keys) {
		some := keys[len(values):min(len(values)+mostGot, len(keys))]
		answer, err := s.exec(ctx, getRows, s.group(group), some...).ToArray()
		if err != nil || len(answer) != len(some) {
			return nil, fmt.Errorf("rows of %s: %w", group, unexpected(err))
		}
		for i := range answer {
			value, err := answer[i].ToString()
			switch {
			case err == nil:
				values = append(values, []byte(value))
			case rueidis.IsRedisNil(err):
				values = append(values, nil)
			default:
				return nil, fmt.Errorf("rows of %s: %w", group, err)
			}
		}
	}
	return values, ctx.Err()
}

// mostPut is how many bytes one call writes, so that Redis serves others in between.
const mostPut = 1 << 20

// Put implements parley.Table.
func (s *Store) Put(ctx context.Context, group string, rows ...parley.Row) error {
	for err := ctx.Err(); ; {
		var args []string
		n, size := 0, 0
		for n < len(rows) && (n == 0 || size < mostPut && n < mostGot) {
			args = append(args, rowArgs(rows[n])...)
			size += len(rows[n].Key) + len(rows[n].Value)
			n++
		}
		if err == nil && n > 0 {
			err = s.exec(ctx, putRows, s.group(group), args...).Error()
		}
		if err != nil {
			return fmt.Errorf("put rows of %s: %w", group, err)
		}
		if rows = rows[n:]; len(rows) == 0 {
			return nil
		}
	}
}

func rowArgs(r parley.Row) []string { return []string{r.Key, flag(r.Value != nil), string(r.Value)} }

// Swap implements parley.Table.
func (s *Store) Swap(ctx context.Context, group string, old []byte, row parley.Row) (swapped bool, err error) {
	args := append([]string{flag(old != nil), string(old)}, rowArgs(row)...)
	if swapped, err = s.exec(ctx, swapRow, s.group(group), args...).AsBool(); err != nil {
		if !errors.Is(err, parley.ErrUnavailable) {
			err = written(err)
		}
		return false, fmt.Errorf("swap a row of %s: %w", group, err)
	}
	return swapped, nil
}
