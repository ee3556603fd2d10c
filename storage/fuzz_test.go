package storage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"time"
)

// digest seals with a hash: what it is good for is to be opened by nothing else.
type digest struct{}

func (digest) Seal(key, value []byte) []byte {
	sum := sha256.Sum256(bytes.Join([][]byte{key, value}, []byte{0}))
	return append(sum[:], value...)
}

func (d digest) Open(key, sealed []byte) ([]byte, error) {
	if len(sealed) < sha256.Size || !bytes.Equal(d.Seal(key, sealed[sha256.Size:]), sealed) {
		return nil, errors.New("seal is broken")
	}
	return sealed[sha256.Size:], nil
}

// FuzzDecode reads records as they might lie in a store. What is read is written so that the same is read again, and what is sealed was sealed here.
func FuzzDecode(f *testing.F) {
	type record struct {
		ID    string    `json:"id"`
		Bytes []byte    `json:"bytes,omitempty"`
		At    time.Time `json:"at,omitzero"`
		Count *int      `json:"count,omitempty"`
	}
	config := TableConfig[record]{
		Name: "fuzz", Version: 2, ID: func(r *record) []byte { return []byte(r.ID) },
		Upgrade: func(_ byte, old []byte) ([]byte, error) { return old, nil },
	}
	table := NewTable(config)
	config.Sealer = digest{}
	sealed := NewTable(config)
	key, count := []byte("key"), 3
	for _, t := range []*Table[record]{table, sealed} {
		seed, err := t.encode(key, &record{"a", []byte{1}, time.Unix(0, 0).UTC(), &count})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte("\x01{\"id\":\"a\"}"))
	f.Add([]byte("\x01null"))
	f.Add([]byte("\x02{\"id\":\"a\",\"bytes\":\"\",\"at\":\"0001-01-01T00:00:00+00:00\"}"))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, tab := range []*Table[record]{table, sealed} {
			got, err := tab.decode(key, value)
			if err != nil {
				continue
			}
			again, err := tab.encode(key, got)
			if err != nil {
				t.Fatal(err)
			}
			back, err := tab.decode(key, again)
			if err != nil {
				t.Fatalf("%s is not read again: %v", again, err)
			}
			if last, err := tab.encode(key, back); err != nil || !bytes.Equal(last, again) { // an empty value may be read as none
				t.Errorf("%s is read again as %s, %v", again, last, err)
			}
		}
	})
}

// FuzzTimerKey reads keys of timers. Each is the one key of its time and id.
func FuzzTimerKey(f *testing.F) {
	q := NewTimers("fuzz")
	for _, due := range []time.Time{time.Unix(1, 0), time.Unix(-1, 0)} {
		f.Add(q.dueKey(appendTime(nil, due), []byte("id"))[len(q.order):])
	}
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, rest []byte) {
		key := append([]byte(q.order), rest...)
		due, id, err := q.parse(key)
		if (err == nil) != (len(rest) >= 8) {
			t.Errorf("%x: %v", rest, err)
		}
		if err == nil && !bytes.Equal(q.dueKey(appendTime(nil, due), id), key) {
			t.Errorf("%x is read as %s and %x", rest, due, id)
		}
	})
}
