package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxAnswer bounds a line that is typed or pasted, in bytes.
const maxAnswer = 1024

// ask asks a person for a line.
func (e *env) ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(e.err, question)
	return await(ctx, e.readLine)
}

// readLine reads a line with its end; what is behind it stays for the next one. At the end of the input it is empty.
func (e *env) readLine() (string, error) {
	if e.lines == nil {
		e.lines = bufio.NewReaderSize(e.in, maxAnswer)
	}
	line, err := e.lines.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(line), err
}

// readParagraph reads lines until one is empty, or until the end of the input; empty ones before the first are passed over.
func (e *env) readParagraph(ctx context.Context, most int) (string, error) {
	return await(ctx, func() (string, error) {
		var text strings.Builder
		for text.Len() <= most {
			line, err := e.readLine()
			blank := strings.TrimSpace(line) == ""
			if err != nil || line == "" || blank && text.Len() > 0 {
				return text.String(), err
			}
			if !blank {
				text.WriteString(line)
			}
		}
		return "", fmt.Errorf("more than %d bytes", most)
	})
}

// askSecret is ask without showing what is typed, if somebody types.
func (e *env) askSecret(ctx context.Context, question string) (string, error) {
	f, ok := e.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return e.ask(ctx, "")
	}
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", unusable("", "reading the answer: %v", err)
	}
	defer func() { _ = term.Restore(int(f.Fd()), before) }() // also when interrupted, or the shell would show nothing any more
	fmt.Fprint(e.err, question)
	defer fmt.Fprintln(e.err)
	return await(ctx, func() (string, error) {
		secret, err := term.ReadPassword(int(f.Fd()))
		return string(secret), err
	})
}

// await returns what read reads, unless the person interrupts. The read then stays behind; the program ends.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", &failure{exitRefused, "interrupted", ""}
	case a := <-answers:
		if a.err != nil {
			return "", unusable("", "reading the answer: %v", a.err)
		}
		return strings.TrimSpace(a.text), nil
	}
}
