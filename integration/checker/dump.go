package checker

import (
	"bytes"
	"context"
	"errors"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

// Dump is everything in the store in dir, keys and values, as whoever has its disk sees it: one row after another. The store is not
// encrypted, and nobody else may have it open.
func Dump(ctx context.Context, dir string) (rows []byte, err error) {
	db, err := badger.Open(badger.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var all bytes.Buffer
	err = db.View(ctx, func(r storage.Reader) error {
		for e, err := range r.Scan(nil, nil, 0) {
			if err != nil {
				return err
			}
			all.Write(e.Key)
			all.WriteByte('\n')
			all.Write(e.Value)
			all.WriteByte('\n')
		}
		return nil
	})
	return all.Bytes(), err
}
