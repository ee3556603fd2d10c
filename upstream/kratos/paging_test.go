package kratos

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/regrant/regrant/upstream"
)

// listing is an adapter whose account has so many sessions, on pages counted from first; endless pages are always full.
func listing(t *testing.T, sessions, first int, endless bool) *Adapter {
	return answering(t, func(r *http.Request) *http.Response {
		if r.URL.Path == "/admin/version" {
			return reply(http.StatusOK, `{"version":"v1.3.1"}`)
		}
		size, err := strconv.Atoi(r.URL.Query().Get("per_page"))
		page, err2 := strconv.Atoi(r.URL.Query().Get("page"))
		if err != nil || err2 != nil || r.URL.Query().Get("active") != "true" {
			t.Fatal(r.URL)
		}
		from := max(page-first, 0) * size
		var all []string
		for n := from; n < from+size && (n < sessions || endless); n++ {
			all = append(all, fmt.Sprintf(`{"id":"session-%d","identity":{"id":"4b1d"}}`, n))
		}
		return reply(http.StatusOK, "["+strings.Join(all, ",")+"]")
	})
}

// Kratos counts pages from 1 and takes 0 for 1; its own links count from 0.
func TestEverySessionIsReadHoweverPagesAreCounted(t *testing.T) {
	for _, first := range []int{0, 1} {
		for _, n := range []int{0, 1, perPage - 1, perPage, perPage + 1, 2 * perPage, 3*perPage + 1} {
			times := map[string]int{}
			all, err := listing(t, n, first, false).standing(t.Context(), "4b1d", func(s session) bool { times[s.ID]++; return true })
			if err != nil || len(all) != n || len(times) != n {
				t.Errorf("counted from %d, %d sessions: %d read, %v", first, n, len(all), err)
			}
		}
	}
}

func TestWhereSessionsHaveNoEndNothingIsKnown(t *testing.T) {
	all := func(session) bool { return true }
	if got, err := listing(t, 0, 0, true).standing(t.Context(), "4b1d", all); !errors.Is(err, upstream.ErrUnavailable) || got != nil {
		t.Errorf("%d read, %v", len(got), err)
	}
}

func TestSessionsOfSomebodyElseAreNoAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"somebody else's": `[{"id":"a","identity":{"id":"other"}}]`,
		"nobody's":        `[{"id":"a"}]`,
		"without id":      `[{"identity":{"id":"4b1d"}}]`,
		"a path":          `[{"id":"../identities/x","identity":{"id":"4b1d"}}]`,
		"no list":         `null`,
	} {
		a := answering(t, func(r *http.Request) *http.Response {
			if r.URL.Path == "/admin/version" {
				return reply(http.StatusOK, `{"version":"v1.3.1"}`)
			}
			if r.Method != http.MethodGet {
				t.Errorf("%s: %s %s", name, r.Method, r.URL)
			}
			return reply(http.StatusOK, text)
		})
		if err := a.end(t.Context(), "4b1d", func(session) bool { return true }); !errors.Is(err, upstream.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
