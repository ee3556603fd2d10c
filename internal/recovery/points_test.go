package recovery

import (
	"reflect"
	"slices"
	"testing"

	"github.com/regrant/regrant/upstream"
)

func TestEveryStateAndEveryStepHasPointsOfDeath(t *testing.T) {
	points := Points()
	has := func(place string) bool {
		return slices.Contains(points, before(place)) && slices.Contains(points, after(place))
	}
	for _, tr := range transitions {
		if !has(movePoint(tr.from, tr.to)) {
			t.Errorf("%q to %q has none", tr.from, tr.to)
		}
		if tr.to.Final() || tr.to == StateGranted || tr.to == StateProving { // nothing is done in these: they end, or wait for a token or a proof
			continue
		}
		if _, called := calls[tr.to]; !called && tr.to != StatePrepare { // in which the steps are done
			t.Errorf("what is done in %q has none", tr.to)
		}
	}
	for _, st := range steps {
		if !has(stepPoint(st.name)) {
			t.Errorf("the step %q has none", st.name)
		}
	}
}

// What the adapter can be asked and what is asked in a recovery are held side by side, so that a new verb is not left out.
func TestEveryCallInARecoveryHasPointsOfDeath(t *testing.T) {
	inSteps := []string{"State", "Revoke", "Prepare"}
	elsewhere := []string{"Facts", "Guard", "Resolve", "LoginURL", "LoginResult"}
	adapter := reflect.TypeFor[upstream.Adapter]()
	for i := range adapter.NumMethod() {
		verb := adapter.Method(i).Name
		_, called := mapValues(calls)[verb]
		if !called && !slices.Contains(inSteps, verb) && !slices.Contains(elsewhere, verb) {
			t.Errorf("%s has none", verb)
		}
	}
}

func mapValues(m map[State]string) map[string]bool {
	values := map[string]bool{}
	for _, v := range m {
		values[v] = true
	}
	return values
}
