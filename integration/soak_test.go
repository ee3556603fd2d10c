package integration

import (
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// rounds is how often a soak repeats: in full under `make soak`, a tenth otherwise.
func rounds(full int) int {
	if soaking() {
		return full
	}
	return max(1, full/10)
}

// The gateway is killed while recoveries are under way. Whatever it has answered holds afterwards, and what it had begun
// comes to its end; integration/checker says what that means.
func TestSoakKillsLoseNothingThatWasAnswered(t *testing.T) {
	names := people(6)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Users: names})
	c := gathered(t, e, append(names, names[0], names[1])) // two have two devices each
	random := seeded(t)
	c.begin()
	for round := range rounds(30) {
		after := time.Duration(100+random.IntN(900)) * time.Millisecond
		<-time.After(after) // the moment is what is drawn, not a condition
		e.KillCaddy()
		e.Client.CloseIdleConnections()
		fatal(t, e.StartCaddy(t.Context()))
		t.Logf("round %d: killed after %s", round, after)
	}
	c.goOn()
	c.end()
	c.bringAgain()
	if soaking() {
		c.settle()
	}
	c.check(soaking())
	noPanic(t, e)
}
