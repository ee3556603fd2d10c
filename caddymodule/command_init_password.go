package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxPassword bounds what is read as a password, in bytes.
const maxPassword = 4096

// askPassword reads a password from a file ("-" is standard input), else from an environment variable, else from the person at
// the terminal. It is never an argument, which everybody on the machine could read.
func askPassword(cmd *cobra.Command, file, variable, question string) (string, error) {
	switch {
	case file == "-":
		return readPassword(cmd.InOrStdin())
	case file != "":
		f, err := os.Open(file) //nolint:gosec // the operator names it
		if err != nil {
			return "", fmt.Errorf("reading a password: %v", err)
		}
		defer f.Close()
		return readPassword(f)
	case variable != "" && os.Getenv(variable) != "":
		return os.Getenv(variable), nil
	}
	terminal, ok := cmd.InOrStdin().(*os.File)
	if question == "" || !ok || !term.IsTerminal(int(terminal.Fd())) {
		return "", errors.New("there is no password, and nobody to ask for it: give --admin-password-file, where - is standard input")
	}
	fmt.Fprint(cmd.ErrOrStderr(), question)
	defer fmt.Fprintln(cmd.ErrOrStderr())
	typed, err := term.ReadPassword(int(terminal.Fd()))
	if err != nil {
		return "", fmt.Errorf("reading a password: %v", err)
	}
	return string(typed), nil
}

func readPassword(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("reading a password: %v", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" || len(text) > maxPassword {
		return "", fmt.Errorf("a password has 1 to %d bytes", maxPassword)
	}
	return password, nil
}
