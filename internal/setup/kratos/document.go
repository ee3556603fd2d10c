package kratos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is a configuration in YAML, or in JSON, which YAML contains.
type document struct {
	text []byte
	root *yaml.Node // a mapping
}

var lineNumber = regexp.MustCompile(`line \d+`)

// parse reads one document. Its error shows a line's number and nothing of the text.
func parse(text []byte) (document, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var whole, another yaml.Node
	var values map[string]any
	err := decoder.Decode(&whole)
	if err == nil {
		err = whole.Decode(&values) // finds keys that are there twice
	}
	if err != nil {
		return document{}, fmt.Errorf("it is no YAML whose top is a mapping %s", lineNumber.FindString(err.Error()))
	}
	if whole.Content[0].Kind != yaml.MappingNode || len(values) == 0 {
		return document{}, errors.New("it is no YAML whose top is a mapping that is not empty")
	}
	if !errors.Is(decoder.Decode(&another), io.EOF) {
		return document{}, errors.New("it holds more than one document of YAML")
	}
	return document{text, whole.Content[0]}, nil
}

// values is the whole as Go values.
func (d document) values() (values map[string]any, err error) {
	if err := d.root.Decode(&values); err != nil {
		return nil, errors.New("it is no YAML whose top is a mapping")
	}
	return values, nil
}

// place is where a path leads, as far as it is there.
type place struct {
	trail []*yaml.Node // mappings, the root first
	keys  []*yaml.Node // the key found in each of them; one fewer than trail if the path ends early
	value *yaml.Node   // nil: the path ends early
}

// find follows a path such as selfservice.flows. What is shared between places, by an anchor or a merge, is refused.
func (d document) find(path string) (place, error) {
	p := place{trail: []*yaml.Node{d.root}}
	words := strings.Split(path, ".")
	for i, word := range words {
		last := p.trail[len(p.trail)-1]
		at := slices.IndexFunc(last.Content, func(n *yaml.Node) bool { return n.Value == "<<" && n.Tag == "!!merge" })
		if at >= 0 {
			return place{}, fmt.Errorf("line %d merges in what is elsewhere: change this by hand", last.Content[at].Line)
		}
		key, value := member(last, word)
		if key == nil {
			return p, nil
		}
		p.keys = append(p.keys, key)
		switch {
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			return place{}, fmt.Errorf("line %d shares what it holds by an anchor: change this by hand", value.Line)
		case i == len(words)-1:
			p.value = value
		case value.Kind != yaml.MappingNode:
			return place{}, fmt.Errorf("%s, on line %d, is not a mapping: remove it, or fill it in by hand", strings.Join(words[:i+1], "."), value.Line)
		default:
			p.trail = append(p.trail, value)
		}
	}
	return p, nil
}

func member(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// written is a single value as it stands in the file, "" if it is not there.
func (d document) written(path string) (string, error) {
	p, err := d.find(path)
	if err != nil || p.value == nil {
		return "", err
	}
	token, ok := d.token(p.value)
	if !ok || token == "" {
		return "", fmt.Errorf("%s, on line %d, is not a plain value on one line: change this by hand", path, p.value.Line)
	}
	return token, nil
}

// token is the text of a scalar on one line.
func (d document) token(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	rest := d.text[d.offset(n):]
	switch n.Style {
	case 0:
		return n.Value, bytes.HasPrefix(rest, []byte(n.Value))
	case yaml.DoubleQuotedStyle:
		return found(doubleQuoted, rest)
	case yaml.SingleQuotedStyle:
		return found(singleQuoted, rest)
	}
	return "", false
}

var (
	doubleQuoted = regexp.MustCompile(`^"(?:[^"\\\r\n]|\\[^\r\n])*"`)
	singleQuoted = regexp.MustCompile(`^'(?:[^'\r\n]|'')*'`)
)

func found(form *regexp.Regexp, text []byte) (string, bool) {
	token := form.Find(text)
	return string(token), token != nil
}

// offset is where a node begins, in bytes. YAML counts columns in characters.
func (d document) offset(n *yaml.Node) int {
	at := d.line(n.Line)
	for range n.Column - 1 {
		if at >= len(d.text) {
			break
		}
		at += len(firstRune(d.text[at:]))
	}
	return at
}

func firstRune(text []byte) []byte {
	for i := 1; i < len(text); i++ {
		if text[i]&0xC0 != 0x80 {
			return text[:i]
		}
	}
	return text
}

// line is where a line begins, in bytes; the first is 1.
func (d document) line(number int) int {
	at := 0
	for range number - 1 {
		end := bytes.IndexByte(d.text[at:], '\n')
		if end < 0 {
			return len(d.text)
		}
		at += end + 1
	}
	return at
}
