package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
)

var appraisedAt = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

// chainRequest is a good request on one line.
func chainRequest(t *testing.T, id string) string {
	t.Helper()
	ca := attesttest.NewCA(t)
	return asLine(t, map[string]any{
		"id": id, "format": "x509-chain", "time": appraisedAt.Format(time.RFC3339),
		"evidence": map[string]any{"certificates": ca.Device(t, nil).Chain},
		"trust":    map[string]any{"roots": []string{attesttest.PEM(ca.Certificate)}},
		"expect":   map[string]any{"revocation": "off"},
	})
}

func asLine(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func appraiseWith(in io.Reader, out io.Writer, args ...string) (code int, complaint string) {
	var err strings.Builder
	code = run(context.Background(), &env{in: in, out: out, err: &err}, append([]string{"appraise"}, args...))
	return code, err.String()
}

func TestOneRequestEndsWithItsVerdict(t *testing.T) {
	good := chainRequest(t, "a")
	for name, tt := range map[string]struct {
		in   string
		code int
		out  string
	}{
		"accepted":  {good, exitDone, `{"id":"a","verdict":"accept","claims":{`},
		"refused":   {strings.Replace(good, `"off"`, `"required"`, 1), exitRefused, `{"id":"a","verdict":"refuse","reason":"revocation-unknown"`},
		"not valid": {`{"id":"a"}`, exitUsage, `{"id":"a","verdict":"error","detail":"`},
		"nothing":   {"", exitUsage, `{"verdict":"error"`},
		"too long":  {strings.Repeat(" ", maxRequest+1), exitUsage, `{"verdict":"error"`},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			code, complaint := appraiseWith(strings.NewReader(tt.in), &out)
			if code != tt.code || !strings.HasPrefix(out.String(), tt.out) || strings.Count(out.String(), "\n") != 1 {
				t.Errorf("exit code %d, %s%s", code, out.String(), complaint)
			}
		})
	}
}

func TestEveryLineHasItsAnswerInOrder(t *testing.T) {
	in := chainRequest(t, "a") + "\n\n{\n" + strings.Repeat("x", maxRequest+1) + "\n" + chainRequest(t, "b") // and no last line end
	var out strings.Builder
	if code, complaint := appraiseWith(strings.NewReader(in), &out, "--lines"); code != exitDone || complaint != "" {
		t.Fatalf("exit code %d, %s", code, complaint)
	}
	want := []string{`{"id":"a","verdict":"accept"`, `{"verdict":"error"`, `{"verdict":"error"`, `{"verdict":"error"`, `{"id":"b","verdict":"accept"`}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d answers", len(lines))
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("answer %d: %s", i, lines[i])
		}
	}
}

// A line that is slow, or worse, can be named: all before it are answered.
func TestEachAnswerIsWrittenBeforeTheNextLineIsRead(t *testing.T) {
	in, feed := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan int)
	go func() {
		code, _ := appraiseWith(in, out, "--lines")
		done <- code
	}()
	read := bufio.NewReader(answers)
	for _, id := range []string{"a", "b", "c"} {
		if _, err := io.WriteString(feed, chainRequest(t, id)+"\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := read.ReadString('\n')
		if err != nil || !strings.HasPrefix(answer, `{"id":"`+id+`","verdict":"accept"`) {
			t.Fatalf("%s, %v", answer, err)
		}
	}
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-done; code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// failing is a reader and writer that fails.
type failing struct{}

func (failing) Read([]byte) (int, error)  { return 0, errors.New("broken") }
func (failing) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestBrokenInputOrOutputIsNoVerdict(t *testing.T) {
	for _, args := range [][]string{nil, {"--lines"}} {
		if code, _ := appraiseWith(failing{}, io.Discard, args...); code != exitUnavailable {
			t.Errorf("%v, broken input: exit code %d", args, code)
		}
		if code, _ := appraiseWith(strings.NewReader("{}\n"), failing{}, args...); code != exitUnavailable {
			t.Errorf("%v, broken output: exit code %d", args, code)
		}
	}
}
