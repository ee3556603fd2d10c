// Package strictjson decodes JSON that comes from outside.
//
// Two programs that read one text differently are an attack waiting to happen: the first of two members of the same
// name is checked, the second is used. So there is one reading only. A text must be exactly one value in valid UTF-8, nested at most
// [MaxDepth] deep; a member that occurs twice, that the Go type does not know, or that is spelled in another case is an error.
//
// Errors name the offending member and never repeat a value, since a value may be a secret.
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how many objects and arrays may be nested in one another.
const MaxDepth = 16

// maxMember bounds how much of a member name chosen by the sender an [Error] repeats, in bytes.
const maxMember = 128

// ErrTooLarge is returned by [DecodeReader] when there is more data than the caller allows.
var ErrTooLarge = errors.New("JSON text is too large")

// Error says which member of a JSON text was refused and why.
type Error struct {
	Member  string // JSON Pointer (RFC 6901), "" for the whole text; its names were chosen by the sender
	Problem string // fixed text, never a value
}

func (e *Error) Error() string {
	if e.Member == "" {
		return "JSON: " + e.Problem
	}
	return fmt.Sprintf("JSON: member %q: %s", e.Member, e.Problem)
}

// DecodeReader reads at most max bytes from r and decodes them as [Decode] does. More data gives [ErrTooLarge]; an error of
// r is wrapped.
func DecodeReader(r io.Reader, max int64, into any) error {
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	if int64(len(data)) > max {
		return ErrTooLarge
	}
	return Decode(data, into)
}

// Decode decodes the one JSON value in data, whose size the caller has bounded, into the value that into points at. Every error is an *[Error];
// what into points at is then undefined and must not be used. A member that is absent or null leaves the zero value:
// the caller checks what it needs.
func Decode(data []byte, into any) error {
	if depth(data) > MaxDepth {
		return tooDeep(data)
	}
	if err := json.Unmarshal(data, into, json.RejectUnknownMembers(true)); err != nil {
		return explain(err)
	}
	return nil
}

// depth is how deep data nests, if it is JSON; if it is not, the decoder finds that out before it gets any deeper. It is asked before the
// recursive decoder sees the text, and costs a look at each byte.
func depth(data []byte) (deepest int) {
	level, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++ // whatever it is, it does not end the string
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// tooDeep says where data is not JSON, or else where it is nested too deeply.
func tooDeep(data []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := d.ReadToken(); err != nil {
			return explain(err)
		}
		if d.StackDepth() > MaxDepth {
			return &Error{Member: clip(d.StackPointer()), Problem: "nested too deeply"}
		}
	}
}

// explain puts an error of the JSON library into our words: its own texts quote the input.
func explain(err error) error {
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return &Error{Member: clip(syntactic.JSONPointer), Problem: "occurs twice"}
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return &Error{Member: clip(semantic.JSONPointer), Problem: "is not known"}
	case errors.As(err, &semantic):
		return &Error{Member: clip(semantic.JSONPointer), Problem: "has the wrong type or form"}
	case errors.As(err, &syntactic):
		return &Error{Member: clip(syntactic.JSONPointer), Problem: "not valid JSON"}
	default:
		return &Error{Problem: "not valid JSON"}
	}
}

func clip(p jsontext.Pointer) string {
	return string(p[:min(len(p), maxMember)])
}
