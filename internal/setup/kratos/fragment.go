package kratos

import (
	"fmt"
	"strings"
)

// Fragment is what the file should say, as YAML, for those who keep it as code. It calls nobody and reads no file, so what depends on
// that is said in words.
func (o Options) Fragment() string {
	var out strings.Builder
	out.WriteString("# What the gateway needs of Kratos: to be merged into kratos.yml.\n")
	tree := &branch{}
	for _, w := range o.wanted(config{}) {
		tree.put(strings.Split(w.path, "."), w)
	}
	tree.write(&out, "")
	return out.String()
}

// branch is a mapping that is to be written, in the order in which it came to be.
type branch struct {
	names    []string
	branches map[string]*branch
	leaf     wanted
}

func (b *branch) put(words []string, w wanted) {
	if len(words) == 0 {
		b.leaf = w
		return
	}
	if b.branches == nil {
		b.branches = map[string]*branch{}
	}
	next := b.branches[words[0]]
	if next == nil {
		next = &branch{}
		b.names, b.branches[words[0]] = append(b.names, words[0]), next
	}
	next.put(words[1:], w)
}

func (b *branch) write(out *strings.Builder, indent string) {
	for _, name := range b.names {
		next := b.branches[name]
		if next.names == nil {
			fmt.Fprintf(out, "%s# %s\n", indent, next.leaf.why)
			if next.leaf.unless != "" {
				fmt.Fprintf(out, "%s# leave this out if %s\n", indent, next.leaf.unless)
			}
			fmt.Fprintf(out, "%s%s: %s\n", indent, name, next.leaf.written)
			continue
		}
		fmt.Fprintf(out, "%s%s:\n", indent, name)
		next.write(out, indent+"  ")
	}
}
