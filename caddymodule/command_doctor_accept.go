package caddymodule

import (
	"fmt"
	"strings"

	"github.com/regrant/regrant/internal/doctor/catalogue"
)

// parseAccepted reads what --accept says: the reasons, by check, of any identity provider, so that several upstreams can share one list. A check that does not exist would accept nothing, and nobody would
// notice.
func parseAccepted(given []string) (map[string]string, error) {
	accepted := make(map[string]string, len(given))
	for _, text := range given {
		id, reason, _ := strings.Cut(text, "=")
		reason = strings.TrimSpace(reason)
		switch {
		case !catalogue.Knows(id):
			return nil, fmt.Errorf("--accept %s: there is no check %q; docs/doctor.md lists them", text, id)
		case reason == "":
			return nil, fmt.Errorf("--accept %s: write why, as %s=REASON", text, id)
		case accepted[id] != "":
			return nil, fmt.Errorf("--accept names %s twice", id)
		}
		accepted[id] = reason
	}
	return accepted, nil
}
