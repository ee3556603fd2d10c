package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/attest/appraise"
)

// maxRequest bounds one request, in bytes: large enough for a CRL of a few million bytes as PEM in JSON.
const maxRequest = 16 << 20

func newAppraise(e *env) *cobra.Command {
	var lines bool
	c := &cobra.Command{
		Use:   "appraise < REQUEST.json",
		Short: "Put one piece of evidence before the verifier",
		Long: `Put one piece of evidence before the verifier of the gateway, at a time, with a challenge and with trust anchors of your choice.

The request is a JSON object on standard input, the answer one on standard output. There is no network, no state and no other file.
With --lines there is one request a line, answered in order; a request that is not valid is answered too, and the exit code is 0.

Exit codes:
  0  accepted
  1  refused
  2  the request is not valid
  3  could not tell: reading or writing failed`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			door := appraise.New(map[string]appraise.Format{"recovery-token": appraiseToken})
			if lines {
				return appraiseLines(e, door)
			}
			return appraiseOne(e, door)
		},
	}
	c.Flags().BoolVar(&lines, "lines", false, "read one request a line and answer each")
	return c
}

func appraiseOne(e *env, door *appraise.Door) error {
	text, err := io.ReadAll(io.LimitReader(e.in, maxRequest+1))
	if err != nil {
		return unreadable(err)
	}
	answer := tooLong
	if len(text) <= maxRequest {
		answer = door.Answer(text)
	}
	if err := say(e.out, answer); err != nil {
		return err
	}
	switch answer.Verdict {
	case appraise.Accept:
		return nil
	case appraise.Refuse:
		return &failure{exitRefused, fmt.Sprintf("refused: %s", answer.Reason), ""}
	default:
		return &failure{exitUsage, "the request is not valid: " + answer.Detail, ""}
	}
}

// appraiseLines writes each answer before it reads on, so that a line that is slow or worse can be named.
func appraiseLines(e *env, door *appraise.Door) error {
	in := bufio.NewReaderSize(e.in, 1<<16)
	for {
		text, err := readLine(in)
		if len(text) == 0 && errors.Is(err, io.EOF) {
			break
		}
		answer := tooLong
		if text != nil {
			answer = door.Answer(text)
		}
		if err := say(e.out, answer); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(err)
		}
	}
	if n := door.Panics(); n > 0 {
		fmt.Fprintf(e.err, "regrant: %d requests made a parser panic; each was refused as malformed\n", n)
	}
	return nil
}

var tooLong = appraise.Answer{Verdict: appraise.Error, Detail: fmt.Sprintf("request is longer than %d bytes", maxRequest)}

// readLine returns the next line without its end; nil for one that is too long, which it skips.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, long := []byte{}, false
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxRequest; !long {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long {
			return nil, err
		}
		return bytes.TrimSuffix(line, []byte("\n")), err
	}
}

func say(out io.Writer, answer appraise.Answer) error {
	text, err := answer.Encode()
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err != nil {
		return &failure{exitUnavailable, fmt.Sprintf("the answer was not written: %v", err), ""}
	}
	return nil
}

func unreadable(err error) error {
	return &failure{exitUnavailable, fmt.Sprintf("standard input was not read: %v", err), ""}
}
