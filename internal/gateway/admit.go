package gateway

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
)

// holders are the endpoints, below the prefix, at which only somebody can have success who was given something here: a
// recovery, a token, a code, a session. They have a lane of their own, so that no flood of strangers keeps a granted recovery from
// its end, and no limit by network: whoever shares a network with an attacker still gets to the end. Every other request
// that changes something is a stranger's; so is one that binds an authenticator, which can wait.
var holders = map[string]bool{
	"status": true, "handoff": true, "token": true, "complete": true, "continue": true, "oidc/token": true, "oidc/cancel": true,
	"logout": true, "introspect": true, "revoke": true, "authenticators/{id}": true, "report-lost": true,
	devicePath + "/finish": true,
}

// crowded is when to come again to a lane that is full: each place in it is soon free.
const crowded = 2 * time.Second

// admit takes the limits of a POST or DELETE, before anything costly is done for it, and leaves its body in r, whole and bounded.
// Whoever is let in calls leave.
func (g *Gateway) admit(w http.ResponseWriter, r *http.Request) (leave func(), err error) {
	lane := g.lane(r)
	if lane == g.Throttle.Strangers {
		if err := g.count(r); err != nil {
			return nil, err
		}
	}
	most, free, err := g.room(r)
	if err != nil {
		return nil, err
	}
	// Whoever sends slowly holds no place meanwhile: only a request that is here as a whole gets one.
	body, err := readAll(w, r, most)
	if err != nil {
		free()
		return nil, err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out, ok := lane.Enter(throttle.Site(g.ClientIP(r)))
	if !ok {
		free()
		return nil, throttled(crowded)
	}
	return func() { out(); free() }, nil
}

// large are the endpoints, below the prefix, at which the event log of a machine may come along.
var large = map[string]bool{"attest": true, "devices/challenge": true, "devices/enroll": true}

// room is how much of r's body may be read, until free is called. Much is read of few requests at a time, and only of those that
// say beforehand that they bring it, so that a flood of slow senders takes up no more memory than without them.
func (g *Gateway) room(r *http.Request) (most int64, free func(), err error) {
	if r.ContentLength <= wire.MaxBody || !large[g.endpoint(g.route(r.URL.Path))] {
		return wire.MaxBody, func() {}, nil
	}
	if r.ContentLength > wire.MaxLargeBody {
		return 0, nil, errTooLarge
	}
	free, ok := g.Throttle.Large.Enter(throttle.Site(g.ClientIP(r)))
	if !ok {
		return 0, nil, throttled(crowded)
	}
	return wire.MaxLargeBody, free, nil
}

// count counts r against the limit of its network.
func (g *Gateway) count(r *http.Request) error {
	if retry, ok := g.Throttle.Network(g.ClientIP(r)); !ok {
		return throttled(retry)
	}
	return nil
}

// lane is the one that r belongs into.
func (g *Gateway) lane(r *http.Request) *throttle.Lane {
	if holders[g.endpoint(g.route(r.URL.Path))] {
		return g.Throttle.Holders
	}
	return g.Throttle.Strangers
}

// compute does work for r when its turn comes; an error means that nobody waits for the answer any more.
func (g *Gateway) compute(r *http.Request, work func()) error {
	if g.lane(r).Compute(r.Context(), work) != nil {
		return throttled(crowded)
	}
	return nil
}
