package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/integration/mistakes"
)

var update = flag.Bool("update", false, "write into the documentation what was observed")

// Both get the same mistakes. That neither refuses everything is seen by the good request that goes with each.
func TestWhateverHydraRefusesIsRefusedHere(t *testing.T) {
	needs(t, "")
	theirs, theirsByKey := realHydra(t)
	ours, oursByKey := gateway(t)
	inTheDocs(t, "## In the assertion that is exchanged, and in the request around it\n\n"+compared(t, mistakes.List(), ours, theirs)+
		"\n## In the assertion that authenticates the client\n\n"+compared(t, mistakes.ClientList(), oursByKey, theirsByKey))
	t.Run("one of sixteen at once", func(t *testing.T) {
		for range 5 { // Hydra's losers are not answered the same way each time
			oneOfSixteen(t, "here", ours, "400 invalid_grant")
			oneOfSixteen(t, "at Hydra", theirs, "400 jti_known", "500 server_error")
			oneOfSixteen(t, "here, by key", oursByKey, "401 invalid_client")
			oneOfSixteen(t, "at Hydra, by key", theirsByKey, "400 jti_known", "500 server_error")
		}
	})
}

// compared makes every mistake at both, and says what differs.
func compared(t *testing.T, list []mistakes.Mistake, ours, theirs *peer) string {
	t.Helper()
	var table differences
	names := map[string]bool{}
	for _, m := range list {
		if names[m.Name] {
			t.Errorf("%s: twice in the list", m.Name)
		}
		names[m.Name] = true
		here, there := ours.tried(t, m), theirs.tried(t, m)
		wantRefusal(t, m.Name, here)
		switch alike := inShort(here) == inShort(there); {
		case alike && m.Why != "":
			t.Errorf("%s: both answer %s, and the list says why they do not", m.Name, inShort(here))
		case !alike && m.Why == "":
			t.Errorf("%s: here %s, there %s, and the list does not say why", m.Name, inShort(here), inShort(there))
		case !alike:
			table.add(m, inShort(here), inShort(there))
		}
	}
	return fmt.Sprintf("Of %d mistakes, Hydra %s and Regrant answer %d alike. These are the others; 200 is a token:\n\n%s",
		len(names), hydra.Version, len(names)-table.count, table.text())
}

// refusals are the codes of RFC 6749 §5.2.
var refusals = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

// wantRefusal demands the form of RFC 6749 §5.2. What HTTP has a status of its own for has that status.
func wantRefusal(t *testing.T, mistake string, a claimant.Answer) {
	t.Helper()
	statuses := []int{
		http.StatusBadRequest, http.StatusUnauthorized,
		http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
	}
	var body map[string]string
	if err := json.Unmarshal(a.Body, &body); err != nil || !slices.Contains(refusals, body["error"]) || !slices.Contains(statuses, a.Status) {
		t.Errorf("%s: answered %d %s", mistake, a.Status, a.Body)
	}
	if (a.Status == http.StatusUnauthorized) != (a.Header.Get("WWW-Authenticate") != "") || (a.Status == http.StatusUnauthorized) != (body["error"] == "invalid_client") {
		t.Errorf("%s: answered %d %s with the challenge %q", mistake, a.Status, a.Body, a.Header.Get("WWW-Authenticate"))
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: answered with %v", mistake, a.Header)
	}
}

// differences are the mistakes that are not answered alike, together where answers and reason are the same.
type differences struct {
	rows  []row
	count int
}

type row struct{ names, here, there, why string }

func (d *differences) add(m mistakes.Mistake, here, there string) {
	d.count++
	for i, r := range d.rows {
		if r.here == here && r.there == there && r.why == m.Why {
			d.rows[i].names += "; " + m.Name
			return
		}
	}
	d.rows = append(d.rows, row{m.Name, here, there, m.Why})
}

func (d *differences) text() string {
	out := "| mistakes | Regrant | Hydra | why |\n|---|---|---|---|\n"
	for _, r := range d.rows {
		out += fmt.Sprintf("| %s | %s | %s | %s |\n", r.names, r.here, r.there, r.why)
	}
	return out
}

// inTheDocs demands the text between the markers of docs/differences.md, or writes it there.
func inTheDocs(t *testing.T, want string) {
	t.Helper()
	const file, begin, end = "../docs/differences.md", "<!-- observed -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(file)
	fatal(t, err)
	before, rest, _ := strings.Cut(string(text), begin)
	got, after, ok := strings.Cut(rest, end)
	switch {
	case !ok:
		t.Fatalf("%s has no markers", file)
	case *update:
		fatal(t, os.WriteFile(file, []byte(before+begin+want+end+after), 0o644))
	case got != want:
		t.Errorf("%s is not what was observed; see with -update.\nobserved:\n%s", file, want)
	}
}

// oneOfSixteen sends one assertion sixteen times at once, and then once more.
func oneOfSixteen(t *testing.T, where string, p *peer, lost ...string) {
	t.Helper()
	const n = 16
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	original := p.make(t, p.good())
	text, err := io.ReadAll(original.Body)
	fatal(t, err)
	again := func(body io.Reader) *http.Request {
		req := original.Clone(ctx)
		req.Body, req.GetBody = io.NopCloser(body), nil
		p.prepare(req)
		return req
	}
	together := newBarrier(n)
	requests := make([]*http.Request, n)
	for i := range requests {
		requests[i] = again(io.MultiReader(bytes.NewReader(text[:len(text)-1]), &last{ctx, together, text[len(text)-1:]}))
	}
	answers, failed := make([]claimant.Answer, n), make([]error, n)
	atOnce(n, func(i int) { answers[i], failed[i] = p.send(requests[i]) })
	count := map[string]int{}
	for i, a := range answers {
		fatal(t, failed[i])
		count[inShort(a)]++
	}
	won := count["200"]
	delete(count, "200")
	for how := range count {
		if !slices.Contains(lost, how) {
			t.Errorf("%s: losers are answered %q", where, how)
		}
	}
	if won != 1 {
		t.Errorf("%s: %d won, the others: %v", where, won, count)
	}
	t.Logf("%s: one wins, the others: %v", where, count)
	if late, err := p.send(again(bytes.NewReader(text))); err != nil || inShort(late) != lost[0] {
		t.Errorf("%s: afterwards: %d %s, %v", where, late.Status, late.Body, err)
	}
}

// barrier lets everybody through once all are there.
type barrier struct {
	missing atomic.Int32
	open    chan struct{}
}

func newBarrier(n int32) *barrier {
	b := &barrier{open: make(chan struct{})}
	b.missing.Store(n)
	return b
}

func (b *barrier) wait(ctx context.Context) error {
	if b.missing.Add(-1) == 0 {
		close(b.open)
	}
	select {
	case <-b.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// last is the last byte of a request, which waits at the barrier: by then every request has its connection.
type last struct {
	ctx  context.Context
	at   *barrier
	rest []byte
}

func (l *last) Read(into []byte) (int, error) {
	if len(l.rest) == 0 {
		return 0, io.EOF
	}
	if err := l.at.wait(l.ctx); err != nil {
		return 0, err
	}
	n := copy(into, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
