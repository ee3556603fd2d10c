package main

import "sync"

// tail keeps the end of what the programs print. They print into a pipe and not into a file, since what they write to
// storage is counted.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const lastWords = 6000 // bytes

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > 2*lastWords {
		t.text = append(t.text[:0], t.text[len(t.text)-lastWords:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text[max(0, len(t.text)-lastWords):])
}
