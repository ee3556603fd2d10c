package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// requestLog counts what the gateway has logged of its requests, each one JSON object, in a log that grows to tens of megabytes.
type requestLog struct {
	path  string
	read  int64 // bytes of it, whole lines
	lines int
}

// count reads on from where it was.
func (l *requestLog) count(t *testing.T) int {
	t.Helper()
	file, err := os.Open(l.path)
	fatal(t, err)
	defer file.Close()
	_, err = file.Seek(l.read, io.SeekStart)
	fatal(t, err)
	text, err := io.ReadAll(file)
	fatal(t, err)
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	l.read += int64(len(text))
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(`"msg":"recovery request answered"`)) {
			continue
		}
		l.lines++
		if !json.Valid(line) {
			t.Errorf("not one object: %.300s", line)
		}
	}
	return l.lines
}

// hostile starts a gateway with the configuration that docs/operations.md advises, and says at the end that all is as
// before: one line for each request, no panic, no more memory and no more goroutines.
func hostile(t *testing.T, attack func(*attacker, []endpoint)) {
	t.Helper()
	list := endpoints(t)
	for _, ep := range list {
		if fields[ep.name] == nil {
			t.Errorf("%s has no fields here: say what it reads", ep.path)
		}
	}
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Global: advised(t), Gateway: everything(t)})
	warm := newAttacker(t, e)
	all(list, nasty[:20], warm.throw)
	e.Client.CloseIdleConnections()
	log := &requestLog{path: filepath.Join(e.Dir, "programs.log")}
	until(t, 10*time.Second, "each request before is one line", func() bool { return log.count(t) >= int(warm.sent.Load()) })
	before, logged := rest(t, e), log.count(t)

	a := newAttacker(t, e)
	attack(a, list)

	until(t, 10*time.Second, "each request is one line", func() bool { return log.count(t)-logged >= int(a.sent.Load()) })
	if n := log.count(t) - logged; n != int(a.sent.Load()) {
		t.Errorf("%d lines for %d requests", n, a.sent.Load())
	}
	noPanic(t, e)
	e.Client.CloseIdleConnections()
	var after footprint
	defer func() { t.Logf("%d requests; before %v, after %v", a.sent.Load(), before, after) }()
	until(t, 30*time.Second, "goroutines have ended, and memory is given back to the system", func() bool {
		after = rest(t, e)
		return after.goroutines <= before.goroutines+10 && after.heap <= before.heap+16<<20 && after.resident <= before.resident+48<<20
	})
	if p := enrolled(t, e, "alice"); p.granted().RecoveryToken == "" {
		t.Error("nobody can recover any more")
	}
}

// program is what can be downloaded.
const program = "the program, for all that these tests know"

// everything configures what has an address of its own, so that the gateway answers at every row of docs/endpoints.md.
func everything(t *testing.T) []string {
	t.Helper()
	folder := t.TempDir()
	fatal(t, os.WriteFile(filepath.Join(folder, "regrant-linux-amd64"), []byte(program), 0o600))
	return append(slices.Clone(env.EveryMethod[1:]), env.Method("passkey", "origins https://shop.example.org"), "downloads "+folder)
}

// footprint is what a gateway at rest needs.
type footprint struct{ heap, resident, goroutines int }

func (f footprint) String() string {
	return fmt.Sprintf("%d KiB of heap, %d KiB resident, %d goroutines", f.heap>>10, f.resident>>10, f.goroutines)
}

// rest measures after a collection, which the admin API's heap profile can ask for.
func rest(t *testing.T, e *env.Env) footprint {
	t.Helper()
	_ = admin(t, e, "/debug/pprof/heap?gc=1").Body.Close()
	values := scrape(t, e)
	return footprint{int(values["go_memstats_heap_inuse_bytes"]), int(values["process_resident_memory_bytes"]), int(values["go_goroutines"])}
}
