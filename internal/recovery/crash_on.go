//go:build crashpoints && unix

package recovery

import (
	"bytes"
	"context"
	"os"
	"syscall"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// deadly is the point at which this process ends; see Points.
var deadly = os.Getenv("REGRANT_CRASHPOINT")

// crash ends the process as a power cut would, if this is its point: nothing is flushed and nobody is told.
func crash(point string) {
	if point == deadly {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func init() {
	for i, st := range steps {
		steps[i].do = func(s *Service, ctx context.Context, rec *record) error {
			crash(before(stepPoint(st.name)))
			err := st.do(s, ctx, rec)
			crash(after(stepPoint(st.name)))
			return err
		}
	}
}

// crashing puts the points around the commits and the calls of s.
func (s *Service) crashing() {
	s.DB = crashingDB{s.DB, s}
	s.Adapter = crashingAdapter{s.Adapter}
}

type crashingDB struct {
	storage.DB
	s *Service
}

func (d crashingDB) Update(ctx context.Context, fn func(storage.Tx) error) error {
	var moves []string
	err := d.DB.Update(ctx, func(tx storage.Tx) error {
		w := watchedTx{Tx: tx, s: d.s, was: map[string]State{}}
		if err := fn(w); err != nil {
			return err
		}
		moves = w.moves()
		for _, m := range moves {
			crash(before(m))
		}
		return nil
	})
	if err == nil {
		for _, m := range moves {
			crash(after(m))
		}
	}
	return err
}

// watchedTx remembers in which state each recovery was that is written.
type watchedTx struct {
	storage.Tx
	s   *Service
	was map[string]State
}

func (w watchedTx) Put(key, value []byte, expires time.Time) error {
	if id, ok := bytes.CutPrefix(key, []byte(w.s.table.Name+"\x00r")); ok {
		if _, seen := w.was[string(id)]; !seen {
			w.was[string(id)] = w.state(string(id))
		}
	}
	return w.Tx.Put(key, value, expires)
}

func (w watchedTx) state(id string) State {
	rec, err := w.s.table.Get(w.Tx, []byte(id))
	if err != nil {
		return "" // it is written for the first time
	}
	return rec.State
}

func (w watchedTx) moves() (moves []string) {
	for id, was := range w.was {
		if is := w.state(id); is != was {
			moves = append(moves, movePoint(was, is))
		}
	}
	return moves
}

// crashingAdapter has a point around each call of the table. What is not in it is asked in a step.
type crashingAdapter struct{ upstream.Adapter }

func (a crashingAdapter) State(ctx context.Context, id string) (upstream.State, error) {
	crash(before(callPoint("State")))
	state, err := a.Adapter.State(ctx, id)
	crash(after(callPoint("State")))
	return state, err
}

func (a crashingAdapter) Session(ctx context.Context, way upstream.Session) (upstream.Outcome, error) {
	crash(before(callPoint("Session")))
	out, err := a.Adapter.Session(ctx, way)
	crash(after(callPoint("Session")))
	return out, err
}

func (a crashingAdapter) Finish(ctx context.Context, way upstream.Session) (bool, error) {
	crash(before(callPoint("Finish")))
	done, err := a.Adapter.Finish(ctx, way)
	crash(after(callPoint("Finish")))
	return done, err
}

func (a crashingAdapter) Abandon(ctx context.Context, way upstream.Session) error {
	crash(before(callPoint("Abandon")))
	err := a.Adapter.Abandon(ctx, way)
	crash(after(callPoint("Abandon")))
	return err
}
