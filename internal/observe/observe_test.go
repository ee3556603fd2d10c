package observe

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/regrant/regrant/upstream"
)

func TestOperationsNamesEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), Table()) {
		t.Errorf("docs/operations.md does not hold this table:\n%s", Table())
	}
}

// Verbs are told from what calls nobody by the context that they take. There is no adapter below, so each of them panics;
// it has been counted all the same if it is observed.
func TestEveryCallOfTheIdentityProviderIsObserved(t *testing.T) {
	observed := reflect.ValueOf(upstream.Adapter(&observedAdapter{name: "test"}))
	verbs := 0
	for m := range reflect.TypeFor[upstream.Adapter]().Methods() {
		if m.Type.NumIn() == 0 || m.Type.In(0) != reflect.TypeFor[context.Context]() {
			continue
		}
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for i := 1; i < m.Type.NumIn(); i++ {
			args = append(args, reflect.Zero(m.Type.In(i)))
		}
		func() {
			defer func() { _ = recover() }()
			observed.MethodByName(m.Name).Call(args)
		}()
		if verbs++; testutil.CollectAndCount(upstreamSeconds) != verbs {
			t.Errorf("%s is not observed", m.Name)
			verbs--
		}
	}
}

func TestOutcomesOfCallsAreWordsOfAList(t *testing.T) {
	for err, want := range map[error]string{
		nil: "ok", upstream.ErrRefused: "refused", upstream.ErrNoAccount: "no-account", upstream.ErrAmbiguous: "ambiguous",
		upstream.ErrUnsupported: "unsupported", upstream.ErrNoLogin: "no-login", upstream.ErrTooOld: "unavailable", errors.New("of alice"): "unavailable",
	} {
		if got := callOutcome(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
