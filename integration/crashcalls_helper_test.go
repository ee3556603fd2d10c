package integration

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
)

// death is where the gateway is killed.
type death struct {
	call   call
	at     int  // how many calls come before
	before bool // before the call is forwarded, and not after it was answered
	cold   bool // a call that only a new process makes
}

func (d death) String() string {
	if d.before {
		return "before " + d.call.String()
	}
	return "after " + d.call.String()
}

// holds holds the call of d until the gateway is gone.
func (d death) holds(stands, gone chan struct{}) func(call, func()) {
	return func(now call, pass func()) {
		if now != d.call {
			pass()
			return
		}
		if !d.before {
			pass()
		}
		close(stands)
		<-gone
	}
}

// call is one of a recovery: its kind, and how many of that there are with it.
type call struct {
	kind string
	nth  int
}

func (c call) String() string { return fmt.Sprintf("%s #%d", c.kind, c.nth) }

// ids are what makes two calls of one kind different.
var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{43}`)

// calls are those of one recovery, in their order.
type calls struct {
	mu    sync.Mutex
	order []call
}

// seen adds the one that r is.
func (c *calls) seen(r *http.Request) call {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := call{r.Method + " " + ids.ReplaceAllString(r.URL.Path, "*"), 1}
	for _, before := range c.order {
		if before.kind == now.kind {
			now.nth++
		}
	}
	c.order = append(c.order, now)
	return now
}

func (c *calls) made() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.order)
}

// withoutPolls leaves once what is asked again and again at the end, and twice what may have been asked for another reason before.
func withoutPolls(order []call) []call {
	for period := 1; 3*period <= len(order); period++ {
		n := len(order)
		for n > period && order[n-period-1].kind == order[n-1].kind {
			n--
		}
		if len(order)-n >= 2*period {
			return order[:n-period+max(period, 2)]
		}
	}
	return order
}
