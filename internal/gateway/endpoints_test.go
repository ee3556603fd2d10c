package gateway

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// There is no endpoint that the documents do not name (ASVS 6.1.3), and integration reads there what to attack.
func TestTheEndpointsAreTheDocumentedOnes(t *testing.T) {
	h := open(t)
	speaks := map[kind]string{page: "page", api: "api", oauth: "oauth", document: "document", either: "either"}
	var rows []string
	for path, rt := range h.routes {
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", strings.Replace(path, h.Path, "{path}", 1), rt.allow(), speaks[rt.kind]))
	}
	slices.Sort(rows)
	want := "|---|---|---|\n" + strings.Join(rows, "")
	text, err := os.ReadFile("../../docs/endpoints.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, table, _ := strings.Cut(string(text), "| path | methods | speaks |\n"); table != want {
		t.Errorf("docs/endpoints.md does not end with these rows:\n%s", want)
	}
}
