package doctor

import (
	"context"
	"fmt"
	"strings"
)

// Variants are the spellings of a path that servers are known to take for the path itself: what a lenient one resolves,
// decodes or cuts off, and one trailing slash.
func Variants(path string) []string {
	path, query, _ := strings.Cut(path, "?")
	if query != "" {
		query = "?" + query
	}
	cut := strings.LastIndex(path, "/")
	dir, last := path[:cut], path[cut+1:]
	forms := []string{
		path, path + "/", "/" + path, dir + "//" + last, dir + "/./" + last, dir + "/x/../" + last, dir + "/%2e/" + last,
		dir + "/.%2e" + path, dir + "/x/%2e%2e/" + last, path + "/.", path + "//", path + "/x/..",
		dir + "/" + Encoded(last), encodedFirst(path), path + ";", path + ";x=y", dir + ";x/" + last, path + "/;",
		dir + "%2f" + last, path + "%2f", path + "%00", path + "%20", strings.ReplaceAll(dir, "/", "\\") + "/" + last, dir + "\\" + last,
		dir + "/" + strings.ToUpper(last), path + ".html", dir + "/%25" + Encoded(last)[1:], "http://" + Elsewhere + path, path + "\t",
	}
	out := forms[:0]
	for _, f := range forms {
		if f != "" && (f[0] == '/' || strings.HasPrefix(f, "http:")) {
			out = append(out, f+query)
		}
	}
	return out
}

// Through asks the site for every spelling of the paths, exactly as it is written, and judges whether none of the answers is
// the identity provider's.
func (s *Site) Through(ctx context.Context, paths []string, reaches func(Answer) bool) Verdict {
	var lines []string
	asked := 0
	for _, path := range paths {
		for i, variant := range Variants(path) {
			a, err := s.Raw(ctx, variant)
			if err != nil && (i == 0 || late(err)) { // the first is an ordinary path, which gets an answer
				return Unknown("after %d requests: %v", asked, err)
			}
			asked++
			if err == nil && reaches(a) {
				shown, _, _ := strings.Cut(variant, "?")
				lines = append(lines, fmt.Sprintf("%q answers %d", shown, a.Status))
			}
		}
	}
	return Fault(lines, fmt.Sprintf("%d spellings of %d paths, none gets through", asked, len(paths)))
}

// Encoded writes the first character of a segment as a percent-encoded one.
func Encoded(segment string) string {
	if segment == "" {
		return segment
	}
	return fmt.Sprintf("%%%02x", segment[0]) + segment[1:]
}

func encodedFirst(path string) string {
	first, rest, more := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !more {
		return "/" + Encoded(first)
	}
	return "/" + Encoded(first) + "/" + rest
}
