package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/recovery"
)

// elsewhere are moves that the demo provider never leads to, since it has no action but to sign in and makes no session itself. In front of
// Kratos and Hydra the gateway dies after the last call before a session is committed, and before the first after it; see
// TestSoakKratosComesBackFromEveryCall.
var elsewhere = regexp.MustCompile(" move prepare>(done|finish)$")

// unused is the move of a token that nobody used. It comes when the token is two minutes old.
const unused = "move granted>abandoning"

// The gateway dies at every point of the table in internal/recovery/points.go while people recover, one point after the
// other on the same store, and is started again. `make test` takes a tenth of them, by chance.
func TestSoakTheGatewayComesBackFromEveryPoint(t *testing.T) {
	random := seeded(t)
	points := slices.DeleteFunc(recovery.Points(), func(p string) bool {
		return elsewhere.MatchString(p) || !soaking() && strings.HasSuffix(p, unused)
	})
	random.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	slices.SortStableFunc(points, func(a, b string) int { // by then some tokens are old enough
		return strings.Count(a, unused) - strings.Count(b, unused)
	})
	points = points[:rounds(len(points))]
	e := crashing(t, people(4+len(points)))
	c := gathered(t, e, append(people(4), people(2)...)) // two have two devices each
	var victims []*person                                // each leaves a lease behind, for which nobody else should wait
	for _, name := range people(4 + len(points))[4:] {
		victims = append(victims, enrolled(t, e, name))
	}
	c.begin()
	for i, point := range points {
		if proofOf(point).code {
			victims[i].bindCodes()
		}
	}
	for i, point := range points {
		c.dieAt(victims[i], point)
	}
	startAgain(t, e)
	c.goOn()
	c.end()
	c.bringAgain()
	c.people = append(c.people, victims...)
	if soaking() {
		c.settle()
	}
	c.check(soaking())
	noPanic(t, e)
}

// crashing starts a gateway that can be told where to die.
func crashing(t *testing.T, names []string) *env.Env {
	t.Helper()
	buildCrashing(t)
	return own(t, env.Options{IdP: env.Demo, Patient: true, Users: names, Caddy: "caddy-crashpoints", Gateway: []string{env.Method("recovery_code")}})
}

// buildCrashing builds the Caddy that can be told where to die.
func buildCrashing(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and starts programs")
	}
	build := exec.Command("make", "-s", "-C", "..", "bin/caddy-crashpoints")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
}

func TestNoProductCanBeToldToDie(t *testing.T) {
	buildCrashing(t)
	for program, can := range map[string]bool{"caddy": false, "regrant": false, "caddy-crashpoints": true} {
		code, err := os.ReadFile(filepath.Join(bin, program))
		fatal(t, err)
		if bytes.Contains(code, []byte("REGRANT_CRASHPOINT")) != can {
			t.Errorf("%s looks where to die: %v", program, !can)
		}
	}
}

// dieAt starts the gateway so that it dies at point, and leads a recovery of victim there, while the crowd goes on.
func (c *crowd) dieAt(victim *person, point string) {
	c.t.Helper()
	began := time.Now()
	_, place, _ := strings.Cut(point, " ")
	if from, ok := strings.CutSuffix(strings.TrimPrefix(place, "move "), ">abandoning"); ok && from != "granted" {
		// One that died in the middle of what is done in that state stays there until its lease has run out. A newer
		// recovery of the account ends it.
		c.start(holding[from])
		c.lead(victim, c.recover)
	}
	c.start(point)
	c.lead(victim, proofOf(point).recover(c))
	c.t.Logf("%s, after %s", point, time.Since(began).Round(time.Millisecond))
}

// holding is where to die so that a recovery stays in a state for as long as a lease, or a code.
var holding = map[string]string{
	"prepare": "before step prepare", "session": "after move prepare>session", "finish": "before call Finish",
}

// start starts the gateway with its point to die at. It may die before it listens.
func (c *crowd) start(point string) {
	c.t.Helper()
	c.e.KillCaddy()
	c.e.Client.CloseIdleConnections()
	err := c.e.StartCaddy(c.t.Context(), "REGRANT_CRASHPOINT="+point)
	select {
	case <-c.e.CaddyEnded():
	default:
		fatal(c.t, err)
	}
}

// lead recovers the account of victim, in whatever way, until the gateway has died.
func (c *crowd) lead(victim *person, recover func(context.Context, *person, int) error) {
	c.t.Helper()
	ctx, gone := context.WithTimeout(c.t.Context(), 150*time.Second)
	defer gone()
	go func() {
		select {
		case <-c.e.CaddyEnded():
			gone()
		case <-ctx.Done():
		}
	}()
	for n := 0; ctx.Err() == nil; n++ {
		if recover(ctx, victim, n) == nil { // it dies in the middle of one, or behind the session: that is looked for a second later
			pause(ctx, 2*time.Second)
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		c.t.Fatal("the gateway never came to that point")
	}
}
