package keys

import (
	"context"
	"fmt"
	"time"

	"github.com/regrant/regrant/storage"
)

// Ages says for each purpose that rotates how long its key has been in use.
func (r *Ring) Ages(ctx context.Context) (map[Purpose]time.Duration, error) {
	ages := map[Purpose]time.Duration{}
	err := r.db.View(ctx, func(reader storage.Reader) error {
		for _, p := range rotating {
			rec, err := r.wrapper.read(reader, p, kinds[p])
			if err != nil {
				return err
			}
			now := reader.Now()
			ages[p] = now.Sub(rec.Keys[rec.inUse(now)].Begins)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the ages of keys: %w", err)
	}
	return ages, nil
}
