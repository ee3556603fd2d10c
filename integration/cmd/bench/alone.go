package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// alone is where Caddy answers by itself, on the gateway's site.
const alone = "/alone"

// answering has it answer there.
const answering = "\n\trespond " + alone + " 204"

// front is what a request costs in front, whoever answers it: how long one is under way that Caddy answers by itself. It follows those of a
// completion, as one more of them. Without a body and cookies, it costs rather less than they.
func (h *hops) front(ctx context.Context) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.origin+alone, http.NoBody)
	if err != nil {
		return 0, err
	}
	h.reset()
	resp, err := h.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return 0, fmt.Errorf("%s is answered %d, and not by Caddy alone", alone, resp.StatusCode)
	}
	return h.taken[0].length(), nil
}

// plausible demands that Caddy alone is quicker than whatever does more, in front of whichever identity provider that was.
func (b *bench) plausible(all []completed) {
	least := slices.MinFunc(all, func(x, y completed) int { return cmp.Compare(x.Quickest, y.Quickest) })
	for _, c := range all {
		b.demand(c.Alone < least.Quickest, "a completion, %s: %s for a request that Caddy answers alone is not plausible, %s beside calls is enough for others (%s)",
			c.What, short(c.Alone), short(least.Quickest), least.What)
	}
}
