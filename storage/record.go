package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// A table's keys begin with its name and a zero byte, which no name contains.
//
//	name 0 'r' id                          the record
//	name 0 'u' index 0 length(key) key     unique index; the value is the id
//	name 0 'i' index 0 length(key) key id  other index
//
// A length goes before each key that something follows, so that no two
// different pairs of key and id give the same bytes; records keep the order of
// their ids.
func (t *Table[T]) recordKey(id []byte) []byte {
	return append([]byte(t.Name+"\x00r"), id...)
}

func (t *Table[T]) indexKey(x *Index[T], key, id []byte) []byte {
	if x.Unique {
		return appendSized([]byte(t.Name+"\x00u"+x.Name+"\x00"), key)
	}
	return append(appendSized([]byte(t.Name+"\x00i"+x.Name+"\x00"), key), id...)
}

// appendSized puts the length of b in front of it. A length that does not fit
// is far beyond [MaxKey], which the backend refuses whatever is written here.
func appendSized(to, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(b))), b...) //nolint:gosec // see above
}

// encode gives the version byte and the record's JSON, sealed if asked.
func (t *Table[T]) encode(key []byte, v *T) ([]byte, error) {
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", t.Name, err)
	}
	value := append([]byte{t.Version}, doc...)
	if t.Sealer != nil {
		value = t.Sealer.Seal(key, value)
	}
	return value, nil
}

// decode is the inverse of encode, for older versions too. The seal is checked
// before anything in the value is believed, its version included.
func (t *Table[T]) decode(key, value []byte) (*T, error) {
	if t.Sealer != nil {
		var err error
		if value, err = t.Sealer.Open(key, value); err != nil {
			return nil, fmt.Errorf("opening the seal of %s: %v", t.Name, err)
		}
	}
	if len(value) == 0 {
		return nil, fmt.Errorf("decoding %s: record is empty", t.Name)
	}
	version, doc := value[0], value[1:]
	if version != t.Version {
		var err error
		if doc, err = t.upgrade(version, doc); err != nil {
			return nil, fmt.Errorf("upgrading %s from version %d to %d: %v", t.Name, version, t.Version, err)
		}
	}
	v := new(T)
	if err := decodeStrict(doc, v); err != nil {
		return nil, fmt.Errorf("decoding %s: %v", t.Name, err)
	}
	return v, nil
}

func (t *Table[T]) upgrade(from byte, doc []byte) ([]byte, error) {
	if t.Upgrade == nil || from > t.Version {
		return nil, fmt.Errorf("version is not known")
	}
	return t.Upgrade(from, doc)
}

// decodeStrict refuses unknown members: a record that this program does not
// understand in full would lose them when it is written back.
func decodeStrict(doc []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("data after the record")
	}
	return nil
}
