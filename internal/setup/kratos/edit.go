package kratos

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

var errLayout = errors.New("the way in which the file is laid out is too unusual to be changed safely: change this by hand")

// with returns the text with a single value, written as YAML; "" takes it out. Nothing else changes, comments and order
// included: that is checked, and so is that the way back leads to the same bytes. What cannot be done so is refused.
func with(text []byte, path, value string) ([]byte, error) {
	before, err := parse(text)
	if err != nil {
		return nil, err
	}
	was, err := before.written(path)
	if err != nil || was == value {
		return text, err
	}
	changed, err := before.edit(path, value)
	if err != nil {
		return nil, err
	}
	if err := onlyThere(before, changed, path, value); err != nil {
		return nil, err
	}
	if value == "" {
		return changed, nil
	}
	after, err := parse(changed)
	if err != nil {
		return nil, errLayout
	}
	if back, err := after.edit(path, was); err != nil || !bytes.Equal(back, text) {
		return nil, errLayout
	}
	return changed, nil
}

// onlyThere refuses a change that has changed anything else.
func onlyThere(before document, changed []byte, path, value string) error {
	after, err := parse(changed)
	if err != nil {
		return errLayout
	}
	if now, err := after.written(path); err != nil || now != value {
		return errLayout
	}
	x, err1 := before.values()
	y, err2 := after.values()
	words := strings.Split(path, ".")
	without(x, words)
	without(y, words)
	if err1 != nil || err2 != nil || !reflect.DeepEqual(x, y) {
		return errLayout
	}
	return nil
}

// without takes a path out of values, and what is empty then.
func without(values map[string]any, words []string) {
	inner, ok := values[words[0]].(map[string]any)
	if len(words) > 1 && ok {
		without(inner, words[1:])
	}
	if len(words) == 1 || ok && len(inner) == 0 {
		delete(values, words[0])
	}
}

func (d document) edit(path, value string) ([]byte, error) {
	p, err := d.find(path)
	switch {
	case err != nil:
		return nil, err
	case value == "" && p.value == nil:
		return d.text, nil
	case value == "":
		return d.remove(p)
	case p.value == nil:
		return d.insert(p, strings.Split(path, ".")[len(p.keys):], value), nil
	}
	token, ok := d.token(p.value)
	if !ok {
		return nil, errLayout
	}
	at := d.offset(p.value)
	return d.splice(at, at+len(token), value), nil
}

func (d document) splice(from, to int, text string) []byte {
	return []byte(string(d.text[:from]) + text + string(d.text[to:]))
}

// insert writes what is missing of a path: first in its mapping, or at the end of the file where that is the whole.
func (d document) insert(p place, missing []string, value string) []byte {
	last := p.trail[len(p.trail)-1]
	if last.Style&yaml.FlowStyle != 0 {
		at := d.offset(last) + 1
		entry := blank(d.text[at:]) + flow(missing, value)
		if len(last.Content) > 0 {
			entry += ","
		}
		return d.splice(at, at, entry)
	}
	end := "\n"
	if bytes.Contains(d.text, []byte("\r\n")) {
		end = "\r\n"
	}
	lines := block(missing, value, last.Content[0].Column-1, end)
	if len(p.trail) > 1 {
		at := d.line(p.keys[len(p.keys)-1].Line + 1)
		return d.splice(at, at, lines)
	}
	if bytes.HasSuffix(d.text, []byte("\n")) {
		return d.splice(len(d.text), len(d.text), lines)
	}
	return d.splice(len(d.text), len(d.text), end+strings.TrimSuffix(lines, end))
}

// flow is an entry of a mapping in braces, which is also JSON.
func flow(words []string, value string) string {
	if len(words) == 1 {
		return fmt.Sprintf("%q: %s", words[0], value)
	}
	return fmt.Sprintf("%q: {%s}", words[0], flow(words[1:], value))
}

// block is an entry of a mapping in lines.
func block(words []string, value string, indent int, end string) string {
	line := strings.Repeat(" ", indent) + words[0] + ":"
	if len(words) == 1 {
		return line + " " + value + end
	}
	return line + end + block(words[1:], value, indent+2, end)
}

// remove takes out a value with its key, and every mapping that would be empty then.
func (d document) remove(p place) ([]byte, error) {
	depth := len(p.keys) - 1
	for depth > 0 && len(p.trail[depth].Content) == 2 {
		depth--
	}
	mapping, key := p.trail[depth], p.keys[depth]
	token, ok := d.token(p.value)
	if !ok {
		return nil, errLayout
	}
	end := d.offset(p.value) + len(token)
	if mapping.Style&yaml.FlowStyle == 0 {
		return d.withoutLines(key.Line, p.value.Line), nil
	}
	for range len(p.keys) - 1 - depth { // braces of the mappings that go
		end += len(blank(d.text[end:])) + 1
	}
	start := d.offset(mapping) + 1
	if key != mapping.Content[0] { // somebody has put something before it
		start = bytes.LastIndexByte(d.text[:d.offset(key)], ',')
	} else if rest := d.text[end:]; bytes.HasPrefix(rest, []byte(",")) {
		end++
	}
	if start < 0 {
		return nil, errLayout
	}
	return d.splice(start, end, ""), nil
}

// withoutLines takes whole lines out.
func (d document) withoutLines(first, last int) []byte {
	from, to := d.line(first), d.line(last+1)
	if to == len(d.text) && !bytes.HasSuffix(d.text, []byte("\n")) {
		return bytes.TrimSuffix(bytes.TrimSuffix(d.text[:from], []byte("\n")), []byte("\r"))
	}
	return d.splice(from, to, "")
}

// blank is the white space at the beginning of text.
func blank(text []byte) string {
	return string(text[:len(text)-len(bytes.TrimLeftFunc(text, unicode.IsSpace))])
}
