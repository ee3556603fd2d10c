package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// ask asks a person for a line.
func (e *env) ask(question string) (string, error) {
	fmt.Fprint(e.err, question)
	line, err := bufio.NewReader(io.LimitReader(e.in, 1024)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", unusable("", "reading the answer: %v", err)
	}
	return strings.TrimSpace(line), nil
}

// askSecret is ask without showing what is typed, if somebody types.
func (e *env) askSecret(question string) (string, error) {
	f, ok := e.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return e.ask("")
	}
	fmt.Fprint(e.err, question)
	secret, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(e.err)
	if err != nil {
		return "", unusable("", "reading the answer: %v", err)
	}
	return strings.TrimSpace(string(secret)), nil
}
